"""Init containers that cannot be started (debug-init-containers, configmap#configmaps-and-pods)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    FAULT,
    kept_uid,
    message_names,
    never_ran,
    phase_stayed,
    ran,
    restart_count_was,
    said,
    started_only_after,
    waited_with,
)
from podvow.faults import create
from podvow.faults.base import Fault
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running, waiting
from podvow.scenario.model import promised


@claim("starting.image.unpullable-waits-for-ever")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
@scenario(pod="unpullable-init", steady=waiting("init-2", "ImagePullBackOff"), hold="quiet", typical_s=40)
def test_an_init_image_that_cannot_be_pulled_keeps_the_pod_pending(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        waited_with("init-2", "ErrImagePull", "ImagePullBackOff"),
        phase_stayed("Pending", after=None),
        never_ran("init-2", "init-3", "app"),
        ran("init-1", times=1),
        restart_count_was("init-2", 0),
    )


WANTS_SECRET = {"spec": {"initContainers": [{"name": "init-2", "envFrom": [{"secretRef": {"name": "settings"}}]}]}}


@claim("starting.configmap.missing-heals-in-place")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        pytest.param({}, create("objects/settings"), id="configmap"),
        pytest.param(WANTS_SECRET, create("objects/settings-secret"), id="secret"),
    ],
)
@scenario(
    pod="wants-configmap",
    steady=promised(waiting("init-2", "CreateContainerConfigError")),
    until=running("app"),
    typical_s=20,
)
def test_an_init_container_starts_once_its_missing_environment_appears(
    timeline: Trial, restart_policy: str, edits: object, fault: Fault
) -> None:
    timeline.must(
        waited_with("init-2", "CreateContainerConfigError"),
        message_names("init-2", "settings"),
        said("init-2", "greeting=hello"),
        ran("init-1", times=1),
        ran("init-2", times=1, after=FAULT),
        restart_count_was("init-2", 0),
        started_only_after("app", "init-1", "init-2"),
        kept_uid(),
    )
