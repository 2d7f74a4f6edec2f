"""Scheduling by the effective request (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    After,
    not_rerun,
    not_restarted,
    phase_stayed,
    ran,
    scheduled,
    stayed_unschedulable,
)
from podvow.faults import create, delete_pod, offer
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import pod_shows, running
from podvow.scenario.model import Hold, Inject, Until
from podvow.scenario.sized import sized

WANTED, HELD = "podvow.dev/wanted", "podvow.dev/held"
REFUSED = pod_shows("status/conditions/PodScheduled/reason", "Unschedulable")


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
    edits=sized(f"side-1 {WANTED}=1", f"init-1 {WANTED}=3", f"app {WANTED}=1"),
    steady=REFUSED & pod_shows("status/conditions/PodScheduled/reason", "Unschedulable", pod="witness"),
    fault=offer(WANTED, 4),
    until=running("app", pod="witness"),
    then=(
        Hold("publish"),
        Inject(offer(WANTED, 5)),
        Until(running("app"), control=True),
    ),
    typical_s=25,
)
def test_a_pod_is_scheduled_where_its_effective_request_just_fits(timeline: Trial) -> None:
    timeline.must(
        scheduled(pod="witness"),
        stayed_unschedulable(f"Insufficient {WANTED}", after=FAULT),
        scheduled(after=SECOND_FAULT),
        ran("app", times=1, after=SECOND_FAULT),
    )


@claim("resources.scheduling.reservation-lasts")
@scenario(
    pod="holder",
    steady=REFUSED,
    fault=offer(HELD, 3),
    until=running("app"),
    then=(
        Inject(create("pods/late")),
        Until(pod_shows("status/conditions/PodScheduled/reason", "Unschedulable", pod="late"), control=True),
        Hold("quiet"),
        Inject(delete_pod(grace_s=1)),
        Until(running("app", pod="late"), control=True),
    ),
    typical_s=45,
)
def test_what_an_init_container_asked_for_stays_reserved_after_it_has_finished(timeline: Trial) -> None:
    timeline.must(
        scheduled(),
        ran("init-1", times=1),
        stayed_unschedulable(f"Insufficient {HELD}", after=SECOND_FAULT, pod="late"),
        not_rerun("init-1", after=SECOND_FAULT),
        not_restarted("app", after=SECOND_FAULT),
        scheduled(after=After(2), pod="late"),
    )
