"""A restart of all containers outlives the kubelet that began it (pod-lifecycle#restart-all-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    SINCE_FAULT,
    initialised_in_order,
    kept_sandbox,
    kept_uid,
    phase_never,
    ran,
    started_only_after,
)
from podvow.faults import kill
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import SETTLED, while_kubelet_is_down
from podvow.scenario.conditions import running, runs
from podvow.scenario.edits import containers, rule
from podvow.scenario.model import Until

LONG = ("proxy", "app", "other")
ALL = ("init-1", "init-2", *LONG)
RULE = rule([137], action="RestartAllContainers")
DONE = Until(running(*LONG) & runs("init-1", 2) & runs("app", 2) & runs("other", 2), control=True)


@claim("nodes.kubelet-restart.restart-all-containers-completed")
@pytest.mark.parametrize(
    "then",
    [
        # Not "just before" it goes away: scenarios wait for each other before a shared fault, which would then meet
        # the restart anywhere. (Seen: a kubelet that stops while it starts an init container takes it along.)
        pytest.param((*while_kubelet_is_down(kill("app")), DONE), id="exit-while-down"),
    ],
)
@scenario(
    pod="restart-all",
    edits=containers(apps={"app": {"restartPolicy": "Never", "restartPolicyRules": [RULE]}}),
    steady=running(*LONG),
    hold=SETTLED,
    typical_s=45,
)
def test_all_containers_are_restarted_once_though_the_kubelet_was_away(timeline: Trial, then: object) -> None:
    timeline.must(
        *(ran(name, times=2) for name in ALL),
        initialised_in_order("init-1", "proxy", "init-2", "app", after=SINCE_FAULT),
        started_only_after("other", "init-1", "init-2", after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
        kept_uid(after=SINCE_FAULT),
        phase_never("Succeeded", "Failed"),
    )
