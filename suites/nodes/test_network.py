"""A sandbox that cannot be made is tried again until it can, whatever the restart policy."""

from __future__ import annotations

from podvow.expect import ran, ran_in_order, restart_count_was
from podvow.faults import create
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import without_network
from podvow.scenario.conditions import event_told, running


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
