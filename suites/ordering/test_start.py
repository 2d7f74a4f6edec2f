"""What is ready before the first init container, and how apps start after the last one (init-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    FAULT,
    condition_true_before,
    conditions_came_in_order,
    kept_sandbox,
    kept_uid,
    never_ran,
    overlapped,
    pod_showed_last,
    ran,
    ran_in_order,
    restart_count_was,
    said,
    started_only_after,
)
from podvow.faults import create
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import event_told, running, waiting
from podvow.scenario.conditions import said as has_said
from podvow.scenario.edits import containers
from podvow.scenario.model import Hold, Inject, Until

POLICIES = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])


@claim("ordering.apps.side-by-side")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(pod="rendezvous", steady=has_said("app-a", "met") & has_said("app-b", "met"), typical_s=6)
def test_apps_run_side_by_side_and_none_waits_for_the_end_of_another(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        overlapped("app-a", "app-b"),
        said("app-a", "met"),
        said("app-b", "met"),
        started_only_after("app-a", "init-1"),
        started_only_after("app-b", "init-1"),
        ran("app-a", times=1),
        ran("app-b", times=1),
    )


@claim("ordering.apps.post-start-hook-delays-next")
@scenario(
    pod="post-start-hook",
    steady=running("app-a", "app-b") & has_said("app-b", "hooked="),
    typical_s=10,
)
def test_a_post_start_hook_holds_back_the_next_app_of_the_spec(timeline: Trial) -> None:
    timeline.must(
        said("app-b", "hooked=0"),
        overlapped("app-a", "app-b"),
        started_only_after("app-a", "init-1"),
        ran("app-a", times=1),
        ran("app-b", times=1),
    )


@claim("ordering.conditions.in-order")
@POLICIES
@scenario(pod="three-inits-two-apps", steady=running("app-a", "app-b"), typical_s=9)
def test_a_pod_is_scheduled_then_has_a_sandbox_then_is_initialised_then_ready(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        conditions_came_in_order(
            "PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"
        )
    )


@claim("ordering.sandbox-condition.before-first-init")
@POLICIES
@scenario(pod="three-inits-two-apps", steady=running("app-a", "app-b"), typical_s=9)
def test_a_pod_is_ready_to_start_containers_before_its_first_init_starts(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(condition_true_before("PodReadyToStartContainers", "init-1"))


@claim("ordering.sandbox-condition.before-first-init")
@pytest.mark.parametrize("pod", ["three-inits-two-apps", "host-network"])
@scenario(
    edits=containers(inits={"init-1": {"image": "podvow/not-on-the-node:1", "imagePullPolicy": "Never"}}),
    steady=waiting("init-1", "ErrImageNeverPull"),
    hold="notice",
    typical_s=10,
)
def test_a_pod_is_ready_to_start_containers_although_its_first_init_cannot_start(timeline: Trial, pod: str) -> None:
    timeline.must(
        pod_showed_last("status/conditions/PodReadyToStartContainers/status", "True"),
        never_ran("init-1", "init-2"),
    )


@claim("ordering.volumes.before-inits")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="wants-volume",
    steady=event_told("FailedMount"),
    then=(
        # long enough for a container that does not wait
        Hold("start"),
        Inject(create("objects/settings")),
        Until(has_said("app", "greeting="), control=True),
    ),
    # The kubelet tries to mount again after 0.5 s, 1 s, … up to two minutes.
    typical_s=35,
)
def test_no_init_container_starts_until_every_volume_of_the_pod_can_be_mounted(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        ran("init-1", times=1),
        started_only_after("app", "init-1", "init-2"),
        ran_in_order("init-1", "init-2", "app"),
        ran("init-1", times=1, after=FAULT),
        ran("init-2", times=1, after=FAULT),
        said("app", "greeting=hello"),
        restart_count_was("init-1", 0),
        kept_sandbox(after=None),
        kept_uid(),
    )


@claim("ordering.host-ports.inits-may-share")
@scenario(pod="shared-host-port", steady=running("app"), typical_s=6)
def test_init_containers_and_apps_may_use_the_same_port_of_the_host(timeline: Trial) -> None:
    timeline.must(ran_in_order("init-1", "init-2", "app"), ran("init-1", times=1), ran("init-2", times=1))
