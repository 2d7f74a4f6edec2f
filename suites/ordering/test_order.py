"""Init containers run one after another, to completion, before any app (init-containers#understanding)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    FAULT,
    condition_became,
    conditions_while_initialising,
    exited_with,
    never_overlapped,
    never_ran,
    overlapped,
    phase_reached,
    pod_showed,
    ran,
    ran_in_order,
    restart_count_was,
    said,
    said_value_matches_status,
    started_only_after,
    statuses_in_spec_order,
)
from podvow.faults import kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import Condition, phase, running, runs
from podvow.scenario.edits import containers
from podvow.scenario.model import promised

POLICIES = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
START = scenario(pod="three-inits-two-apps", steady=running("app-a", "app-b"), typical_s=9)


@claim("ordering.inits.one-at-a-time")
@POLICIES
@START
def test_init_containers_run_one_after_another_in_spec_order(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        ran_in_order("init-1", "init-2", "init-3"),
        never_overlapped("init-1", "init-2", "init-3"),
        ran("init-1", times=1),
        ran("init-2", times=1),
        ran("init-3", times=1),
    )


@claim("ordering.apps.wait-for-all-inits")
@POLICIES
@START
def test_app_containers_start_only_after_every_init_container_succeeded(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        started_only_after("app-a", "init-1", "init-2", "init-3"),
        started_only_after("app-b", "init-1", "init-2", "init-3"),
        restart_count_was("app-a", 0),
        overlapped("app-a", "app-b"),
    )


@claim("ordering.init-status.shape")
@POLICIES
@START
def test_init_statuses_stand_in_spec_order_and_end_completed(timeline: Trial, restart_policy: str) -> None:
    timeline.must(statuses_in_spec_order())


@claim("ordering.conditions.while-initialising")
@POLICIES
@START
def test_a_pod_that_initialises_is_pending_and_names_what_is_incomplete(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        conditions_while_initialising(),
        condition_became("Initialized", "True"),
        condition_became("Ready", "True"),
        phase_reached("Running"),
    )


@claim("ordering.inits.zero-exit-required")
@pytest.mark.parametrize(
    ("restart_policy", "code", "edits", "until"),
    [
        pytest.param(
            policy,
            code,
            containers(inits={"init-2": {"env": {"CODE": code}}}),
            # where it is tried again, and nothing else ends the Pod, the code alone holds back what follows
            phase("Failed") if policy == "Never" else runs("init-2", 2),
            id=f"{policy}-{code}",
        )
        for policy, codes in (("Never", (1, 2, 42, 137, 255)), ("Always", (2, 255)), ("OnFailure", (42, 137)))
        for code in codes
    ],
)
@scenario(pod="failing-init", typical_s=7)
def test_any_exit_code_but_zero_keeps_the_next_container_from_starting(
    timeline: Trial, restart_policy: str, code: int, edits: object, until: Condition
) -> None:
    timeline.must(
        exited_with("init-1", 0),
        exited_with("init-2", code),
        never_ran("init-3", "app"),
    )


@claim("ordering.network.before-inits")
@scenario(pod="network-in-init", steady=running("app"), typical_s=10)
def test_network_is_ready_before_the_first_init_container_starts(timeline: Trial) -> None:
    timeline.must(
        said_value_matches_status("init-1", "own", "podIP"),
        said_value_matches_status("init-1", "given", "podIP"),
        said("init-1", "peer=hello"),
        condition_became("PodReadyToStartContainers", "True"),
    )


@claim("ordering.conditions.while-initialising")
@scenario(
    pod="only-sidecars",
    steady=promised(running("side-1", "side-2", "app")),
    fault=kill_pause(),
    until=running("side-1", "side-2", "app", anew=True),
    typical_s=28,
)
def test_a_pod_that_has_only_sidecars_is_pending_whenever_it_initialises(timeline: Trial) -> None:
    timeline.must(
        pod_showed("status/conditions/Initialized/status", "False"),
        pod_showed("status/phase", "Pending", after=FAULT),
        *(ran(container, times=1, after=FAULT) for container in ("side-1", "side-2", "app")),
    )
