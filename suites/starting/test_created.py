"""A container that was created and not started is started all the same."""

from __future__ import annotations

import pytest

from podvow.expect import SINCE_FAULT, kept_sandbox, not_rerun, ran, ran_in_order, started_only_after
from podvow.faults import send_term
from podvow.faults.record import create_record
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import SETTLED, while_kubelet_is_down
from podvow.scenario.conditions import running, said


@claim("starting.runtime-error.retried")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="told-init",
    steady=said("init-2", "up"),
    then=while_kubelet_is_down(create_record("init-3", like="init-2"), send_term("init-2"), then=running("app")),
    hold=SETTLED,
    typical_s=45,
)
def test_an_init_container_that_was_created_and_not_started_is_started(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        not_rerun("init-1", "init-2", after=SINCE_FAULT),
        ran("init-3", times=1),
        ran_in_order("init-1", "init-2", "init-3", "app"),
        started_only_after("app", "init-3"),
        kept_sandbox(after=SINCE_FAULT),
    )
