"""What follows when a container ends by itself with a code that restarts all (pod-lifecycle)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    Fact,
    exited_with,
    held_back,
    kept_sandbox,
    last_state_code,
    phase_reached,
    pod_showed_last,
    ran,
    restart_count_was,
    started_only_after,
)
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import phase, pod_shows, runs
from podvow.scenario.edits import containers, own, rule

ALL_88 = rule([88], action="RestartAllContainers")


def told(*, init: str = "0", app: str = "88 stay") -> dict[str, Any]:
    """Return the patch for an app that restarts everything with its exit code 88."""
    return containers(inits={"init": {"env": {"CODES": init}}}, apps={"app": own("Never", app, ALL_88)})


def by_rule(code: int, operator: str, values: list[int]) -> dict[str, Any]:
    """Return the patch for an app that exits with a code once, and restarts everything by this rule."""
    restarts = rule(values, operator=operator, action="RestartAllContainers")
    return containers(apps={"app": own("Never", f"{code} stay", restarts)})


ONCE = scenario(
    pod="exits-as-told",
    edits=told(),
    until=runs("app", 2) & pod_shows("status/containerStatuses/app/restartCount", 1),
    typical_s=9,
)
"""An app that restarts everything once; two tests look at one recording of it."""


@claim("restart-rules.restart-all.history-preserved")
@ONCE
def test_the_exit_code_that_caused_the_restart_stays_in_the_status(timeline: Trial) -> None:
    timeline.must(exited_with("app", 88), last_state_code("app", 88))


@claim("restart-rules.restart-all.counts-and-last-states")
@ONCE
def test_the_last_state_of_the_app_whose_exit_caused_the_restart_tells_of_the_restart(timeline: Trial) -> None:
    last = "status/containerStatuses/app/lastState/terminated"
    timeline.must(
        exited_with("app", 88),
        pod_showed_last(f"{last}/exitCode", 137),
        pod_showed_last(f"{last}/reason", "RestartingAllContainers"),
    )


@claim("restart-rules.restart-all.by-init-exit")
@scenario(
    pod="exits-as-told",
    edits=containers(inits={"init": own("Never", "88 0", ALL_88)}, apps={"app": {"env": {"CODES": "0"}}}),
    until=phase("Succeeded", "Failed"),
    typical_s=9,
)
def test_an_init_containers_exit_code_restarts_all(timeline: Trial) -> None:
    timeline.must(
        ran("init", times=2),
        exited_with("init", 88),
        exited_with("init", 0, run=2),
        ran("app", times=1),
        started_only_after("app", "init"),
        restart_count_was("init", 1),
        phase_reached("Succeeded"),
        kept_sandbox(after=None),
    )


@claim("restart-rules.restart-all.init-fails-then")
@pytest.mark.parametrize(
    ("restart_policy", "edits", "until", "facts"),
    [
        pytest.param(
            "Never",
            told(init="0 1"),
            phase("Succeeded", "Failed"),
            (ran("init", times=2), ran("app", times=1), phase_reached("Failed")),
            id="Never",
        ),
        pytest.param(
            "Always",
            told(init="0 1 0"),
            runs("app", 2) & phase("Running"),
            (ran("init", times=3), ran("app", times=2), phase_reached("Running")),
            id="Always",
        ),
        pytest.param(
            "OnFailure",
            told(init="0 1 0"),
            runs("app", 2) & phase("Running"),
            (ran("init", times=3), ran("app", times=2), phase_reached("Running")),
            id="OnFailure",
        ),
    ],
)
@scenario(pod="exits-as-told", typical_s=10)
def test_an_init_that_fails_after_the_restart_is_treated_by_the_restart_policy(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], until: Any, facts: tuple[Fact, ...]
) -> None:
    timeline.must(exited_with("app", 88), exited_with("init", 1, run=2), *facts, kept_sandbox(after=None))


LOOP = scenario(pod="exits-as-told", edits=told(app="88"), until=runs("app", 5), typical_s=24)
"""An app that restarts everything every time; two tests look at one recording of it."""


@claim("restart-rules.restart-all.backs-off")
@LOOP
def test_a_pod_that_restarts_again_and_again_is_held_back(timeline: Trial) -> None:
    timeline.must(held_back("app", run=5, at_least_s=40))


@claim("restart-rules.restart-all.every-time")
@LOOP
def test_a_pod_that_restarts_again_and_again_runs_everything_each_time(timeline: Trial) -> None:
    timeline.must(ran("app", at_least=5), ran("init", at_least=5), kept_sandbox(after=None))


@claim("restart-rules.restart-all.everything-again-in-order")
@pytest.mark.parametrize(
    ("code", "edits"),
    [
        pytest.param(0, by_rule(0, "In", [0]), id="zero"),
        pytest.param(3, by_rule(3, "NotIn", [0, 4]), id="not-in"),
    ],
)
@scenario(pod="exits-as-told", until=runs("app", 2), typical_s=9)
def test_a_rule_for_the_code_zero_or_for_all_others_restarts_all_too(
    timeline: Trial, code: int, edits: dict[str, Any]
) -> None:
    timeline.must(
        exited_with("app", code, run=1),
        ran("init", times=2),
        ran("app", times=2),
        started_only_after("app", "init"),
        kept_sandbox(after=None),
    )
