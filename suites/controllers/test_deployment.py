"""Deployments: init containers belong to the Pods of a template (deployment, workloads/pods#pod-templates)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    SINCE_FAULT,
    Fact,
    each_new_pod,
    each_old_pod,
    endpoint_never,
    exited_with,
    generation_observed,
    image_is,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_ran,
    not_rerun,
    object_condition,
    object_kept,
    object_showed,
    old_pods_unaffected,
    phase_never,
    pod_gone,
    ran,
    ran_in_order,
    said,
    waited_with,
)
from podvow.faults import delete_newest_pod, patch_template, scale, set_newest_pods_image, set_template_image
from podvow.faults.base import Fault
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import Condition, object_shows, pods_gone, pods_running, runs, waiting
from podvow.scenario.conditions import generation_observed as kubelet_saw_it
from podvow.scenario.model import Hold, Inject, Step, Until, promised
from podvow.scenario.workloads import object_condition as shows
from podvow.scenario.workloads import some_pods

BLUE, GREEN = "podvow/busybox:blue", "podvow/busybox:green"
INITIALISED_ONCE = (ran_in_order("init-1", "init-2", "app"), ran("init-1", times=1), ran("init-2", times=1))
TWO: dict[str, Any] = {"spec": {"replicas": 2, "progressDeadlineSeconds": 10}}


def exits(code: int) -> dict[str, Any]:
    """Return the change of the template that lets init-1 exit with a code."""
    return {"initContainers": [{"name": "init-1", "env": [{"name": "CODE", "value": str(code)}]}]}


def undone_by(undo: Fault) -> tuple[Step, ...]:
    """Return the steps that undo a change of the template and wait for the Deployment to be whole again."""
    whole = shows("Deployment", "Progressing", reason="NewReplicaSetAvailable", since_fault=True)
    return Inject(undo), Until(whole & pods_gone(1), control=True)


def late_and(stuck: Condition) -> Until:
    """The Deployment says that it makes no progress, and its new Pod is seen to be stuck."""
    late = shows("Deployment", "Progressing", "False", since_fault=True)
    return promised(late & some_pods(stuck, since_fault=True))


BAD_INITS = pytest.mark.parametrize(
    ("fault", "until", "then", "stuck"),
    [
        pytest.param(
            set_template_image("web", "init-1", "podvow/missing:1", init=True),
            late_and(waiting("init-1", "ErrImageNeverPull")),
            undone_by(set_template_image("web", "init-1", BLUE, init=True)),
            (waited_with("init-1", "ErrImageNeverPull"), never_ran("init-1")),
            id="image",
        ),
        pytest.param(
            patch_template("Deployment", "web", exits(3), "init-1 exits 3"),
            late_and(runs("init-1", 2)),
            undone_by(patch_template("Deployment", "web", exits(0), "init-1 exits 0")),
            (exited_with("init-1", 3), ran("init-1", at_least=2)),
            id="exit-code",
        ),
    ],
)
BLOCKED = scenario(
    pod="workloads/web",
    objects=("objects/web-service",),
    edits=TWO,
    steady=pods_running(2) & object_shows("Deployment", "status/availableReplicas", 2),
    typical_s=26,
)


@claim("controllers.deployment.init-image-change-rolls")
@scenario(
    pod="workloads/web",
    edits=TWO,
    steady=pods_running(2),
    fault=set_template_image("web", "init-1", GREEN, init=True),
    until=pods_running(2, since_fault=True) & pods_gone(2),
    typical_s=22,
)
def test_an_init_image_changed_in_the_template_makes_new_pods_that_run_it(timeline: Trial) -> None:
    timeline.must(
        each_old_pod(said("init-1", "image=blue"), ran("init-1", times=1), pod_gone(), count=2),
        old_pods_unaffected(),
        each_new_pod(
            *INITIALISED_ONCE,
            image_is("init-1", GREEN),
            said("init-1", "image=green"),
            said("init-2", "image=blue"),
            count=2,
        ),
        object_showed("Deployment", "status/updatedReplicas", 2, after=FAULT),
    )


@claim("controllers.deployment.app-image-change-initialises-anew")
@scenario(
    pod="workloads/web",
    steady=pods_running(1),
    fault=set_template_image("web", "app", GREEN),
    until=pods_running(1, since_fault=True) & pods_gone(1),
    typical_s=16,
)
def test_an_app_image_changed_in_the_template_makes_new_pods_that_run_inits(timeline: Trial) -> None:
    timeline.must(
        old_pods_unaffected(),
        each_new_pod(*INITIALISED_ONCE, image_is("app", GREEN), said("init-1", "image=blue"), count=1),
    )


@claim("controllers.deployment.image-of-pod-or-template")
@scenario(
    pod="workloads/web",
    steady=pods_running(1),
    fault=set_newest_pods_image("init-1", GREEN),
    until=some_pods(kubelet_saw_it()),
    then=(
        Hold("quiet"),
        Inject(set_template_image("web", "init-1", GREEN, init=True)),
        Until(pods_running(1, since_fault=True) & pods_gone(1), control=True),
    ),
    typical_s=48,
)
def test_an_init_image_changed_past_the_template_changes_nothing_until_the_template_has_it(timeline: Trial) -> None:
    timeline.must(
        each_new_pod(count=0),
        each_old_pod(
            generation_observed(),
            not_rerun("init-1", "init-2"),
            kept_running("app"),
            kept_sandbox(),
            kept_uid(),
            count=1,
        ),
        each_new_pod(*INITIALISED_ONCE, said("init-1", "image=green"), count=1, after=SECOND_FAULT),
    )


@claim("controllers.deployment.bad-init-blocks-rollout")
@BAD_INITS
@BLOCKED
def test_an_init_container_that_cannot_succeed_blocks_the_rollout(
    timeline: Trial, fault: object, until: object, then: object, stuck: tuple[Fact, ...]
) -> None:
    timeline.must(
        object_condition("Deployment", "Progressing", "False", reason="ProgressDeadlineExceeded", after=FAULT),
        object_kept("Deployment", "status/availableReplicas", 2),
        each_old_pod(not_rerun("init-1", "init-2"), kept_running("app"), endpoint_never(ready=False, after=FAULT)),
        each_new_pod(
            *stuck,
            never_ran("init-2", "app"),
            phase_never("Running"),
            endpoint_never(ready=True),
            count=1,
        ),
    )


@claim("controllers.deployment.undo-heals")
@BAD_INITS
@BLOCKED
def test_undoing_the_template_takes_the_blocked_pod_away_and_leaves_the_old_ones_alone(
    timeline: Trial, fault: object, until: object, then: object, stuck: object
) -> None:
    timeline.must(
        object_condition("Deployment", "Progressing", reason="NewReplicaSetAvailable", after=SECOND_FAULT),
        object_kept("Deployment", "status/availableReplicas", 2, after=SINCE_FAULT),
        each_new_pod(pod_gone(), count=1),
        each_new_pod(count=0, after=SECOND_FAULT),
        each_old_pod(
            not_rerun("init-1", "init-2", after=SINCE_FAULT),
            kept_running("app", after=SINCE_FAULT),
            kept_sandbox(after=SINCE_FAULT),
            count=2,
        ),
    )


@claim("controllers.deployment.every-pod-initialises")
@pytest.mark.parametrize(
    "fault",
    [pytest.param(scale("Deployment", "web", 2), id="scaled"), pytest.param(delete_newest_pod(), id="deleted")],
)
@scenario(
    pod="workloads/web",
    steady=pods_running(1),
    fault=None,
    until=pods_running(1, since_fault=True),
    typical_s=14,
)
def test_a_pod_that_a_workload_adds_or_replaces_initialises_from_the_start(timeline: Trial, fault: object) -> None:
    timeline.must(old_pods_unaffected(), each_new_pod(*INITIALISED_ONCE, count=1))
