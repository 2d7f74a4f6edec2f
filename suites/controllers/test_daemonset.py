"""DaemonSets: the Pod of a node runs its init containers, and again when it is replaced (controllers/daemonset)."""

from __future__ import annotations

from podvow.expect import (
    SECOND_FAULT,
    each_new_pod,
    each_old_pod,
    each_pod,
    object_showed,
    pod_gone,
    ran,
    ran_in_order,
    said,
)
from podvow.faults import delete_newest_pod, set_template_image
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import pods_gone, pods_running
from podvow.scenario.model import Hold, Inject, Until

GREEN = "podvow/busybox:green"
INITIALISED_ONCE = (ran_in_order("init-1", "init-2", "app"), ran("init-1", times=1), ran("init-2", times=1))
NEW_IMAGE = set_template_image("agent", "init-1", GREEN, init=True, kind="DaemonSet")


@claim("controllers.daemonset.init-image-change-rolls")
@scenario(
    pod="workloads/agent",
    steady=pods_running(1),
    fault=NEW_IMAGE,
    until=pods_running(1, since_fault=True) & pods_gone(1),
    typical_s=18,
)
def test_a_changed_template_replaces_the_nodes_pod_and_the_new_one_initialises(timeline: Trial) -> None:
    timeline.must(
        each_old_pod(*INITIALISED_ONCE, said("init-1", "image=blue"), pod_gone(), count=1),
        each_new_pod(*INITIALISED_ONCE, said("init-1", "image=green"), said("init-2", "image=blue"), count=1),
        object_showed("DaemonSet", "status/desiredNumberScheduled", 1),
    )


@claim("controllers.daemonset.on-delete-waits-for-deletion")
@scenario(
    pod="workloads/agent",
    edits={"spec": {"updateStrategy": {"type": "OnDelete"}}},
    steady=pods_running(1),
    fault=NEW_IMAGE,
    then=(
        Hold("quiet"),
        Inject(delete_newest_pod()),
        Until(pods_running(1, since_fault=True), control=True),
    ),
    typical_s=46,
)
def test_under_on_delete_the_new_init_runs_only_in_the_pod_that_follows_a_deletion(timeline: Trial) -> None:
    timeline.must(
        each_pod(*INITIALISED_ONCE, count=2),
        each_old_pod(said("init-1", "image=blue"), count=1),
        each_new_pod(said("init-1", "image=green"), count=1, after=SECOND_FAULT),
    )
