"""Scheduling by the effective request (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    After,
    not_rerun,
    not_restarted,
    phase_stayed,
    ran,
    scheduled,
    stayed_unschedulable,
)
from podvow.faults import create, delete_pod, offer
from podvow.faults.gates import open_gates
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import pod_shows, running
from podvow.scenario.model import Hold, Inject, Step, Until
from podvow.scenario.sized import sized

WANTED, HELD, BESIDE = "podvow.dev/wanted", "podvow.dev/held", "podvow.dev/beside"
REFUSED = pod_shows("status/conditions/PodScheduled/reason", "Unschedulable")
HELD_BACK = pod_shows("status/conditions/PodScheduled/reason", "SchedulingGated")
PLACED = pod_shows("status/conditions/PodScheduled/status", "True")
GATED = {"schedulingGates": [{"name": "podvow.dev/not-yet"}]}


def another_wants(late: str, *, watched: str) -> tuple[Step, ...]:
    """Return the steps that let the Pod run, create another one that wants what is left, and remove the first."""
    return (
        Hold("notice"),
        Inject(open_gates()),
        Until(running("app"), control=True),
        Inject(create(f"pods/{late}")),
        # whatever the scheduler decides: what it ought to is the expectation's affair
        Until(pod_shows("status/conditions/PodScheduled/status", "False", "True", pod=late), control=True),
        Hold(watched),
        Inject(delete_pod(grace_s=1)),
        Until(running("app", pod=late), control=True),
    )


@claim("resources.scheduling.uses-effective-request")
@pytest.mark.parametrize(
    ("edits", "why"),
    [
        pytest.param(sized("init-1 cpu=2000/", "app cpu=1m/"), "Insufficient cpu", id="init-cpu"),
        pytest.param(sized("init-1 memory=90Ti/", "app memory=1Mi/"), "Insufficient memory", id="init-memory"),
        pytest.param(
            sized("init-1 ephemeral-storage=90Pi/", "app"), "Insufficient ephemeral-storage", id="init-storage"
        ),
        pytest.param(sized("side-1 cpu=2000/", "app cpu=1m/"), "Insufficient cpu", id="sidecar-cpu"),
    ],
)
@scenario(pod="bare", until=REFUSED, hold="quiet", typical_s=33)
def test_a_pod_whose_init_container_fits_no_node_is_not_scheduled(timeline: Trial, why: str, edits: object) -> None:
    timeline.must(stayed_unschedulable(why), phase_stayed("Pending", None))


@claim("resources.scheduling.uses-effective-request")
@scenario(
    objects=("pods/witness",),
    pod="bare",
    edits={"spec": {**sized(f"side-1 {WANTED}=1", f"init-1 {WANTED}=3", f"app {WANTED}=1")["spec"], **GATED}},
    steady=HELD_BACK & pod_shows("status/conditions/PodScheduled/reason", "SchedulingGated", pod="witness"),
    fault=offer(WANTED, 4),
    then=(
        Hold("notice"),
        Inject(open_gates("witness")),
        Until(running("app", pod="witness")),
        Inject(open_gates()),
        # whatever the scheduler decides: what it ought to is the expectation's affair
        Until(REFUSED | PLACED, control=True),
        Hold("publish"),
        Inject(offer(WANTED, 5)),
        Until(PLACED, control=True),
    ),
    typical_s=25,
)
def test_a_pod_is_scheduled_where_its_effective_request_just_fits(timeline: Trial) -> None:
    timeline.must(
        scheduled(pod="witness", after=After(1)),
        stayed_unschedulable(f"Insufficient {WANTED}", after=After(2)),
        # Only that: the kubelet may learn of the second offer after the scheduler, and then it refuses the Pod.
        scheduled(after=After(3)),
    )


@claim("resources.scheduling.reservation-lasts")
@scenario(
    pod="holder",
    steady=HELD_BACK,
    fault=offer(HELD, 3),
    then=another_wants("late", watched="quiet"),
    typical_s=48,
)
def test_what_an_init_container_asked_for_stays_reserved_after_it_has_finished(timeline: Trial) -> None:
    timeline.must(
        scheduled(after=After(1)),
        ran("init-1", times=1),
        stayed_unschedulable(f"Insufficient {HELD}", after=After(2), pod="late"),
        not_rerun("init-1", after=After(2)),
        not_restarted("app", after=After(2)),
        scheduled(after=After(3), pod="late"),
    )


@claim("resources.scheduling.reservation-lasts")
@scenario(
    pod="bare",
    edits={"spec": {**sized(f"side-1 {BESIDE}=1", f"init-1 {BESIDE}=1", f"app {BESIDE}=2")["spec"], **GATED}},
    steady=HELD_BACK,
    fault=offer(BESIDE, 3),
    then=another_wants("late-beside", watched="notice"),
    typical_s=28,
)
def test_what_a_sidecar_asks_for_is_reserved_beside_what_apps_ask_for(timeline: Trial) -> None:
    timeline.must(
        scheduled(after=After(1)),
        stayed_unschedulable(f"Insufficient {BESIDE}", after=After(2), pod="late-beside"),
        not_restarted("side-1", "app", after=After(2)),
        scheduled(after=After(3), pod="late-beside"),
    )
