"""Deleting a Pod that initialises, and creating it again (pod-lifecycle#pod-termination)."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    exited_with,
    never_ran,
    phase_reached,
    pod_showed_last,
    ran,
    recreated_with_new_uid,
    said,
    started_only_after,
)
from podvow.faults import delete_pod, recreate_pod, release_pod
from podvow.labels import HOLD_FINALIZER
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import Condition, gone, phase, running, started
from podvow.scenario.conditions import said as has_said
from podvow.scenario.model import Hold, Inject, Until


def created_again(back: Condition) -> scenario:
    """Return the scenario of a Pod that is deleted, created again, and waited for until it is back."""
    return scenario(
        pod="hand-over",
        steady=running("app"),
        fault=delete_pod(grace_s=1),
        until=gone(),
        then=(Inject(recreate_pod("hand-over")), Until(back, control=True)),
        typical_s=16,
    )


@claim("termination.delete-during-init.app-never-starts")
@scenario(
    pod="long-init",
    edits={"metadata": {"finalizers": [HOLD_FINALIZER]}},
    steady=started("init-2"),
    fault=delete_pod(grace_s=2),
    until=phase("Failed"),
    then=(Hold("quiet"), Inject(release_pod())),
    typical_s=42,
)
def test_deleting_an_initialising_pod_stops_its_init_and_starts_nothing_more(timeline: Trial) -> None:
    timeline.must(
        exited_with("init-2", 143),
        ran("init-1", times=1),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
        pod_showed_last("status/containerStatuses/app/state/waiting/reason", "PodInitializing"),
        phase_reached("Failed", after=FAULT),
    )


@claim("termination.recreated-pod.initialises-anew")
@created_again(running("app", anew=True) & has_said("app", "read=", anew=True))
def test_a_pod_created_again_under_its_name_initialises_from_scratch(timeline: Trial) -> None:
    timeline.must(
        recreated_with_new_uid(),
        ran("init-1", times=2),
        said("init-1", "wrote=1", after=SECOND_FAULT),
        said("app", "read=1", after=SECOND_FAULT),
        started_only_after("app", "init-1", after=SECOND_FAULT),
    )


@claim("termination.recreated-pod.initialises-anew")
@created_again(running("app", anew=True))
def test_a_pod_created_again_under_its_name_finds_its_volumes_empty(timeline: Trial) -> None:
    # by the status: the trace lies in such a volume itself
    timeline.must(
        recreated_with_new_uid(),
        pod_showed_last("status/initContainerStatuses/init-1/state/terminated/message", "1\n", after=SECOND_FAULT),
    )
