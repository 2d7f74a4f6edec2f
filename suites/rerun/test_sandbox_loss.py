"""A lost sandbox makes init containers run again (init-containers#pod-restart-reasons)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    kept_uid,
    new_sandbox,
    not_rerun,
    not_restarted,
    phase_while_initialising,
    ran,
    ran_in_order,
    reran_in_order,
    restarted,
    start_time_kept,
    started_only_after,
)
from podvow.faults import kill_pause, remove_sandbox, stop_sandbox
from podvow.faults.base import Fault
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import phase, running, started, started_anew, terminated
from podvow.scenario.model import Inject, Until, promised

LOSSES = [
    pytest.param(kill_pause(), id="kill_pause"),
    pytest.param(stop_sandbox(), id="stop_sandbox"),
    pytest.param(remove_sandbox(), id="remove_sandbox"),
]


@claim("rerun.sandbox-loss.all-inits-in-order")
@pytest.mark.parametrize("fault", LOSSES)
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    until=running("app-a", "app-b", anew=True),
    typical_s=18,
)
def test_a_lost_sandbox_makes_all_init_containers_run_again_in_order(timeline: Trial, fault: Fault) -> None:
    timeline.must(
        new_sandbox(),
        reran_in_order("init-1", "init-2", "init-3"),
        restarted("app-a"),
        restarted("app-b"),
        started_only_after("app-a", "init-1", "init-2", "init-3", after=FAULT),
        started_only_after("app-b", "init-1", "init-2", "init-3", after=FAULT),
        phase_while_initialising("Pending", after=FAULT),
        kept_uid(),
        start_time_kept(),
    )


@claim("rerun.sandbox-loss.all-inits-in-order")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=kill_pause(),
    until=promised(running("app-a", "app-b", anew=True)),
    then=(Inject(kill_pause()), Until(running("app-a", "app-b", anew=True), control=True)),
    typical_s=34,
)
def test_a_sandbox_that_is_lost_once_more_makes_all_init_containers_run_once_more(timeline: Trial) -> None:
    timeline.must(
        new_sandbox(after=SECOND_FAULT),
        reran_in_order("init-1", "init-2", "init-3", after=SECOND_FAULT),
        *(started_only_after(app, "init-1", "init-2", "init-3", after=SECOND_FAULT) for app in ("app-a", "app-b")),
        *(ran(container, times=3) for container in ("init-1", "init-2", "init-3", "app-a", "app-b")),
        kept_uid(after=SECOND_FAULT),
    )


@claim("rerun.sandbox-loss.during-init")
@pytest.mark.parametrize("fault", LOSSES)
@scenario(pod="long-init", steady=started("init-2"), until=started_anew("init-2"), typical_s=12)
def test_a_sandbox_lost_while_initialising_starts_again_from_the_first_init_container(
    timeline: Trial, fault: Fault
) -> None:
    timeline.must(
        new_sandbox(),
        ran_in_order("init-1", "init-2", after=FAULT),
        ran("init-1", times=2),
        ran("init-2", times=2),
        kept_uid(),
    )


@claim("rerun.sandbox-loss.never-policy-ends-pod")
@pytest.mark.parametrize("fault", LOSSES[:2])
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Never",
    steady=running("app-a", "app-b"),
    until=phase("Failed", "Succeeded"),
    hold="quiet",
    typical_s=45,
)
def test_under_never_a_lost_sandbox_ends_the_pod_without_running_inits_again(timeline: Trial, fault: Fault) -> None:
    timeline.must(
        not_rerun("init-1", "init-2", "init-3"),
        not_restarted("app-a", "app-b"),
        new_sandbox(times=0),
        kept_uid(),
    )


@claim("rerun.sandbox-loss.on-failure-policy")
@pytest.mark.parametrize("fault", LOSSES[:2])
@scenario(
    pod="one-app-done",
    steady=terminated("app-done") & running("app-long"),
    until=started_anew("app-long"),
    hold="quiet",
    typical_s=45,
)
def test_under_on_failure_inits_run_again_and_a_succeeded_app_does_not(timeline: Trial, fault: Fault) -> None:
    timeline.must(
        new_sandbox(),
        reran_in_order("init-1", "init-2"),
        restarted("app-long"),
        not_restarted("app-done"),
        kept_uid(),
    )
