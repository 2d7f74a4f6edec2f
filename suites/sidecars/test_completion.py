"""Sidecars do not keep a Pod from completing (sidecar-containers#jobs-with-sidecar-containers)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    backed_off,
    exited_with,
    never_ran,
    overlapped,
    phase_never,
    phase_reached,
    pod_failed,
    ran,
    shown_running,
    started_only_after,
    stopped_in_order,
    was_signalled,
)
from podvow.marks import Trial, claim, scenario
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import phase, running, runs
from podvow.scenario.edits import containers


@claim("sidecars.completion.does-not-hold-pod")
@pytest.mark.parametrize(
    ("restart_policy", "edits", "code"),
    [
        pytest.param("Never", {}, 0, id="Never-sidecar-exits-0"),
        pytest.param("Never", containers(inits={"side": {"env": {"CODE": 3}}}), 3, id="Never-sidecar-exits-3"),
        pytest.param(
            "Never", containers(inits={"side": {"env": {"STUBBORN": "yes"}}}), 137, id="Never-sidecar-is-killed"
        ),
        pytest.param(
            "OnFailure", containers(inits={"side": {"env": {"CODE": 3}}}), 3, id="OnFailure-sidecar-exits-3"
        ),
    ],
)
@scenario(pod="sidecar-job", until=phase("Succeeded", "Failed"), typical_s=14)
def test_a_pod_succeeds_when_its_app_does_whatever_its_sidecar_exits_with(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], code: int
) -> None:
    timeline.must(
        exited_with("app", 0),
        stopped_in_order("app", "side", after=None),
        exited_with("side", code),
        phase_reached("Succeeded"),
        phase_never("Failed"),
        *(ran(container, times=1) for container in ("init-1", "side", "app")),
    )


@claim("sidecars.completion.app-decides")
@scenario(
    pod="sidecar-job",
    restart_policy="Never",
    edits=containers(apps={"app": {"env": {"CODE": 4}}}),
    until=phase("Failed"),
    typical_s=12,
)
def test_a_pod_fails_when_its_app_does_although_its_sidecar_ends_well(timeline: Trial) -> None:
    timeline.must(
        exited_with("app", 4),
        stopped_in_order("app", "side", after=None),
        exited_with("side", 0),
        pod_failed(),
        ran("side", times=1),
    )


@claim("sidecars.completion.crashing-sidecar-does-not-fail-pod")
@pytest.mark.parametrize("restart_policy", ["Never", "OnFailure"])
@scenario(
    pod="sidecar-job",
    edits=containers(inits={"side": {"env": {"CRASHES": "yes"}}}, apps={"app": {"env": {"LASTS_S": 10}}}),
    steady=running("app"),
    until=phase("Succeeded", "Failed"),
    typical_s=20,
)
def test_a_pod_succeeds_while_its_sidecar_crashes_again_and_again(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        exited_with("side", 1),
        ran("side", at_least=2),
        ran("app", times=1),
        phase_reached("Succeeded"),
        phase_never("Failed"),
    )


@claim("sidecars.completion.waits-for-a-retried-app")
@scenario(
    pod="sidecar-job",
    restart_policy="OnFailure",
    edits=containers(apps={"app": {"env": {"FAILURES": 2}}}),
    steady=runs("app", 2),
    until=phase("Succeeded"),
    typical_s=26,
    profiles=REAL_BACKOFF,
)
def test_a_sidecar_goes_on_while_a_failed_app_waits_for_its_next_try(timeline: Trial) -> None:
    timeline.must(
        ran("app", times=3),
        backed_off("app", 0, 10),
        ran("side", times=1),
        was_signalled("side", after=None),
        stopped_in_order("app", "side", after=None),
        shown_running("side", restartCount=0),
        phase_reached("Succeeded"),
    )


@claim("sidecars.completion.failed-init-ends-pod")
@scenario(
    pod="sidecar-mixed",
    restart_policy="Never",
    edits=containers(inits={"init-2": {"command": ["sh", "-c", "sleep 1; exit 5"]}}),
    until=phase("Failed"),
    typical_s=14,
)
def test_under_never_a_failed_init_container_stops_the_sidecars_and_fails_the_pod(timeline: Trial) -> None:
    timeline.must(
        exited_with("init-2", 5),
        stopped_in_order("init-2", "side-1", after=None),
        pod_failed(),
        ran("init-2", times=1),
        ran("side-1", times=1),
        never_ran("side-2", "init-3", "app"),
    )


@claim("sidecars.restart.untouched-by-a-retried-init")
@scenario(
    pod="sidecar-mixed",
    restart_policy="OnFailure",
    edits=containers(inits={"init-2": {"command": ["sh", "-c", "sleep 1; [ -e /podvow/init-2.2 ]"]}}),
    until=running("app"),
    typical_s=18,
)
def test_a_sidecar_goes_on_while_an_init_container_after_it_is_retried(timeline: Trial) -> None:
    timeline.must(
        exited_with("init-2", 1, run=1),
        ran("init-2", times=2),
        started_only_after("side-2", "init-2"),
        *(ran(container, times=1) for container in ("init-1", "side-1", "side-2", "init-3", "app")),
        overlapped("side-1", "side-2", "app"),
    )
