"""Logs and last words of init containers (debug-init-containers#accessing-logs-from-init-containers)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    Fact,
    never_ran,
    pod_failed,
    pod_showed,
    pod_showed_last,
    pod_showed_text,
    probe_contained,
    probed,
    ran,
    said,
    terminated_with,
)
from podvow.faults import debug
from podvow.marks import Trial, claim, scenario
from podvow.probes.api import read_log
from podvow.probes.run_in import run_in
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import phase, pod_shows, running, started, terminated, waiting
from podvow.scenario.conditions import said as has_said
from podvow.scenario.edits import containers
from podvow.scenario.model import Hold, Look

INIT_1 = "status/initContainerStatuses/init-1/state/terminated"
INIT_2 = "status/initContainerStatuses/init-2"
# The kubelet gives logs out by its own status, which comes after the trace: until then the last try is another one.
THIRD_TRY = pod_shows(f"{INIT_2}/restartCount", 2)
BACKED_OFF = waiting("init-2", "CrashLoopBackOff")


def ends_with(code: int) -> dict[str, Any]:
    return {"spec": {"initContainers": [{"name": "init-1", "env": [{"name": "CODE", "value": str(code)}]}]}}


def answered(probe: str, code: int, text: str) -> tuple[Fact, Fact]:
    """What a probe for a log or a command came back with: a code and words."""
    return probed(probe, "code", code), probe_contained(probe, "text", text)


_TWICE = "mkdir /work/tried && echo attempt 1 && exit 1; echo attempt 2; sleep 3600"
# Not at once: a container that ended 30 ms after its start was once left without the message.
_THRICE = "echo try >>/work/tries; n=$(wc -l </work/tries); echo attempt $n; sleep 1; [ $n = 3 ]"
_LEAVES = (
    "echo try >>/work/tries; n=$(wc -l </work/tries); echo left by $n >/dev/termination-log; sleep 1; [ $n = 2 ]"
)
STAYS: dict[str, Any] = {"spec": {"initContainers": [{"name": "init-2", "command": ["sh", "-c", _TWICE]}]}}


@claim("debugging.logs.of-finished-inits")
@scenario(
    pod="counts-attempts",
    steady=running("app"),
    then=(
        Look(read_log("init-1")),
        Look(read_log("init-2")),
        Look(read_log("init-3")),
        Look(read_log("init-1", previous=True)),
    ),
    typical_s=9,
)
def test_logs_of_finished_init_containers_can_be_read(timeline: Trial) -> None:
    timeline.must(
        *answered("log of init-1", 200, "first done"),
        *answered("log of init-2", 200, "attempt 2"),
        *answered("log of init-3", 200, "third done"),
        probed("previous log of init-1", "code", 400),
        ran("init-1", times=1),
        ran("init-2", times=2),
    )


@claim("debugging.logs.of-finished-inits")
@scenario(
    pod="counts-attempts",
    restart_policy="Never",
    steady=phase("Failed"),
    then=(Hold("quiet"), Look(read_log("init-1")), Look(read_log("init-2"))),
    typical_s=38,
)
def test_logs_of_finished_init_containers_can_be_read_when_their_pod_has_failed(timeline: Trial) -> None:
    timeline.must(
        *answered("log of init-1", 200, "first done"),
        *answered("log of init-2", 200, "attempt 1"),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
    )


@claim("debugging.logs.of-the-attempt-before")
@scenario(
    pod="counts-attempts",
    edits=STAYS,
    # The kubelet gives logs out by its own status, so saying something is not enough.
    steady=has_said("init-2", "attempt 2") & pod_shows(f"{INIT_2}/restartCount", 1),
    then=(Look(read_log("init-2")), Look(read_log("init-2", previous=True))),
    typical_s=8,
)
def test_while_an_init_container_is_tried_again_the_log_of_the_attempt_before_can_be_read(timeline: Trial) -> None:
    timeline.must(
        probe_contained("log of init-2", "text", "attempt 2"),
        *answered("previous log of init-2", 200, "attempt 1"),
        ran("init-2", times=2),
    )


@claim("debugging.logs.of-the-attempt-before")
@scenario(
    pod="counts-attempts",
    edits=containers(inits={"init-2": {"env": {"FAILURES": 9}}}),
    steady=THIRD_TRY & (terminated("init-2") | BACKED_OFF),
    # makes the kubelet look at the Pod, and say that the container waits
    fault=debug(),
    until=THIRD_TRY & BACKED_OFF,
    then=(Look(read_log("init-2")), Look(read_log("init-2", previous=True))),
    typical_s=26,
    profiles=REAL_BACKOFF,
)
def test_while_a_container_waits_for_its_next_try_its_log_can_be_read_by_both_ways(timeline: Trial) -> None:
    timeline.must(
        *answered("log of init-2", 200, "attempt 3"),
        *answered("previous log of init-2", 200, "attempt 3"),
        ran("init-2", times=3),
    )


@claim("debugging.termination-message.of-the-attempt-before")
@scenario(
    pod="counts-attempts",
    edits=containers(inits={"init-2": {"command": ["sh", "-c", _LEAVES]}}),
    steady=running("app"),
    typical_s=12,
)
def test_each_attempt_leaves_a_message_of_its_own(timeline: Trial) -> None:
    timeline.must(
        pod_showed(f"{INIT_2}/lastState/terminated/message", "left by 1\n"),
        pod_showed(f"{INIT_2}/state/terminated/message", "left by 2\n"),
        ran("init-2", times=2),
    )


@claim("debugging.logs.of-failed-attempts-pruned")
@scenario(
    pod="counts-attempts",
    steady=running("app"),
    then=(Look(read_log("init-2", previous=True)),),
    typical_s=9,
)
def test_once_the_pod_is_initialised_the_log_of_a_failed_attempt_is_gone(timeline: Trial) -> None:
    timeline.must(
        probe_contained("previous log of init-2", "text", "unable to retrieve container logs"),
        said("init-2", "attempt 1", run=1),
        said("init-2", "attempt 2", run=2),
    )


@claim("debugging.exec.into-finished-init")
@scenario(
    pod="counts-attempts",
    steady=running("app"),
    then=(Look(run_in("app")), Look(run_in("init-1")), Look(run_in("init-2"))),
    typical_s=14,
)
def test_no_command_can_be_executed_in_an_init_container_that_has_finished(timeline: Trial) -> None:
    timeline.must(
        *answered("exec in app", 0, "been there"),
        *answered("exec in init-1", 1, "container not found"),
        probed("exec in init-2", "code", 1),
    )


@claim("debugging.exec.into-running-init")
@scenario(
    pod="term-ignored",
    steady=started("init-2") & running("init-2"),
    then=(Look(run_in("init-2")), Look(run_in("init-3")), Look(run_in("app"))),
    typical_s=14,
)
def test_a_command_can_be_executed_in_an_init_container_that_runs(timeline: Trial) -> None:
    timeline.must(
        *answered("exec in init-2", 0, "been there"),
        probed("exec in init-3", "code", 1),
        probed("exec in app", "code", 1),
        ran("init-2", times=1),
    )


@claim("debugging.logs.not-before-the-start")
@scenario(
    pod="term-ignored",
    steady=running("init-2") & has_said("init-2", "ready"),
    then=(Look(read_log("init-2")), Look(read_log("init-3")), Look(read_log("app"))),
    typical_s=8,
)
def test_containers_that_wait_for_an_init_container_have_no_log_yet(timeline: Trial) -> None:
    timeline.must(
        *answered("log of init-2", 200, "ready"),
        *answered("log of init-3", 400, "is waiting to start: PodInitializing"),
        *answered("log of app", 400, "is waiting to start: PodInitializing"),
    )


@claim("debugging.termination-message.in-status")
@pytest.mark.parametrize(
    ("code", "edits", "restart_policy", "steady"),
    [
        pytest.param(0, ends_with(0), "Always", running("app"), id="success"),
        pytest.param(3, ends_with(3), "Never", phase("Failed"), id="failure"),
        pytest.param(
            0,
            containers(
                inits={
                    "init-1": {
                        "terminationMessagePath": "/said",
                        "command": ["sh", "-c", 'printf "two rows loaded\\nnone left out\\n" >/said'],
                    }
                }
            ),
            "Always",
            running("app"),
            id="at-a-path-of-its-own",
        ),
    ],
)
@scenario(pod="parting-message", typical_s=5)
def test_the_message_that_an_init_container_leaves_stands_in_its_status(
    timeline: Trial, code: int, edits: object, restart_policy: str, steady: object
) -> None:
    timeline.must(
        pod_showed(f"{INIT_1}/exitCode", code),
        pod_showed(f"{INIT_1}/message", "two rows loaded\nnone left out\n"),
    )


@claim("debugging.termination-message.falls-back-to-logs")
@pytest.mark.parametrize(
    ("code", "edits"), [pytest.param(code, ends_with(code), id=str(code)) for code in (3, 137)]
)
@scenario(pod="silent-failure", restart_policy="Never", steady=phase("Failed"), typical_s=5)
def test_the_end_of_the_log_stands_in_for_the_message_of_a_failed_init_container(
    timeline: Trial, code: int, edits: object
) -> None:
    timeline.must(
        pod_failed(),
        terminated_with("init-1", reason="Error", code=code),
        pod_showed_text(f"{INIT_1}/message", "no such database"),
    )


@claim("debugging.termination-message.falls-back-to-logs")
@scenario(
    pod="parting-message",
    edits=containers(inits={"init-1": {"env": {"CODE": 3}, "terminationMessagePolicy": "FallbackToLogsOnError"}}),
    restart_policy="Never",
    steady=phase("Failed"),
    typical_s=5,
)
def test_the_log_does_not_stand_in_for_a_message_that_was_left(timeline: Trial) -> None:
    timeline.must(
        pod_showed(f"{INIT_1}/exitCode", 3),
        pod_showed_last(f"{INIT_1}/message", "two rows loaded\nnone left out\n"),
    )


@claim("debugging.termination-message.falls-back-to-logs")
@scenario(pod="silent-failure", edits=ends_with(0), steady=running("app"), typical_s=5)
def test_the_log_is_no_message_of_an_init_container_that_succeeded(timeline: Trial) -> None:
    timeline.must(pod_showed(f"{INIT_1}/reason", "Completed"), pod_showed_last(f"{INIT_1}/message", None))


@claim("debugging.termination-message.falls-back-to-logs")
@scenario(
    pod="counts-attempts",
    edits=containers(
        inits={"init-2": {"command": ["sh", "-c", _THRICE], "terminationMessagePolicy": "FallbackToLogsOnError"}}
    ),
    steady=running("app"),
    typical_s=20,
)
def test_the_end_of_the_log_stands_in_for_the_message_of_every_failed_attempt(timeline: Trial) -> None:
    timeline.must(
        pod_showed_text(f"{INIT_2}/lastState/terminated/message", "attempt 1"),
        pod_showed_text(f"{INIT_2}/lastState/terminated/message", "attempt 2"),
        pod_showed_last(f"{INIT_2}/state/terminated/message", None),
        ran("init-2", times=3),
    )


@claim("debugging.termination-message.of-the-attempt-before")
@scenario(
    pod="counts-attempts",
    edits={"spec": {"initContainers": [{"name": "init-2", "terminationMessagePolicy": "FallbackToLogsOnError"}]}},
    steady=running("app"),
    typical_s=9,
)
def test_the_message_of_a_failed_attempt_is_kept_as_the_last_state(timeline: Trial) -> None:
    path = f"{INIT_2}/lastState/terminated"
    timeline.must(
        pod_showed_text(f"{path}/message", "attempt 1"),
        pod_showed(f"{path}/exitCode", 1),
        ran("init-2", times=2),
    )
