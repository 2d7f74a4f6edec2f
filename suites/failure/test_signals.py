"""Init containers that are ended by a signal from outside, under each restart policy."""

from __future__ import annotations

import pytest

from podvow.expect import (
    exited_with,
    kept_sandbox,
    kept_uid,
    never_ran,
    pod_failed,
    ran,
    ran_in_order,
    restart_count_was,
    said,
    terminated_with,
    was_signalled,
)
from podvow.faults import send_term
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import phase, running, runs, started
from podvow.scenario.conditions import said as has_said


@claim("failure.signal.term-counts-as-failure")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
@scenario(
    pod="long-init",
    steady=started("init-2"),
    fault=send_term("init-2"),
    until=runs("init-2", 2),
    typical_s=9,
)
def test_an_init_container_ended_by_term_has_failed_and_is_retried(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        was_signalled("init-2"),
        exited_with("init-2", 143),
        ran("init-2", times=2),
        ran("init-1", times=1),
        never_ran("init-3", "app"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("failure.signal.term-counts-as-failure")
@scenario(
    pod="long-init",
    restart_policy="Never",
    steady=started("init-2"),
    fault=send_term("init-2"),
    until=phase("Failed"),
    hold="quiet",
    typical_s=40,
)
def test_under_never_an_init_container_ended_by_term_fails_the_pod(timeline: Trial) -> None:
    timeline.must(
        exited_with("init-2", 143),
        pod_failed(),
        terminated_with("init-2", reason="Error", code=143),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
    )


@claim("failure.signal.handled-counts-as-success")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="term-exits-zero",
    steady=has_said("init-2", "ready"),
    fault=send_term("init-2"),
    until=running("app"),
    typical_s=9,
)
def test_an_init_container_that_handles_the_signal_and_exits_with_0_has_succeeded(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        was_signalled("init-2"),
        said("init-2", "cleaned"),
        exited_with("init-2", 0),
        ran_in_order("init-1", "init-2", "init-3", "app"),
        ran("init-2", times=1),
        restart_count_was("init-2", 0),
        kept_sandbox(),
    )
