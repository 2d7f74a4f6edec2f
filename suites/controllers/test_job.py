"""Jobs whose Pods fail, or take long, in an init container (controllers/job)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    each_new_pod,
    each_pod,
    exited_with,
    never_ran,
    object_condition,
    object_showed,
    overlapped,
    phase_reached,
    pod_failed,
    pod_gone,
    ran,
    ran_in_order,
    restart_count_was,
    said,
)
from podvow.faults import patch_object
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import pods_gone, started
from podvow.scenario.model import Inject, Until
from podvow.scenario.workloads import object_condition as shows
from podvow.scenario.workloads import some_pods

FAILED = shows("Job", "Failed")
COMPLETE = shows("Job", "Complete")


def job(**spec: Any) -> dict[str, Any]:
    """Return the edits that change a Job's spec."""
    return {"spec": spec}


def sidecar(policy: str = "Never", work: str = "1", life: str = "3600", code: int = 0) -> dict[str, Any]:
    """Return the change of a template that says how long its app and its sidecar last, and how the latter exits."""
    own = [{"name": "LIFE", "value": life}, {"name": "CODE", "value": str(code)}]
    inits = [{"name": "sidecar", "env": own}]
    apps = [{"name": "app", "env": [{"name": "WORK", "value": work}]}]
    return {"spec": {"restartPolicy": policy, "initContainers": inits, "containers": apps}}


@claim("controllers.job.never-each-init-failure-fails-a-pod")
@pytest.mark.parametrize(
    ("limit", "edits", "profiles"),
    [
        pytest.param(n, job(backoffLimit=n), profiles, id=str(n))
        for n, profiles in ((0, ()), (1, ()), (2, ("nightly",)))
    ],
)
@scenario(pod="workloads/job", until=FAILED, typical_s=20)
def test_each_failed_init_fails_a_pod_until_the_limit_is_passed(
    timeline: Trial, limit: int, edits: object, profiles: object
) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="BackoffLimitExceeded"),
        object_showed("Job", "status/failed", limit + 1),
        each_pod(
            pod_failed(),
            ran_in_order("init-1", "init-2"),
            ran("init-2", times=1),
            exited_with("init-2", 42),
            never_ran("app"),
            count=limit + 1,
        ),
    )


@claim("controllers.job.on-failure-init-restarts-count")
@pytest.mark.parametrize(
    ("limit", "edits"),
    [
        pytest.param(n, job(backoffLimit=n, template={"spec": {"restartPolicy": "OnFailure"}}), id=str(n))
        for n in (1, 2)
    ],
)
@scenario(pod="workloads/job", until=FAILED & pods_gone(1), typical_s=20)
def test_restarts_of_an_init_container_use_up_the_limit_and_the_pod_is_removed(
    timeline: Trial, limit: int, edits: object
) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="BackoffLimitExceeded"),
        each_pod(ran("init-2", at_least=limit + 1), ran("init-1", times=1), never_ran("app"), pod_gone(), count=1),
    )


@claim("controllers.job.on-failure-sidecar-restarts-count")
@scenario(
    pod="workloads/job-with-sidecar",
    edits=job(backoffLimit=1, template=sidecar("OnFailure", work="60", life="3")),
    until=FAILED & pods_gone(1),
    typical_s=12,
)
def test_restarts_of_a_sidecar_use_up_the_limit_of_an_on_failure_job(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="BackoffLimitExceeded"),
        each_pod(ran("sidecar", at_least=2), ran("init-1", times=1), pod_gone(), count=1),
    )


@claim("controllers.job.never-sidecar-restarts-do-not-count")
@scenario(
    pod="workloads/job-with-sidecar",
    edits=job(backoffLimit=0, template=sidecar(work="8", life="2")),
    until=COMPLETE,
    typical_s=14,
)
def test_restarts_of_a_sidecar_do_not_count_in_a_never_job(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Complete"),
        each_pod(ran("sidecar", at_least=2), ran("app", times=1), phase_reached("Succeeded"), count=1),
    )


@claim("controllers.job.sidecar-does-not-keep-it")
@pytest.mark.parametrize(
    ("code", "edits"),
    [pytest.param(code, job(template=sidecar(code=code)), id=str(code)) for code in (0, 7)],
)
@scenario(pod="workloads/job-with-sidecar", until=COMPLETE, typical_s=9)
def test_a_job_completes_although_its_sidecar_never_ends_by_itself(
    timeline: Trial, code: int, edits: object
) -> None:
    timeline.must(
        object_condition("Job", "Complete"),
        object_showed("Job", "status/succeeded", 1),
        each_pod(
            phase_reached("Succeeded"),
            ran("sidecar", times=1),
            exited_with("app", 0),
            exited_with("sidecar", code),
            overlapped("sidecar", "app"),
            restart_count_was("sidecar", 0),
            count=1,
        ),
    )


@claim("controllers.job.deadline-counts-initialising")
@scenario(
    pod="workloads/slow-job",
    steady=some_pods(started("init-2")),
    fault=patch_object("Job", "work", job(activeDeadlineSeconds=1)),
    until=FAILED & pods_gone(1),
    typical_s=12,
)
def test_a_jobs_deadline_passes_while_its_pod_initialises(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="DeadlineExceeded"),
        each_pod(ran("init-2", times=1), never_ran("app"), pod_gone(), count=1),
    )


@claim("controllers.job.suspended-pod-initialises-anew")
@scenario(
    pod="workloads/slow-job",
    steady=some_pods(started("init-2")),
    fault=patch_object("Job", "work", {"spec": {"suspend": True}}),
    until=shows("Job", "Suspended"),
    hold="quiet",
    typical_s=40,
)
def test_a_job_suspended_while_it_initialises_loses_its_pod(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Suspended", after=FAULT),
        each_pod(ran("init-2", times=1), never_ran("app"), pod_gone(), count=1),
    )


@claim("controllers.job.suspended-pod-initialises-anew")
@scenario(
    pod="workloads/slow-job",
    steady=some_pods(started("init-2")),
    fault=patch_object("Job", "work", {"spec": {"suspend": True}}),
    until=shows("Job", "Suspended") & pods_gone(1),
    then=(
        Inject(patch_object("Job", "work", {"spec": {"suspend": False}})),
        Until(some_pods(started("init-2"), since_fault=True), control=True),
    ),
    typical_s=14,
)
def test_a_job_suspended_while_it_initialises_starts_over_in_another_pod(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Suspended", after=SECOND_FAULT, status="False"),
        each_pod(
            ran("init-1", times=1), said("init-1", "starts=1"), ran("init-2", times=1), never_ran("app"), count=2
        ),
        each_new_pod(ran_in_order("init-1", "init-2"), count=1, after=SECOND_FAULT),
    )
