"""A postStart hook that fails (container-lifecycle-hooks#hook-handler-execution)."""

from __future__ import annotations

import pytest

from podvow.expect import kept_sandbox, never_ran, phase_reached, ran
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import phase, runs
from podvow.scenario.edits import containers
from podvow.scenario.model import promised

FAILS = {"exec": {"command": ["false"]}}


@claim("failure.post-start-hook.ends-container")
@scenario(
    pod="failing-post-start",
    # the hook of the second run fails as well
    until=runs("app", 3),
    typical_s=24,
    deadline_s=90,
)
def test_a_failed_post_start_hook_restarts_its_app_and_nothing_else(timeline: Trial) -> None:
    timeline.must(
        ran("app", at_least=3),
        ran("init-1", times=1),
        kept_sandbox(after=None),
    )


@claim("failure.post-start-hook.ends-container")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param({}, id="command"),
        # nothing listens there
        pytest.param(
            containers(apps={"app": {"lifecycle": {"postStart": {"exec": None, "httpGet": {"port": 7}}}}}),
            id="request",
        ),
    ],
)
@scenario(
    pod="failing-post-start",
    restart_policy="Never",
    until=promised(phase("Failed")),
    typical_s=10,
)
def test_under_never_a_failed_post_start_hook_fails_the_pod(timeline: Trial, edits: object) -> None:
    timeline.must(
        phase_reached("Failed"),
        ran("app", times=1),
        ran("init-1", times=1),
    )


@claim("failure.post-start-hook.ends-container")
@scenario(
    pod="sidecar-hooks",
    edits=containers(inits={"side": {"lifecycle": {"postStart": FAILS, "preStop": None}}}),
    until=runs("side", 3),
    typical_s=26,
    deadline_s=120,
)
def test_a_failed_post_start_hook_restarts_its_sidecar_and_lets_nothing_start(timeline: Trial) -> None:
    timeline.must(ran("side", at_least=3), never_ran("init-1", "app"), kept_sandbox(after=None))
