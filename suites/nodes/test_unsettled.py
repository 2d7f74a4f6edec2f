"""What befalls a node without touching its containers changes nothing for its Pods."""

from __future__ import annotations

from functools import partial

import pytest

from podvow.expect import (
    SINCE_FAULT,
    After,
    kept_running,
    kept_sandbox,
    kept_uid,
    not_rerun,
    ran,
    ran_in_order,
    started_only_after,
)
from podvow.faults import debug, send_term
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import SETTLED, unsettled
from podvow.scenario.conditions import ready, running, said
from podvow.scenario.model import Inject, Until

RUNNING = scenario(
    pod="looked-after",
    steady=ready() & said("app-a", "looked after"),
    then=unsettled(said("app-a", "looked after", anew=True)),
    hold=SETTLED,
    typical_s=60,
)
"""A running Pod while its node is unsettled; several tests look at one recording of it."""
mid_init = partial(scenario, pod="told-init", steady=said("init-2", "up"), hold=SETTLED)


def _nothing_happened(timeline: Trial, after: After) -> None:
    timeline.must(
        not_rerun("init-1", "init-2", after=after),
        kept_running("side", "app-a", "app-b", after=after),
        kept_uid(after=after),
    )


@claim("nodes.kubelet-killed.running-pod-unaffected")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@RUNNING
def test_a_killed_kubelet_leaves_running_pods_as_they_are(timeline: Trial, restart_policy: str) -> None:
    _nothing_happened(timeline, After(0))
    timeline.must(kept_sandbox(after=After(0)))


@claim("nodes.containerd-restart.running-pod-unaffected")
@pytest.mark.parametrize("number", [1, 2], ids=["restart", "kill"])
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@RUNNING
def test_a_restarted_or_killed_runtime_leaves_running_pods_as_they_are(
    timeline: Trial, restart_policy: str, number: int
) -> None:
    _nothing_happened(timeline, After(number))


@claim("nodes.node-frozen.running-pod-unaffected")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@RUNNING
def test_a_node_that_was_frozen_for_a_while_goes_on_as_if_nothing_had_happened(
    timeline: Trial, restart_policy: str
) -> None:
    _nothing_happened(timeline, After(3))
    timeline.must(kept_sandbox(after=After(3)))


@claim("nodes.containerd-restart.mid-init-goes-on", "nodes.kubelet-killed.mid-init-goes-on")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@mid_init(then=[*unsettled(), Inject(send_term("init-2")), Until(running("app"), control=True)], typical_s=60)
def test_an_init_container_outlives_kubelet_and_runtime_and_its_exit_code_is_not_lost(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        not_rerun("init-1", after=SINCE_FAULT),
        ran("init-2", times=1),
        ran("init-3", times=1),
        ran_in_order("init-1", "init-2", "init-3", "app"),
        started_only_after("app", "init-1", "init-2", "init-3"),
        kept_uid(after=SINCE_FAULT),
    )


@claim("nodes.containerd-restart.mid-init-goes-on", "nodes.kubelet-killed.mid-init-goes-on")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
# that a container starts shows that the Pod is looked after
@mid_init(then=[*unsettled(), Inject(debug()), Until(running("debug"), control=True)], typical_s=62)
def test_an_init_container_runs_on_whatever_befalls_kubelet_and_runtime(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        kept_running("init-2", after=SINCE_FAULT),
        not_rerun("init-1", "init-2", after=SINCE_FAULT),
        kept_uid(after=SINCE_FAULT),
    )
