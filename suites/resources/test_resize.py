"""Resources changed in place on a Pod with init containers (resize-container-resources, KEP-1287)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    cgroup_had,
    generation_observed,
    kept_sandbox,
    kept_uid,
    not_rerun,
    not_restarted,
    phase_stayed,
    ran,
    resources_became,
    resources_kept,
    restarted,
    spec_resources,
)
from podvow.faults import resize
from podvow.marks import Trial, claim, scenario
from podvow.probes.node import container_cgroup, pod_cgroup
from podvow.scenario.conditions import generation_observed as kubelet_saw_it
from podvow.scenario.conditions import pod_shows, running, started
from podvow.scenario.edits import containers
from podvow.scenario.model import Hold, Look, Until, promised

INITS = "status/initContainerStatuses"
INITIALISED: dict[str, Any] = {"spec": {"initContainers": [{"name": "init-2", "command": ["true"]}]}}
AT_ANY_TIME = pytest.mark.parametrize(
    ("edits", "steady"),
    [
        pytest.param({}, started("init-2"), id="while-initialising"),
        pytest.param(INITIALISED, running("app"), id="beside-the-app"),
    ],
)


def restarts_on(resource: str) -> dict[str, Any]:
    policy = [{"resourceName": resource, "restartPolicy": "RestartContainer"}]
    return {"spec": {**INITIALISED["spec"], "containers": [{"name": "app", "resizePolicy": policy}]}}


@claim("resources.resize.sidecar-in-place")
@AT_ANY_TIME
@scenario(
    pod="resizable",
    fault=resize("side-1", "cpu=30m/90m", "memory=16Mi/40Mi"),
    until=pod_shows(f"{INITS}/side-1/resources/limits/memory", "40Mi"),
    then=(Look(container_cgroup("side-1")), Look(pod_cgroup())),
    typical_s=10,
)
def test_a_sidecar_is_resized_in_place(timeline: Trial, edits: object, steady: object) -> None:
    timeline.must(
        resources_became("side-1", "cpu=30m/90m", "memory=16Mi/40Mi"),
        cgroup_had("cpu=30m/90m", "memory=/40Mi", of="side-1"),
        cgroup_had("cpu=50m/160m", "memory=/64Mi"),
        not_restarted("side-1"),
        not_rerun("init-1"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("resources.resize.running-init-in-place")
@scenario(
    pod="resizable",
    steady=started("init-2"),
    fault=resize("init-2", "cpu=50m/130m", "memory=16Mi/48Mi"),
    until=pod_shows(f"{INITS}/init-2/resources/limits/memory", "48Mi"),
    then=(Look(container_cgroup("init-2")), Look(pod_cgroup())),
    typical_s=8,
)
def test_a_running_init_container_is_resized_in_place(timeline: Trial) -> None:
    timeline.must(
        resources_became("init-2", "cpu=50m/130m", "memory=16Mi/48Mi"),
        cgroup_had("cpu=50m/130m", "memory=/48Mi", of="init-2"),
        cgroup_had("cpu=60m/170m", "memory=/72Mi"),
        not_restarted("side-1", "init-2"),
        not_rerun("init-1"),
        phase_stayed("Pending"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("resources.resize.running-init-in-place")
@scenario(
    pod="resizable",
    steady=started("init-2"),
    # the limit is what it was
    fault=resize("init-2", "cpu=50m/70m"),
    until=promised(pod_shows(f"{INITS}/init-2/resources/requests/cpu", "50m")),
    then=(Look(container_cgroup("init-2")),),
    typical_s=8,
)
def test_of_a_running_init_container_the_request_alone_is_resized(timeline: Trial) -> None:
    timeline.must(
        resources_became("init-2", "cpu=50m/70m"),
        cgroup_had("cpu=50m/70m", of="init-2"),
        not_restarted("side-1", "init-2"),
        kept_sandbox(),
    )


@claim("resources.resize.sidecar-in-place")
@AT_ANY_TIME
@scenario(
    pod="resizable",
    fault=resize("side-1", "cpu=5m/20m"),
    until=promised(pod_shows(f"{INITS}/side-1/resources/limits/cpu", "20m")),
    then=(Look(container_cgroup("side-1")), Look(pod_cgroup())),
    typical_s=10,
)
def test_what_a_sidecar_may_use_is_lowered_in_place(timeline: Trial, edits: object, steady: object) -> None:
    timeline.must(
        resources_became("side-1", "cpu=5m/20m"),
        cgroup_had("cpu=5m/20m", of="side-1"),
        cgroup_had("cpu=25m/90m"),
        not_restarted("side-1"),
        not_rerun("init-1"),
        kept_sandbox(),
    )


@claim("resources.resize.finished-init-not-rerun")
@pytest.mark.parametrize(
    ("edits", "steady"),
    [
        pytest.param({}, started("init-2"), id="while-initialising"),
        pytest.param(INITIALISED, running("app"), id="initialised"),
    ],
)
@scenario(
    pod="resizable",
    fault=resize("init-1", "cpu=80m/300m"),
    until=kubelet_saw_it(),
    then=(Hold("quiet"), Look(container_cgroup("side-1")), Look(pod_cgroup())),
    typical_s=40,
)
def test_resizing_a_finished_init_container_runs_nothing_again(
    timeline: Trial, edits: object, steady: object
) -> None:
    timeline.must(
        generation_observed(),
        spec_resources("init-1", "cpu=80m/300m"),
        resources_became("init-1", "cpu=80m/300m"),
        resources_kept("side-1", "cpu=10m/40m"),
        cgroup_had("cpu=10m/40m", of="side-1"),
        cgroup_had("cpu=30m/110m"),
        not_rerun("init-1"),
        not_restarted("side-1"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("resources.resize.waiting-init-starts-with-it")
@scenario(
    pod="resizable",
    edits=containers(inits={"init-2": {"command": ["sleep", "20"]}, "init-3": {"command": ["sleep", "20"]}}),
    steady=started("init-2"),
    fault=resize("init-3", "cpu=30m/90m"),
    until=running("init-3"),
    then=(Look(container_cgroup("init-3")), Until(running("app"))),
    typical_s=50,
)
def test_an_init_container_resized_before_it_starts_runs_with_its_new_resources(timeline: Trial) -> None:
    timeline.must(
        spec_resources("init-3", "cpu=30m/90m"),
        resources_became("init-3", "cpu=30m/90m"),
        cgroup_had("cpu=30m/90m", of="init-3"),
        ran("init-3", times=1, after=FAULT),
        not_rerun("init-1"),
        not_restarted("side-1", "init-2"),
        kept_sandbox(),
    )


@claim("resources.resize.app-does-not-rerun-inits")
@scenario(
    pod="resizable",
    edits=INITIALISED,
    steady=running("app"),
    fault=resize("app", "cpu=25m/120m", "memory=16Mi/48Mi"),
    until=pod_shows("status/containerStatuses/app/resources/limits/memory", "48Mi"),
    then=(Look(container_cgroup("app")), Look(pod_cgroup())),
    hold="quiet",
    typical_s=40,
)
def test_resizing_an_app_in_place_disturbs_no_init_container(timeline: Trial) -> None:
    timeline.must(
        resources_became("app", "cpu=25m/120m", "memory=16Mi/48Mi"),
        cgroup_had("cpu=25m/120m", "memory=/48Mi", of="app"),
        cgroup_had("cpu=35m/160m", "memory=/72Mi"),
        not_restarted("app", "side-1"),
        not_rerun("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("resources.resize.app-does-not-rerun-inits")
@scenario(
    pod="resizable",
    edits=containers(
        inits={"side-1": {"restartPolicy": None, "command": ["true"]}, "init-2": {"command": ["true"]}}
    ),
    steady=running("app"),
    fault=resize("app", "cpu=25m/120m"),
    until=pod_shows("status/containerStatuses/app/resources/limits/cpu", "120m"),
    hold="notice",
    typical_s=16,
)
def test_resizing_an_app_in_place_runs_no_init_container_of_a_pod_without_sidecars(timeline: Trial) -> None:
    timeline.must(
        resources_became("app", "cpu=25m/120m"),
        not_restarted("app"),
        not_rerun("side-1", "init-1", "init-2", "init-3"),
        kept_sandbox(),
    )


@claim("resources.resize.app-does-not-rerun-inits")
@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        pytest.param(restarts_on("cpu"), resize("app", "cpu=25m/120m"), id="cpu"),
        pytest.param(restarts_on("memory"), resize("app", "memory=16Mi/48Mi"), id="memory"),
    ],
)
@scenario(
    pod="resizable",
    steady=running("app"),
    until=running("app", anew=True),
    hold="quiet",
    typical_s=42,
)
def test_an_app_that_is_restarted_for_its_resize_restarts_alone(timeline: Trial, fault: Any, edits: object) -> None:
    timeline.must(
        resources_became("app", *fault.sizes),
        restarted("app"),
        not_restarted("side-1"),
        not_rerun("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
    )
