"""A deadline that passes during or after initialisation, and init containers that run out of memory."""

from __future__ import annotations

import pytest

from podvow.expect import (
    SECOND_FAULT,
    all_runs_in_one_sandbox,
    condition_became,
    deadline_ended,
    deadline_noticed,
    each_run_in_new_sandbox,
    exited_with,
    kept_sandbox,
    kept_uid,
    never_ran,
    phase_never,
    phase_stayed,
    pod_failed,
    ran,
    said,
    start_time_kept,
    terminated_with,
)
from podvow.faults import debug, set_deadline
from podvow.marks import Trial, claim, scenario
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import ended_as, exited, phase, pod_shows, runs, terminated, waiting
from podvow.scenario.edits import containers
from podvow.scenario.manifest import merge_patch
from podvow.scenario.model import Inject, Until, promised

RETRYING = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
DEADLINE_25S = {"spec": {"activeDeadlineSeconds": 25}}
FOURTH_TRY = pod_shows("status/initContainerStatuses/init-2/restartCount", 3)


@claim("failure.deadline.covers-init")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
@scenario(
    pod="long-init",
    edits={"spec": {"activeDeadlineSeconds": 35}},
    until=phase("Failed"),
    then=(Until(exited("init-2")),),
    typical_s=40,
)
def test_a_deadline_that_passes_during_initialisation_fails_the_pod(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        pod_failed("DeadlineExceeded"),
        deadline_noticed(35),
        deadline_ended("init-2", 35, "publish"),
        never_ran("init-3", "app"),
        phase_never("Running"),
        start_time_kept(after=None),
        kept_uid(after=None),
    )


@claim("failure.deadline.covers-init")
@pytest.mark.parametrize(
    ("pod", "edits"),
    [
        pytest.param("unpullable-init", DEADLINE_25S, id="unpullable"),
        pytest.param("wants-configmap", DEADLINE_25S, id="not-configured"),
        pytest.param(
            "unpullable-init",
            merge_patch(DEADLINE_25S, containers(inits={"init-1": {"image": "127.0.0.1:1/none:1"}})),
            id="first-unpullable",
        ),
    ],
)
@scenario(until=phase("Failed"), typical_s=32)
def test_a_deadline_fails_a_pod_whose_init_container_cannot_start(timeline: Trial, pod: str, edits: object) -> None:
    # A kubelet that tries to pull an image just then looks at the deadline only when it has given up.
    noticed = (deadline_noticed(25),) if pod == "wants-configmap" else ()
    timeline.must(
        pod_failed("DeadlineExceeded"),
        *noticed,
        never_ran("init-2", "app"),
        start_time_kept(after=None),
    )


@claim("failure.deadline.covers-init")
@scenario(
    pod="failing-init",
    # into a back-off of forty seconds; what makes the kubelet look at the Pod lets it say so
    steady=FOURTH_TRY & terminated("init-2"),
    fault=debug(),
    until=FOURTH_TRY & waiting("init-2", "CrashLoopBackOff"),
    then=(Inject(set_deadline(1)), promised(phase("Failed"))),
    typical_s=50,
    profiles=REAL_BACKOFF,
)
def test_a_deadline_that_has_passed_does_not_wait_for_the_end_of_a_back_off(timeline: Trial) -> None:
    timeline.must(
        pod_failed("DeadlineExceeded", after=SECOND_FAULT),
        ran("init-2", times=4),
        never_ran("init-3", "app"),
        start_time_kept(after=None),
    )


@claim("failure.deadline.counts-from-start-time")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="long-init",
    # a deadline that began with the app would pass 25 s later
    edits={
        "spec": {"activeDeadlineSeconds": 60, "initContainers": [{"name": "init-2", "command": ["sleep", "25"]}]}
    },
    until=phase("Failed"),
    then=(Until(exited("app")),),
    typical_s=65,
)
def test_a_deadline_counts_the_time_that_initialisation_took(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        pod_failed("DeadlineExceeded"),
        deadline_noticed(60),
        deadline_ended("app", 60, "publish"),
        start_time_kept(after=None),
        kept_uid(after=None),
    )


@claim("failure.oom.main-process-is-failure")
@RETRYING
# the runtime may miss one kill and call it an error (containerd#8893), not all of them
@scenario(pod="oom-init", until=runs("init-1", 3) & ended_as("init-1", "OOMKilled"), typical_s=25)
def test_an_init_container_out_of_memory_is_retried(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        ran("init-1", at_least=3),
        exited_with("init-1", 137, run=1),
        exited_with("init-1", 137, run=2),
        terminated_with("init-1", reason="OOMKilled", code=137),
        never_ran("init-2", "app"),
        kept_sandbox(after=None),
        kept_uid(after=None),
    )


@claim("failure.oom.main-process-is-failure")
@scenario(
    pod="oom-init",
    restart_policy="Never",
    until=phase("Failed"),
    hold="quiet",
    typical_s=36,
)
def test_under_never_an_init_container_out_of_memory_fails_the_pod(timeline: Trial) -> None:
    timeline.must(
        pod_failed(),
        ran("init-1", times=1),
        exited_with("init-1", 137),
        never_ran("init-2", "app"),
    )


@claim("failure.oom.child-is-failure-despite-exit-code", "failure.oom.child-on-failure-new-sandbox")
@scenario(pod="oom-child", until=runs("init-1", 3), typical_s=25)
def test_under_always_an_init_container_that_lost_a_child_is_retried_in_place(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "child=137", run=1),
        exited_with("init-1", 0, run=1),
        exited_with("init-1", 0, run=2),
        terminated_with("init-1", reason="OOMKilled", code=0),
        ran("init-1", at_least=3),
        never_ran("init-2", "app"),
        all_runs_in_one_sandbox("init-1"),
    )


@claim("failure.oom.child-is-failure-despite-exit-code", "failure.oom.child-on-failure-new-sandbox")
@scenario(pod="oom-child", restart_policy="OnFailure", until=runs("init-1", 3), typical_s=25)
def test_under_on_failure_an_init_container_that_lost_a_child_is_retried_in_a_new_sandbox(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "child=137", run=1),
        exited_with("init-1", 0, run=1),
        exited_with("init-1", 0, run=2),
        ran("init-1", at_least=3),
        never_ran("init-2", "app"),
        each_run_in_new_sandbox("init-1"),
    )


@claim("failure.oom.child-is-failure-despite-exit-code", "failure.oom.child-phase-under-never")
@scenario(
    pod="oom-child",
    restart_policy="Never",
    until=terminated("init-1"),
    hold="quiet",
    typical_s=38,
)
def test_under_never_an_init_container_that_lost_a_child_starts_nothing(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "child=137"),
        exited_with("init-1", 0),
        terminated_with("init-1", reason="OOMKilled", code=0),
        ran("init-1", times=1),
        never_ran("init-2", "app"),
        phase_stayed("Pending", None),
        condition_became("Initialized", "False", reason="ContainersNotInitialized"),
    )
