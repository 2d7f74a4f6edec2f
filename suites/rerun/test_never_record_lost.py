"""Under Never the sandbox is lost with its record, so that the kubelet finds nothing of the Pod."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    SINCE_FAULT,
    kept_uid,
    never_ran,
    new_sandbox,
    not_restarted,
    phase_never,
    phase_reached,
)
from podvow.faults import remove_sandbox
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import while_kubelet_is_down
from podvow.scenario.conditions import phase, running


@claim("rerun.sandbox-removed.never-policy")
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Never",
    steady=running("app-a", "app-b"),
    fault=remove_sandbox(),
    until=phase("Failed", "Succeeded"),
    hold="quiet",
    typical_s=48,
)
def test_under_never_a_sandbox_lost_with_its_record_ends_the_pod(timeline: Trial) -> None:
    timeline.must(
        new_sandbox(times=0),
        never_ran("init-1", "init-2", "init-3", after=FAULT),
        not_restarted("app-a", "app-b"),
        phase_never("Succeeded"),
        kept_uid(),
    )


@claim("rerun.sandbox-removed.never-policy")
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Never",
    steady=running("app-a", "app-b"),
    # an awake kubelet may have seen them exit before their records went
    then=while_kubelet_is_down(remove_sandbox(), then=phase("Failed", "Succeeded")),
    typical_s=30,
)
def test_under_never_containers_that_vanished_while_the_kubelet_was_down_did_not_succeed(
    timeline: Trial,
) -> None:
    timeline.must(
        never_ran("init-1", "init-2", "init-3", after=SINCE_FAULT),
        not_restarted("app-a", "app-b", after=SINCE_FAULT),
        phase_reached("Failed", after=SINCE_FAULT),
        phase_never("Succeeded"),
    )
