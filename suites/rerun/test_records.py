"""Lost records of finished init containers (init-containers#pod-restart-reasons)."""

from __future__ import annotations

from functools import partial

import pytest

from podvow.expect import (
    FAULT,
    SINCE_FAULT,
    After,
    condition_stayed,
    kept_running,
    kept_sandbox,
    kept_uid,
    not_rerun,
    phase_stayed,
    ran,
    ran_in_order,
    reran_in_order,
    restarted,
    started_only_after,
)
from podvow.faults import kill, send_term
from podvow.faults.record import remove_records
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import SETTLED, while_kubelet_is_down
from podvow.scenario.conditions import running, runs, said, started_anew, waiting
from podvow.scenario.model import Inject, Step, Until

INITS = ("init-1", "init-2", "init-3")
APPS = ("app-a", "app-b")
ONE_APP_DIES: tuple[Step, ...] = (Inject(kill("app-b")), Until(started_anew("app-b"), control=True))
"""Makes the kubelet look at the Pod at once: without it the loss may go unnoticed for the length of a resync."""
two_apps = partial(scenario, pod="three-inits-two-apps", steady=running(*APPS), hold=SETTLED, typical_s=45)
"""A running Pod whose node's kubelet is stopped and started."""


@claim("rerun.records.lost-while-running")
@scenario(
    pod="three-inits-two-apps",
    steady=running(*APPS),
    fault=remove_records(*INITS),
    then=ONE_APP_DIES,
    hold="quiet",
    typical_s=50,
)
def test_lost_records_make_no_init_container_of_a_running_pod_run_again(timeline: Trial) -> None:
    timeline.must(
        not_rerun(*INITS, after=SINCE_FAULT),
        kept_running("app-a", after=SINCE_FAULT),
        restarted("app-b", after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
        phase_stayed("Running", after=SINCE_FAULT),
        condition_stayed("Initialized", "True", after=SINCE_FAULT),
    )


@claim("rerun.records.lost-while-running")
@pytest.mark.parametrize("static", [False, True], ids=["api", "static"])
@two_apps(then=[*while_kubelet_is_down(remove_records(*INITS)), *ONE_APP_DIES])
def test_lost_records_and_a_restart_of_the_kubelet_make_no_init_container_run_again(
    timeline: Trial, *, static: bool
) -> None:
    timeline.must(
        not_rerun(*INITS, after=SINCE_FAULT),
        kept_running("app-a", after=SINCE_FAULT),
        restarted("app-b", after=After(3)),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("rerun.records.lost-mid-init")
@scenario(
    pod="told-init",
    steady=said("init-2", "up"),
    fault=remove_records("init-1"),
    then=[Inject(send_term("init-2")), Until(running("app"), control=True)],
    hold=SETTLED,
    typical_s=30,
)
def test_the_lost_record_of_an_earlier_init_container_does_not_matter_while_a_later_one_runs(
    timeline: Trial,
) -> None:
    timeline.must(
        not_rerun("init-1", after=SINCE_FAULT),
        ran("init-2", times=1),
        ran_in_order(*INITS, "app"),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("rerun.records.lost-mid-init")
@scenario(
    pod="told-init",
    steady=said("init-2", "up"),
    then=[
        *while_kubelet_is_down(remove_records("init-1")),
        Inject(send_term("init-2")),
        Until(running("app"), control=True),
    ],
    hold=SETTLED,
    typical_s=45,
)
def test_nor_does_it_matter_when_the_kubelet_is_restarted(timeline: Trial) -> None:
    timeline.must(
        not_rerun("init-1", after=SINCE_FAULT),
        ran("init-2", times=1),
        ran_in_order(*INITS, "app"),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("rerun.records.lost-before-next-started")
@scenario(
    pod="unpullable-init",
    steady=waiting("init-2", "ErrImagePull", "ImagePullBackOff"),
    fault=remove_records("init-1"),
    until=runs("init-1", 2),
    deadline_s=110,
    typical_s=30,
)
def test_a_record_lost_before_the_next_init_container_started_makes_it_run_again(timeline: Trial) -> None:
    timeline.must(ran("init-1", at_least=1, after=FAULT), kept_sandbox(), kept_uid())


@claim("rerun.records.lost-and-all-apps-dead")
@two_apps(then=while_kubelet_is_down(kill(*APPS), remove_records(*INITS), then=running(*APPS, anew=True)))
def test_apps_that_are_all_dead_and_lost_init_records_make_init_containers_run_again(timeline: Trial) -> None:
    timeline.must(
        reran_in_order(*INITS, after=After(2, to_the_end=True)),
        kept_sandbox(after=SINCE_FAULT),
        started_only_after("app-a", *INITS, after=After(2, to_the_end=True)),
    )


@claim("rerun.records.all-lost")
@two_apps(then=while_kubelet_is_down(kill(*APPS), remove_records(*INITS, *APPS), then=running(*APPS, anew=True)))
def test_with_the_records_of_the_apps_lost_too_init_containers_run_again(timeline: Trial) -> None:
    timeline.must(
        reran_in_order(*INITS, after=After(2, to_the_end=True)),
        started_only_after("app-a", *INITS, after=After(2, to_the_end=True)),
        started_only_after("app-b", *INITS, after=After(2, to_the_end=True)),
        kept_sandbox(after=SINCE_FAULT),
    )
