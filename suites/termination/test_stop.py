"""How an initialising Pod is stopped: signals and grace, by deletion, eviction or with its namespace."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    condition_became,
    ended_after,
    exited_with,
    never_ran,
    phase_reached,
    pod_gone,
    pod_gone_within,
    pod_showed,
    pod_showed_last,
    probed,
    ran,
    said,
    was_signalled,
)
from podvow.faults import delete_namespace, delete_pod, evict_pod, release_pod
from podvow.labels import HOLD_FINALIZER
from podvow.marks import Trial, claim, scenario
from podvow.probes.left import look_left
from podvow.scenario.conditions import Condition, exited, gone, phase, runs, started, waiting
from podvow.scenario.conditions import said as has_said
from podvow.scenario.model import Hold, Inject, Look, Until

HELD: dict[str, Any] = {"metadata": {"finalizers": [HOLD_FINALIZER]}}
CLEANS_UP_3S: dict[str, Any] = {
    "spec": {"initContainers": [{"name": "init-2", "env": [{"name": "CLEAN_UP", "value": "3"}]}]}
}
POLICIES = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])


@claim("termination.grace.killed-after-it")
@scenario(
    pod="term-ignored",
    steady=has_said("init-2", "ready"),
    fault=delete_pod(grace_s=5),
    until=gone(),
    typical_s=16,
)
def test_an_init_container_that_ignores_the_signal_is_killed_after_the_grace_period(timeline: Trial) -> None:
    timeline.must(
        was_signalled("init-2"),
        ended_after("init-2", at_least_s=5, window="publish"),
        exited_with("init-2", 137),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
        pod_gone(),
    )


@claim("termination.grace.waited-for")
@POLICIES
@scenario(
    pod="term-exits-zero",
    edits={**CLEANS_UP_3S, **HELD},
    steady=has_said("init-2", "ready"),
    fault=delete_pod(grace_s=60),
    until=exited("init-2") & phase("Succeeded", "Failed"),
    then=(Hold("quiet"), Inject(release_pod())),
    typical_s=45,
)
def test_an_init_container_may_finish_within_the_grace_period_and_nothing_follows_it(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        was_signalled("init-2"),
        said("init-2", "cleaned", after=FAULT),
        ended_after("init-2", at_least_s=3, window="publish"),
        exited_with("init-2", 0),
        ran("init-2", times=1),
        # an init container that succeeds while its Pod terminates lets nothing start
        never_ran("init-3", "app"),
        phase_reached("Failed", after=FAULT),
    )


@claim("termination.delete-in-back-off.gone-at-once")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
@scenario(
    pod="failing-init",
    # into the third back-off, of forty seconds: most of it is left when the Pod is deleted
    steady=runs("init-2", 4) & exited("init-2"),
    fault=delete_pod(grace_s=900),
    until=gone(),
    typical_s=44,
)
def test_a_pod_deleted_while_its_init_container_waits_for_a_retry_is_gone_at_once(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        pod_gone_within(30),
        never_ran("init-2", "init-3", "app", after=FAULT),
        ran("init-2", times=4),
        ran("init-1", times=1),
    )


@claim("termination.delete-without-grace.stops-init")
@scenario(
    pod="term-ignored",
    # much longer than it may take: the Pod's own period does not count
    edits={"spec": {"terminationGracePeriodSeconds": 60}},
    steady=has_said("init-2", "ready"),
    fault=delete_pod(grace_s=0),
    until=gone() & exited("init-2"),
    hold="quiet",
    typical_s=42,
)
def test_a_pod_deleted_without_grace_is_gone_and_its_init_container_is_killed(timeline: Trial) -> None:
    timeline.must(
        pod_gone_within("publish"),
        exited_with("init-2", 137),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
    )


@claim("termination.delete-before-start.nothing-starts")
@pytest.mark.parametrize(
    ("pod", "steady"),
    [
        pytest.param("unpullable-init", waiting("init-2", "ImagePullBackOff"), id="unpullable"),
        pytest.param("wants-configmap", waiting("init-2", "CreateContainerConfigError"), id="not-configured"),
    ],
)
@scenario(fault=delete_pod(grace_s=900), until=gone(), hold="quiet", typical_s=42)
def test_a_pod_deleted_while_its_init_container_cannot_start_is_gone_at_once(
    timeline: Trial, pod: str, steady: Condition
) -> None:
    timeline.must(
        pod_gone_within("resync"),
        never_ran("init-2", "app"),
        ran("init-1", times=1),
    )


@claim("termination.eviction.during-init")
@scenario(
    pod="long-init",
    edits=HELD,
    steady=started("init-2"),
    fault=evict_pod(grace_s=2),
    until=phase("Failed"),
    then=(Hold("quiet"), Inject(release_pod())),
    typical_s=42,
)
def test_an_evicted_pod_says_so_and_stops_initialising(timeline: Trial) -> None:
    timeline.must(
        condition_became("DisruptionTarget", "True", after=FAULT, reason="EvictionByEvictionAPI"),
        # who replaces the Pod reads it when the Pod has ended
        pod_showed_last("status/conditions/DisruptionTarget/status", "True", after=FAULT),
        pod_showed("metadata/deletionGracePeriodSeconds", 2, after=FAULT),
        was_signalled("init-2"),
        exited_with("init-2", 143),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
        phase_reached("Failed", after=FAULT),
    )


@claim("termination.namespace.leaves-nothing")
@pytest.mark.parametrize(
    ("pod", "edits"),
    [
        pytest.param("long-init", {}, id="long-init"),
        # so long that a namespace that does not wait for it is gone before
        pytest.param("term-ignored", {"spec": {"terminationGracePeriodSeconds": 14}}, id="term-ignored"),
    ],
)
@scenario(
    steady=started("init-2"),
    fault=delete_namespace(),
    then=(Look(look_left(180)), Until(gone() & exited("init-2"), control=True)),
    typical_s=28,
)
def test_a_namespace_deleted_during_initialisation_leaves_nothing_behind(
    timeline: Trial, pod: str, edits: dict[str, Any]
) -> None:
    timeline.must(
        ran("init-2", times=1),
        never_ran("init-3", "app"),
        pod_gone(),
        probed("left of the namespace", "namespace", 404),
        probed("left of the namespace", "outlived", 0),
        probed("left of the namespace", "containers", 0),
        probed("left of the namespace", "sandboxes", 0),
    )
