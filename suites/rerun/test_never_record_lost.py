"""Under Never the sandbox is lost with its record, so that the kubelet finds nothing of the Pod."""

from __future__ import annotations

from podvow.expect import FAULT, kept_uid, never_ran, new_sandbox, not_restarted, phase_never
from podvow.faults import remove_sandbox
from podvow.marks import Trial, claim, scenario
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
