"""Sidecars that end are started again, alone, under every policy (sidecar-containers#pod-sidecar-containers)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    backed_off,
    condition_became,
    crash_looped,
    exited_with,
    kept_ip,
    kept_running,
    kept_sandbox,
    kept_uid,
    last_state_code,
    never_ran,
    new_container,
    not_rerun,
    overlapped,
    phase_reached,
    phase_stayed,
    pod_showed_last,
    ran,
    restart_count_was,
    restarted,
    said,
    shown_running,
    start_time_kept,
    started_only_after,
    was_signalled,
)
from podvow.faults import kill
from podvow.marks import Trial, claim, scenario
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import exited, phase, pod_shows, ready, running, runs, started
from podvow.scenario.conditions import said as has_said
from podvow.scenario.edits import command_probe, containers, page_probe
from podvow.scenario.manifest import merge_patch
from podvow.scenario.model import promised

POLICIES = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])


def exits(code: int, gate: str, **app: str) -> dict[str, Any]:
    """Edit the fixture sidecar-exits: how its sidecar ends, and beside whom; variables of the app."""
    side = {"env": {"GATE": gate, "CODE": code}}
    apps = {"app": {"env": app}} if app else None
    return containers(inits={"side": side, "init-2": {"env": {"GATE": gate}}}, apps=apps)


def failing_later(probe: str, up_s: int, *, down_runs: int = 1, **how: int) -> dict[str, Any]:
    """Edit the fixture sidecar-probed: a probe of a page that goes away after some seconds, in so many runs."""
    env = {"DELAY_S": 0, "UP_S": up_s, "DOWN_RUNS": down_runs}
    return containers(inits={"side": {"env": env, probe: page_probe(**how)}})


CRASHING = containers(inits={"side": {"env": {"CRASHES": "yes"}}}, apps={"app": {"env": {"LASTS_S": 3600}}})
"""The sidecar of `sidecar-job` goes on crashing beside an app that runs."""
DOWN_ONCE = failing_later("livenessProbe", 8, initialDelaySeconds=5, failureThreshold=3)


@claim("sidecars.restart.any-exit-any-policy", "sidecars.restart.regular-inits-untouched")
@pytest.mark.parametrize(
    ("restart_policy", "code", "edits"),
    [
        pytest.param(policy, code, exits(code, "init-2"), id=f"{policy}-{code}")
        for policy, code in [("Always", 0), ("OnFailure", 0), ("Never", 0), ("Never", 1)]
    ],
)
@scenario(pod="sidecar-exits", until=running("app", "side"), typical_s=12)
def test_a_sidecar_that_exits_while_the_pod_initialises_is_started_again_at_once(
    timeline: Trial, restart_policy: str, code: int, edits: dict[str, Any]
) -> None:
    timeline.must(
        exited_with("side", code, run=1),
        ran("side", times=2),
        said("init-2", "runs=2"),
        ran("init-1", times=1),
        ran("init-2", times=1),
        started_only_after("app", "init-1", "init-2"),
    )


@claim("sidecars.restart.any-exit-any-policy", "sidecars.restart.regular-inits-untouched")
@pytest.mark.parametrize(
    ("restart_policy", "code", "edits"),
    [
        pytest.param(policy, code, exits(code, "app"), id=f"{policy}-{code}")
        for policy, code in [("Always", 1), ("OnFailure", 0), ("Never", 0), ("Never", 1)]
    ],
)
@scenario(pod="sidecar-exits", until=running("app", "side") & runs("side", 2), typical_s=12)
def test_a_sidecar_that_exits_beside_the_app_is_started_again_at_once(
    timeline: Trial, restart_policy: str, code: int, edits: dict[str, Any]
) -> None:
    timeline.must(
        exited_with("side", code, run=1),
        ran("side", times=2),
        overlapped("side", "app"),
        *(ran(container, times=1) for container in ("init-1", "init-2", "app")),
        start_time_kept(after=None),
        kept_ip(after=None),
    )


@claim("sidecars.restart.any-exit-any-policy", "sidecars.restart.regular-inits-untouched")
@POLICIES
@scenario(
    pod="sidecar-mixed",
    steady=running("app", "side-1", "side-2"),
    fault=kill("side-1"),
    until=running("side-1", anew=True),
    hold="quiet",
    typical_s=46,
)
def test_a_killed_sidecar_is_restarted_and_nothing_else(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        exited_with("side-1", 137, after=FAULT),
        restarted("side-1"),
        new_container("side-1"),
        restart_count_was("side-1", 1, after=FAULT),
        last_state_code("side-1", 137, after=FAULT),
        kept_running("side-2", "app"),
        not_rerun("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
        phase_stayed("Running"),
    )


@claim("sidecars.status.restart-is-published")
@pytest.mark.parametrize("restart_policy", ["OnFailure", "Never"])
@scenario(
    pod="sidecar-exits", edits=exits(1, "app", ENDS="yes"), until=phase("Succeeded"), typical_s=18, deadline_s=180
)
def test_a_restarted_sidecar_is_shown_running_again_in_a_pod_that_then_completes(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        exited_with("side", 1, run=1),
        ran("side", times=2),
        last_state_code("side", 1),
        restart_count_was("side", 1),
        shown_running("side", started=True, restartCount=1),
        phase_reached("Succeeded"),
    )


@claim("sidecars.restart.backs-off")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="sidecar-job",
    edits=CRASHING,
    steady=running("app"),
    until=runs("side", 4),
    typical_s=46,
    profiles=REAL_BACKOFF,
)
def test_a_sidecar_that_goes_on_crashing_backs_off_beside_a_running_app(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        backed_off("side", 0, 10, 20),
        crash_looped("side"),
        ran("init-1", times=1),
        ran("app", times=1),
        overlapped("app", "side"),
    )


@claim("sidecars.restart.backs-off", "failure.backoff.curve")
@scenario(
    pod="sidecar-mixed",
    edits=containers(
        inits={
            "side-1": {"command": ["sh", "-c", "sleep 3; exit 1"]},
            "init-2": {"command": ["sh", "-c", "sleep 1; exit 1"]},
        }
    ),
    until=runs("side-1", 4) & runs("init-2", 4),
    typical_s=50,
    profiles=REAL_BACKOFF,
)
def test_a_sidecar_and_an_init_container_that_crash_side_by_side_back_off_each_for_itself(timeline: Trial) -> None:
    timeline.must(
        backed_off("side-1", 0, 10, 20),
        backed_off("init-2", 0, 10, 20),
        ran("init-1", times=1),
        never_ran("side-2", "init-3", "app"),
    )


@claim("sidecars.probes.liveness-restarts-only-it")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="sidecar-probed",
    edits=DOWN_ONCE,
    steady=running("app"),
    until=runs("side", 2) & running("side"),
    typical_s=20,
)
def test_a_failing_liveness_probe_restarts_its_sidecar_and_nothing_else(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        said("side", "down", run=1),
        was_signalled("side", after=None),
        ran("side", times=2),
        ran("init-1", times=1),
        ran("app", times=1),
        kept_ip(after=None),
    )


@claim("sidecars.restart.backs-off", "updates.app-ended.only-that-one-restarts")
@scenario(
    pod="sidecar-job",
    edits=CRASHING,
    # into a back-off of forty seconds
    steady=runs("side", 4) & exited("side") & running("app"),
    fault=kill("app"),
    until=runs("app", 2),
    typical_s=46,
    profiles=REAL_BACKOFF,
)
def test_an_app_that_ends_does_not_wait_for_the_back_off_of_a_sidecar(timeline: Trial) -> None:
    timeline.must(restarted("app"), ran("side", times=4), ran("init-1", times=1))


@claim("sidecars.start.startup-probe-recovers")
@scenario(
    pod="sidecar-probed",
    edits=containers(
        inits={"side": {"env": {"DEAD_RUN": 2, "DELAY_S": 0}, "startupProbe": page_probe(failureThreshold=8)}}
    ),
    steady=running("app"),
    fault=kill("side"),
    until=promised(runs("side", 3) & ready()),
    typical_s=36,
)
def test_a_sidecar_that_fails_its_startup_probe_beside_the_app_is_restarted_too(timeline: Trial) -> None:
    timeline.must(
        was_signalled("side"),
        ran("side", times=3),
        said("side", "up", run=3),
        kept_running("plain", "app"),
        not_rerun("init-1"),
    )


@claim("sidecars.probes.liveness-restarts-only-it")
@scenario(
    pod="sidecar-probed",
    edits=merge_patch(
        DOWN_ONCE,
        containers(inits={"side": {"startupProbe": page_probe(failureThreshold=60)}}),
    ),
    steady=running("app"),
    until=runs("side", 2) & running("side"),
    typical_s=24,
)
def test_a_liveness_probe_restarts_a_sidecar_that_has_a_startup_probe_as_well(timeline: Trial) -> None:
    timeline.must(
        said("side", "down", run=1),
        was_signalled("side", after=None),
        ran("side", times=2),
        ran("app", times=1),
    )


@claim("sidecars.probes.liveness-restarts-only-it")
@scenario(
    pod="sidecar-probed",
    edits=failing_later("livenessProbe", 8, down_runs=2, initialDelaySeconds=5, failureThreshold=3),
    steady=running("app"),
    until=runs("side", 3) & running("side"),
    typical_s=50,
)
def test_a_liveness_probe_restarts_its_sidecar_each_time_that_it_fails(timeline: Trial) -> None:
    timeline.must(
        said("side", "down", run=1),
        said("side", "down", run=2),
        ran("side", times=3),
        ran("init-1", times=1),
        ran("app", times=1),
    )


@claim("sidecars.probes.liveness-restarts-only-it")
@scenario(
    pod="sidecar-probed",
    edits=merge_patch(
        DOWN_ONCE,
        containers(inits={"init-2": {"image": "podvow/busybox:blue", "command": ["sleep", "30"]}}),
    ),
    steady=started("init-2"),
    until=running("app"),
    typical_s=40,
)
def test_a_failing_liveness_probe_restarts_its_sidecar_while_the_pod_initialises_too(timeline: Trial) -> None:
    timeline.must(
        said("side", "down", run=1),
        was_signalled("side", after=None),
        ran("side", times=2),
        overlapped("side", "init-2"),
        *(ran(container, times=1) for container in ("plain", "init-1", "init-2", "app")),
        exited_with("init-2", 0),
    )


@claim("sidecars.probes.liveness-restarts-only-it")
@scenario(
    pod="sidecar-probed",
    edits=containers(
        inits={
            "side": {
                "env": {"DELAY_S": 0, "UP_S": 8},
                "livenessProbe": command_probe(
                    "sh", "-c", "test -e /www/up || exit 3", initialDelaySeconds=5, periodSeconds=2
                ),
            }
        }
    ),
    steady=running("app"),
    until=promised(runs("side", 2)),
    typical_s=24,
)
def test_a_command_that_ends_with_any_code_but_zero_is_a_failed_liveness_probe(timeline: Trial) -> None:
    timeline.must(
        said("side", "down", run=1),
        was_signalled("side", after=None),
        ran("app", times=1),
    )


@claim("sidecars.probes.readiness-counts-for-pod")
@scenario(
    pod="sidecar-probed",
    # the run after the kill never serves its page; a probe is not to have failed before that run begins
    edits=containers(
        inits={
            "side": {
                "env": {"DELAY_S": 0, "DEAD_RUN": 2},
                "readinessProbe": page_probe(periodSeconds=5, failureThreshold=600),
            }
        }
    ),
    steady=ready(),
    fault=kill("side"),
    until=runs("side", 2) & running("side", anew=True),
    hold="quiet",
    typical_s=48,
)
def test_a_sidecar_that_was_ready_is_not_when_it_starts_again(timeline: Trial) -> None:
    timeline.must(
        shown_running("side", ready=False, restartCount=1),
        pod_showed_last("status/initContainerStatuses/side/ready", value=False),
        pod_showed_last("status/conditions/Ready/status", "False"),
        ran("side", times=2),
        kept_running("app"),
    )


@claim("sidecars.probes.readiness-counts-for-pod")
@scenario(
    pod="sidecar-probed",
    edits=failing_later("readinessProbe", 12, failureThreshold=1),
    steady=ready(),
    # it was not ready in the beginning either: that it is not again is what counts
    until=promised(has_said("side", "down") & pod_shows("status/conditions/Ready/status", "False")),
    typical_s=26,
)
def test_a_sidecar_that_is_no_longer_ready_takes_the_pod_along_and_is_not_restarted(timeline: Trial) -> None:
    timeline.must(
        condition_became("Ready", "False", reason="ContainersNotReady"),
        shown_running("side", ready=False),
        shown_running("app", ready=True),
        ran("side", times=1),
        ran("app", times=1),
    )
