"""A sandbox that cannot be made is tried again until it can, whatever the restart policy."""

from __future__ import annotations

from podvow.expect import (
    SINCE_FAULT,
    kept_uid,
    new_sandbox,
    ran,
    ran_in_order,
    reran_in_order,
    restart_count_was,
    restarted,
    started_only_after,
)
from podvow.faults import create, kill
from podvow.faults.netns import lose_address
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import without_network
from podvow.scenario.conditions import event_told, running
from podvow.scenario.model import Inject, Until


def late(pod: str) -> scenario:
    """Create a Pod while its node's network is broken; it must come up after that is healed."""
    steps = without_network(
        create(f"pods/{pod}"),
        seen=event_told("FailedCreatePodSandBox", pod=pod),
        then=running("app", pod=pod),
    )
    return scenario(objects=["objects/settings"], then=steps, typical_s=40)


def _came_up(timeline: Trial, pod: str) -> None:
    timeline.must(
        ran("init-1", times=1, pod=pod),
        ran("init-2", times=1, pod=pod),
        ran("app", times=1, pod=pod),
        ran_in_order("init-1", "init-2", "app", pod=pod),
        restart_count_was("init-1", 0, pod=pod),
    )


@claim("nodes.network-broken.sandbox-retried")
@late("late-always")
def test_a_pod_comes_up_once_the_network_of_its_node_is_healed(timeline: Trial) -> None:
    _came_up(timeline, "late-always")


@claim("nodes.network-broken.sandbox-retried")
@late("late-never")
def test_a_sandbox_that_cannot_be_made_does_not_fail_a_pod_under_never(timeline: Trial) -> None:
    _came_up(timeline, "late-never")


@claim("nodes.sandbox-without-address.replaced")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=lose_address(),
    # The kubelet looks at the Pod as soon as something happens in it.
    then=[Inject(kill("app-b")), Until(running("app-a", "app-b", anew=True), control=True)],
    typical_s=25,
)
def test_a_sandbox_that_has_lost_its_address_is_replaced_and_all_init_containers_run_again(timeline: Trial) -> None:
    timeline.must(
        new_sandbox(after=SINCE_FAULT),
        reran_in_order("init-1", "init-2", "init-3", after=SINCE_FAULT),
        restarted("app-a", after=SINCE_FAULT),
        started_only_after("app-a", "init-1", "init-2", "init-3", after=SINCE_FAULT),
        kept_uid(after=SINCE_FAULT),
    )
