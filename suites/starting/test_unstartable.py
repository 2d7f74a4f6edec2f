"""Init containers that cannot start: no such image, no such program, not allowed to be root."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    kept_sandbox,
    kept_uid,
    message_names,
    never_ran,
    phase_stayed,
    pod_failed,
    pod_showed,
    ran,
    restart_count_was,
    terminated_with,
    waited_with,
)
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import phase, pod_shows, waiting

ALWAYS_NEVER = pytest.mark.parametrize("restart_policy", ["Always", "Never"])
INIT_2 = "status/initContainerStatuses/init-2"


def image(name: str, **more: str) -> dict[str, Any]:
    return {"spec": {"initContainers": [{"name": "init-2", "image": name, **more}]}}


@claim("starting.image.unusable-reference-waits-for-ever")
@ALWAYS_NEVER
@pytest.mark.parametrize(
    ("reason", "edits", "steady"),
    [
        pytest.param(reason, edits, waiting("init-2", reason), id=reason)
        for reason, edits in (
            ("InvalidImageName", image("podvow/Not-A-Name:1")),
            ("ErrImageNeverPull", image("podvow/not-on-the-node:1", imagePullPolicy="Never")),
        )
    ],
)
@scenario(pod="unpullable-init", hold="quiet", typical_s=36)
def test_an_init_image_that_can_never_be_had_keeps_the_pod_pending(
    timeline: Trial, restart_policy: str, reason: str, edits: dict[str, Any], steady: object
) -> None:
    timeline.must(
        waited_with("init-2", reason),
        message_names("init-2", edits["spec"]["initContainers"][0]["image"]),
        phase_stayed("Pending", after=None),
        never_ran("init-2", "init-3", "app"),
        ran("init-1", times=1),
        restart_count_was("init-2", 0),
        kept_sandbox(after=None),
    )


@claim("starting.command.not-found-counts-as-failure")
@scenario(pod="no-such-command", restart_policy="Never", until=phase("Failed"), hold="quiet", typical_s=36)
def test_under_never_an_init_container_whose_program_is_missing_fails_the_pod(timeline: Trial) -> None:
    timeline.must(
        terminated_with("init-2", reason="StartError", code=128),
        pod_failed(),
        never_ran("init-2", "init-3", "app"),
        restart_count_was("init-2", 0),
        ran("init-1", times=1),
    )


@claim("starting.command.not-found-counts-as-failure")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
@scenario(
    pod="no-such-command",
    until=pod_shows(f"{INIT_2}/restartCount", 2),
    typical_s=18,
)
def test_an_init_container_whose_program_is_missing_is_retried_with_back_off(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        terminated_with("init-2", reason="StartError", code=128),
        waited_with("init-2", "CrashLoopBackOff", "RunContainerError"),
        phase_stayed("Pending", after=None),
        never_ran("init-2", "init-3", "app"),
        ran("init-1", times=1),
        kept_sandbox(after=None),
        kept_uid(after=None),
    )


@claim("starting.users.root-refused-waits-for-ever")
@ALWAYS_NEVER
@scenario(
    pod="root-refused",
    steady=waiting("init-2", "CreateContainerConfigError"),
    hold="quiet",
    typical_s=36,
)
def test_an_init_container_that_would_run_as_root_against_its_rule_is_never_created(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        waited_with("init-2", "CreateContainerConfigError"),
        message_names("init-2", "container has runAsNonRoot and image will run as root"),
        phase_stayed("Pending", after=None),
        never_ran("init-2", "init-3", "app"),
        ran("init-1", times=1),
        restart_count_was("init-2", 0),
        pod_showed(f"{INIT_2}/ready", value=False),
    )
