"""StatefulSets: an ordinal waits until the one before it has initialised (controllers/statefulset)."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    After,
    created_before_ready,
    created_only_after_ready,
    each_new_pod,
    each_pod,
    image_is,
    kept_running,
    kept_uid,
    never_created,
    never_ran,
    not_rerun,
    ran,
    ran_in_order,
    waited_with,
)
from podvow.faults import delete_pod, set_template_image
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import object_shows, pods_running, ready, runs, waiting
from podvow.scenario.model import Hold, Inject, Until
from podvow.scenario.workloads import some_pods

BLUE, MISSING = "podvow/busybox:blue", "podvow/missing:1"
PARALLEL = {"spec": {"podManagementPolicy": "Parallel"}}
THREE = {"spec": {"replicas": 3}}
FAILS = {
    "spec": {
        "template": {"spec": {"initContainers": [{"name": "init-1", "env": [{"name": "CODE", "value": "3"}]}]}}
    }
}
THIRD_FAULT = After(2)


@claim("controllers.statefulset.ordinal-waits-for-init")
@scenario(pod="workloads/db", edits=THREE, until=pods_running(3), typical_s=18)
def test_an_ordinal_is_not_created_before_the_one_before_it_has_initialised(timeline: Trial) -> None:
    timeline.must(
        created_only_after_ready("db-1", "db-0"),
        created_only_after_ready("db-2", "db-0", "db-1"),
        each_pod(ran_in_order("init-1", "app"), ran("init-1", times=1), count=3),
    )


@claim("controllers.statefulset.failing-init-stops-ordinals")
@scenario(
    pod="workloads/db",
    edits=FAILS,
    until=runs("init-1", 2, pod="db-0"),
    hold="quiet",
    typical_s=40,
)
def test_no_later_ordinal_is_created_while_the_first_fails_to_initialise(timeline: Trial) -> None:
    timeline.must(never_created("db-1"), each_pod(ran("init-1", at_least=2), never_ran("app"), count=1))


@claim("controllers.statefulset.parallel-does-not-wait")
@scenario(pod="workloads/db", edits=PARALLEL, until=pods_running(2), typical_s=9)
def test_under_the_parallel_policy_no_ordinal_waits_for_another_ones_init(timeline: Trial) -> None:
    timeline.must(
        created_before_ready("db-1", "db-0"),
        each_pod(ran_in_order("init-1", "app"), ran("init-1", times=1), count=2),
    )


@claim("controllers.statefulset.broken-init-stays-after-revert")
@scenario(
    pod="workloads/db",
    steady=pods_running(2),
    fault=set_template_image("db", "init-1", MISSING, init=True, kind="StatefulSet"),
    until=some_pods(waiting("init-1", "ErrImageNeverPull"), since_fault=True),
    then=(
        Inject(set_template_image("db", "init-1", BLUE, init=True, kind="StatefulSet")),
        Until(object_shows("StatefulSet", "status/observedGeneration", 3), control=True),
        Hold("quiet"),
        Inject(delete_pod(grace_s=1, pod="db-1")),
        Until(some_pods(ready(), since_fault=True), control=True),
    ),
    typical_s=60,
)
def test_a_pod_with_a_broken_init_is_replaced_only_when_it_is_deleted(timeline: Trial) -> None:
    timeline.must(
        each_new_pod(waited_with("init-1", "ErrImageNeverPull"), never_ran("init-1", "app"), count=1),
        each_new_pod(count=0, after=SECOND_FAULT),
        each_new_pod(ran_in_order("init-1", "app"), image_is("init-1", BLUE), count=1, after=THIRD_FAULT),
        not_rerun("init-1", after=FAULT, pod="db-0"),
        kept_running("app", after=SECOND_FAULT, pod="db-0"),
        kept_uid(after=SECOND_FAULT, pod="db-0"),
    )


@claim("controllers.statefulset.parallel-revert-heals")
@scenario(
    pod="workloads/db",
    edits=PARALLEL,
    steady=pods_running(2),
    fault=set_template_image("db", "init-1", MISSING, init=True, kind="StatefulSet"),
    until=some_pods(waiting("init-1", "ErrImageNeverPull"), since_fault=True),
    then=(
        Inject(set_template_image("db", "init-1", BLUE, init=True, kind="StatefulSet")),
        Until(some_pods(ready(), since_fault=True), control=True),
    ),
    typical_s=22,
)
def test_under_the_parallel_policy_a_reverted_template_replaces_the_broken_pod(timeline: Trial) -> None:
    timeline.must(
        each_new_pod(waited_with("init-1", "ErrImageNeverPull"), never_ran("app"), count=1),
        each_new_pod(ran_in_order("init-1", "app"), count=1, after=SECOND_FAULT),
        not_rerun("init-1", after=FAULT, pod="db-0"),
    )
