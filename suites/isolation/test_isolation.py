"""What init containers have and app containers have not (init-containers#using-init-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import kept_uid, new_sandbox, said
from podvow.faults import kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running
from podvow.scenario.conditions import said as has_said


@claim("isolation.images.tools-stay-in-init")
@scenario(pod="tools-in-init", steady=running("app") & has_said("app", "left="), typical_s=5)
def test_a_tool_of_the_init_image_is_not_in_the_app(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "tool=0"),
        said("init-1", "ran=0"),
        said("app", "tool=(1|127)"),
        said("app", "ran=127"),
        said("app", "left=1"),
    )


@claim("isolation.users.root-stays-in-init")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param({}, id="user-of-the-app"),
        pytest.param({"spec": {"securityContext": {"runAsUser": 1000}}}, id="user-of-the-pod"),
    ],
)
@scenario(pod="root-init", steady=running("app") & has_said("app", "read="), typical_s=5)
def test_the_init_container_runs_as_root_and_the_app_does_not(timeline: Trial, edits: object) -> None:
    timeline.must(
        said("init-1", "uid=0"),
        said("init-1", "chown=0"),
        said("app", "uid=1000"),
        said("app", "read=1"),
    )


@claim("isolation.secrets.stay-in-init")
@scenario(pod="secret-in-init", steady=running("app") & has_said("app", "env="), typical_s=5)
def test_a_secret_of_the_init_container_is_invisible_to_the_app(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "file=0"),
        said("init-1", "env=0"),
        said("app", "file=1"),
        said("app", "env=1"),
    )


@claim("isolation.volumes.hand-over")
@scenario(
    pod="hand-over",
    steady=running("app") & has_said("app", "read="),
    fault=kill_pause(),
    until=running("app", anew=True) & has_said("app", "read=", anew=True),
    typical_s=11,
)
def test_a_file_written_by_the_init_container_is_read_by_the_app_and_survives_the_sandbox(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "wrote=1", run=1),
        said("app", "read=1", run=1),
        new_sandbox(),
        said("init-1", "wrote=2", run=2),
        said("app", "read=2", run=2),
        kept_uid(),
    )
