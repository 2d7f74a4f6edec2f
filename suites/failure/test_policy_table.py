"""The table of restart policies: what becomes of a Pod whose containers end so or so (pod-lifecycle)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from podvow.expect import (
    Fact,
    exited_with,
    kept_sandbox,
    never_ran,
    phase_never,
    phase_reached,
    phase_stayed,
    ran,
    started_only_after,
)
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import Condition, phase, runs
from podvow.scenario.edits import codes, containers
from podvow.scenario.model import promised

INITS = {"init-ok": "0", "init-fails-once": "1 0", "init-fails-always": "1"}
ENDED = phase("Succeeded", "Failed")
FOREVER = phase_never("Succeeded", "Failed")
FAILS = {"command": ["sh", "-c", "sleep 2; exit 1"]}
SUCCEEDS_LATER = {"command": ["sleep", "5"]}


def row(policy: str, init: str, app_code: int) -> tuple[Condition, list[Fact]]:
    """Return what a row of the table waits for and what it promises."""
    retried = policy != "Never"
    if init == "init-fails-always" or (init == "init-fails-once" and not retried):
        blocked = [never_ran("app"), exited_with("init", 1, run=-1)]
        if retried:
            return runs("init", 3), [*blocked, ran("init", at_least=3), phase_stayed("Pending", None)]
        return ENDED, [*blocked, ran("init", times=1), phase_reached("Failed")]
    started = [ran("init", times=len(INITS[init].split())), started_only_after("app", "init")]
    if policy == "Always" or (policy == "OnFailure" and app_code):
        again = [ran("app", at_least=3), exited_with("app", app_code, run=2), phase_reached("Running"), FOREVER]
        return runs("app", 3) & phase("Running"), [*started, *again]
    final = "Failed" if app_code else "Succeeded"
    return ENDED, [*started, ran("app", times=1), exited_with("app", app_code), phase_reached(final)]


def rows() -> list[Any]:
    made = []
    for policy, init, app_code in product(("Always", "OnFailure", "Never"), INITS, (0, 1)):
        until, facts = row(policy, init, app_code)
        name = f"{policy}-{init}-app-exits-{app_code}"
        told = {"spec": {**codes(init=INITS[init], app=str(app_code))["spec"], "restartPolicy": policy}}
        made.append(pytest.param(told, until, 6 if until is ENDED else 16, facts, id=name))
    return made


@claim("failure.policy-table.phase-and-runs")
@pytest.mark.parametrize(("edits", "until", "typical_s", "facts"), rows())
@scenario(pod="exits-as-told")
def test_policy_and_exit_codes_decide_on_phase_and_runs(
    timeline: Trial, edits: dict[str, Any], until: Condition, typical_s: float, facts: list[Fact]
) -> None:
    timeline.must(*facts, kept_sandbox(after=None))


@claim("failure.policy-table.phase-and-runs")
@scenario(
    pod="exits-as-told",
    restart_policy="OnFailure",
    edits=codes(app="1 0"),
    until=promised(phase("Succeeded")),
    typical_s=8,
)
def test_a_pod_whose_app_has_succeeded_at_last_has_succeeded(timeline: Trial) -> None:
    timeline.must(
        exited_with("app", 1, run=1),
        exited_with("app", 0, run=2),
        ran("app", times=2),
        phase_reached("Succeeded"),
        phase_never("Failed"),
    )


@claim("failure.policy-table.phase-and-runs")
@pytest.mark.parametrize(
    ("failing", "edits"),
    [
        pytest.param("app-a", containers(apps={"app-a": FAILS, "app-b": SUCCEEDS_LATER}), id="fails-first"),
        pytest.param("app-b", containers(apps={"app-a": {"command": ["true"]}, "app-b": FAILS}), id="fails-last"),
    ],
)
@scenario(pod="three-inits-two-apps", restart_policy="Never", until=ENDED, typical_s=16)
def test_a_pod_of_whose_apps_one_has_failed_has_failed(
    timeline: Trial, failing: str, edits: dict[str, Any]
) -> None:
    other = {"app-a": "app-b", "app-b": "app-a"}[failing]
    timeline.must(
        exited_with(failing, 1),
        exited_with(other, 0),
        phase_reached("Failed"),
        phase_never("Succeeded"),
    )
