"""A node that was rebooted, or lost its power: sandboxes are gone, so that its Pods initialise again."""

from __future__ import annotations

import pytest

from podvow.expect import (
    After,
    each_pod,
    ended_with_the_same,
    kept_uid,
    phase_while_initialising,
    ran,
    reran_in_order,
    restart_count_was,
    restarted,
    started_only_after,
)
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import lost_twice
from podvow.scenario.conditions import phase, pods_renewed, pods_running, running, said

INITS = ("init-1", "init-2", "init-3")
LOSSES = pytest.mark.parametrize("number", [0, 1], ids=["reboot", "power"])


@claim("nodes.node-lost.all-inits-in-order")
@LOSSES
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    then=lost_twice(running("app-a", "app-b", anew=True)),
    typical_s=75,
)
def test_a_node_that_comes_back_runs_all_init_containers_again_in_order(timeline: Trial, number: int) -> None:
    after = After(number)
    timeline.must(
        reran_in_order(*INITS, after=after),
        restarted("app-a", after=after),
        restarted("app-b", after=after),
        started_only_after("app-a", *INITS, after=after),
        started_only_after("app-b", *INITS, after=after),
        phase_while_initialising("Pending", after=after),
        kept_uid(after=after),
    )


@claim("nodes.node-lost.during-init")
@LOSSES
@scenario(
    pod="told-init",
    steady=said("init-2", "up"),
    then=lost_twice(running("app", anew=True)),
    typical_s=75,
)
def test_a_pod_that_was_initialising_begins_again_with_the_first_init_container(
    timeline: Trial, number: int
) -> None:
    after = After(number)
    timeline.must(
        reran_in_order("init-1", "init-2", after=after),
        ran("init-3", times=1, after=after),
        started_only_after("app", *INITS, after=after),
        kept_uid(after=after),
    )


@claim("nodes.node-lost.never-policy-ends-pod")
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Never",
    steady=running("app-a", "app-b"),
    then=lost_twice(phase("Failed", "Succeeded")),
    typical_s=75,
)
def test_under_never_a_node_that_comes_back_runs_nothing_again(timeline: Trial) -> None:
    # Nothing is said of the second loss, and nothing by the trace: the kubelet removes an ended Pod's volumes.
    timeline.must(
        ended_with_the_same(*INITS, "app-a", "app-b", after=After(0)),
        restart_count_was("app-a", 0, after=After(0)),
        kept_uid(after=After(0)),
    )


@claim("nodes.node-lost.daemon-set")
@LOSSES
@scenario(
    objects=["workloads/agent"],
    steady=pods_running(1),
    then=lost_twice(pods_renewed(1)),
    typical_s=75,
)
def test_the_pod_of_a_daemon_set_initialises_again(timeline: Trial, number: int) -> None:
    timeline.must(each_pod(reran_in_order("init-1", "init-2", after=After(number))))
