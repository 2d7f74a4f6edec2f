"""Failure policies of Jobs that look at the exit codes of init containers (controllers/job#pod-failure-policy)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    each_new_pod,
    each_pod,
    exited_with,
    never_ran,
    object_condition,
    object_showed,
    ran,
    ran_in_order,
    rejected_with,
    said,
)
from podvow.faults import create
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import phase, rejected
from podvow.scenario.workloads import object_condition as shows
from podvow.scenario.workloads import some_pods

FAILED = shows("Job", "Failed")
COMPLETE = shows("Job", "Complete")
INDEX_AS_CODE = ["sh", "-c", "exit $JOB_COMPLETION_INDEX"]


def rule(action: str, *codes: int, container: str | None = None, operator: str = "In") -> dict[str, Any]:
    """Return a rule of a Job's podFailurePolicy about exit codes."""
    wanted = {"operator": operator, "values": list(codes)}
    return {"action": action, "onExitCodes": {**wanted, "containerName": container} if container else wanted}


def by(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return the edits that give a Job a failure policy."""
    return {"spec": {"podFailurePolicy": {"rules": list(rules)}, **spec}}


UNKNOWN = rule("FailJob", 42, container="init-9")


@claim("controllers.job.failure-policy-names-an-init")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(by(chosen, backoffLimit=3), id=name)
        for name, chosen in {
            "by-name": rule("FailJob", 42, container="init-2"),
            "any-container": rule("FailJob", 42),
            "any-other-code": rule("FailJob", 1, 2, container="init-2", operator="NotIn"),
        }.items()
    ],
)
@scenario(pod="workloads/job", until=FAILED, typical_s=8)
def test_a_failure_policy_fails_the_job_at_an_inits_exit_code(timeline: Trial, edits: object) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="PodFailurePolicy"),
        each_pod(exited_with("init-2", 42), ran("init-2", times=1), never_ran("app"), count=1),
    )


@claim("controllers.job.failure-policy-other-container")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(by(chosen, backoffLimit=0), id=name)
        for name, chosen in {
            "app": rule("FailJob", 42, container="app"),
            "other-init": rule("FailJob", 42, container="init-1"),
            "other-code": rule("FailJob", 41, container="init-2"),
        }.items()
    ],
)
@scenario(pod="workloads/job", until=FAILED, typical_s=8)
def test_a_failure_policy_about_another_container_leaves_the_limit_to_decide(
    timeline: Trial, edits: object
) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="BackoffLimitExceeded"),
        each_pod(exited_with("init-2", 42), count=1),
    )


@claim("controllers.job.failure-policy-ignores")
@scenario(
    pod="workloads/job",
    edits=by(rule("Ignore", 42, container="init-2"), backoffLimit=0),
    steady=some_pods(phase("Failed")),
    fault=create("objects/healed"),
    until=COMPLETE,
    typical_s=22,
)
def test_an_ignored_init_failure_does_not_use_up_the_limit(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Complete"),
        each_pod(ran_in_order("init-1", "init-2"), ran("init-2", times=1), count=2),
        each_new_pod(exited_with("init-2", 0), ran_in_order("init-1", "init-2", "app"), count=1),
    )


@claim("controllers.job.failure-policy-first-rule-counts")
@scenario(
    pod="workloads/job",
    edits=by(rule("Count", 42, container="init-2"), rule("FailJob", 0, operator="NotIn")),
    until=FAILED,
    typical_s=20,
)
def test_the_first_rule_that_matches_an_init_failure_decides(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="BackoffLimitExceeded"),
        each_pod(exited_with("init-2", 42), never_ran("app"), count=2),
    )


@claim("controllers.job.failure-policy-unknown-container")
@pytest.mark.parametrize(
    ("edits", "which"),
    [
        pytest.param(by(UNKNOWN), 0, id="only-rule"),
        pytest.param(by(rule("Ignore", 41, container="init-2"), UNKNOWN), 1, id="second-rule"),
    ],
)
@scenario(pod="workloads/job", steady=rejected(), expect_rejection=True, typical_s=1)
def test_a_failure_policy_must_name_a_container_or_an_init(timeline: Trial, which: int, edits: object) -> None:
    timeline.must(
        rejected_with(
            422,
            f"spec.podFailurePolicy.rules[{which}].onExitCodes.containerName: Invalid value: "
            '"init-9": must be one of the container or initContainer names in the pod template',
        )
    )


@claim("controllers.job.index-fails-by-init")
@scenario(
    pod="workloads/job",
    edits=by(
        rule("FailIndex", 1, container="init-2"),
        completionMode="Indexed",
        completions=2,
        parallelism=2,
        backoffLimit=None,
        backoffLimitPerIndex=3,
        template={"spec": {"initContainers": [{"name": "init-2", "command": INDEX_AS_CODE}]}},
    ),
    until=FAILED,
    typical_s=10,
)
def test_an_init_container_knows_its_index_and_can_fail_it(timeline: Trial) -> None:
    timeline.must(
        object_condition("Job", "Failed", reason="FailedIndexes"),
        object_showed("Job", "status/failedIndexes", "1"),
        object_showed("Job", "status/completedIndexes", "0"),
        each_pod(said("init-1", "index=[01]"), ran("init-2", times=1), count=2),
    )
