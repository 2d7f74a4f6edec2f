"""Apps that end or are changed; what is restarted in place, and what is not (pod-lifecycle#restart-policy)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    SINCE_FAULT,
    condition_became,
    exited_with,
    image_unchanged,
    kept_ip,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_ran,
    never_said,
    never_signalled,
    not_rerun,
    phase_never,
    pod_gone,
    ran,
    ran_in_order,
    restart_count_was,
    restarted,
    said,
    started_only_after,
)
from podvow.faults import delete_pod, kill, set_image
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import generation_observed as kubelet_saw_it
from podvow.scenario.conditions import gone, running, runs, started, waiting
from podvow.scenario.conditions import said as has_said
from podvow.scenario.model import Inject, Until

GREEN = "podvow/busybox:green"


def ends_with(a: int, b: int | None) -> dict[str, Any]:
    codes = {"app-a": str(a), "app-b": "" if b is None else str(b)}
    return {
        "spec": {
            "containers": [{"name": app, "env": [{"name": "CODE", "value": code}]} for app, code in codes.items()]
        }
    }


@claim("updates.apps-ended.restart-in-place")
@pytest.mark.parametrize(
    ("restart_policy", "code", "edits"),
    [
        pytest.param("Always", 0, ends_with(0, 0), id="Always-0"),
        pytest.param("Always", 1, ends_with(1, 1), id="Always-1"),
        pytest.param("OnFailure", 1, ends_with(1, 1), id="OnFailure-1"),
    ],
)
@scenario(pod="ends-once", until=runs("app-a", 2) & runs("app-b", 2), hold="quiet", typical_s=42)
def test_apps_that_have_all_ended_are_restarted_in_place_without_inits(
    timeline: Trial, restart_policy: str, code: int, edits: object
) -> None:
    timeline.must(
        exited_with("app-a", code),
        exited_with("app-b", code),
        ran("app-a", times=2),
        ran("app-b", times=2),
        ran("init-1", times=1),
        ran("init-2", times=1),
        restart_count_was("app-a", 1),
        restart_count_was("init-2", 0),
        kept_sandbox(after=None),
        kept_uid(after=None),
        kept_ip(after=None),
    )


@claim("updates.app-ended.only-that-one-restarts")
@pytest.mark.parametrize(
    ("restart_policy", "code", "edits"),
    [
        pytest.param("Always", 0, ends_with(0, None), id="Always-0"),
        pytest.param("OnFailure", 1, ends_with(1, None), id="OnFailure-1"),
    ],
)
@scenario(pod="ends-once", until=runs("app-a", 2), hold="quiet", typical_s=42)
def test_an_app_that_has_ended_is_restarted_and_nothing_else(
    timeline: Trial, restart_policy: str, code: int, edits: object
) -> None:
    timeline.must(
        exited_with("app-a", code),
        ran("app-a", times=2),
        ran("app-b", times=1),
        ran("init-1", times=1),
        ran("init-2", times=1),
        restart_count_was("app-b", 0),
        kept_sandbox(after=None),
        kept_uid(after=None),
    )


@claim("updates.app-ended.only-that-one-restarts")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=kill("app-a"),
    until=running("app-a", anew=True),
    hold="quiet",
    typical_s=43,
)
def test_an_app_that_was_killed_is_restarted_and_nothing_else(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        exited_with("app-a", 137),
        restarted("app-a", times=1),
        kept_running("app-b"),
        never_signalled("app-b"),
        not_rerun("init-1", "init-2", "init-3"),
        image_unchanged("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
        kept_ip(),
    )


@claim("updates.init-image.app-restart-does-not-apply-it")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=set_image("init-1", GREEN),
    until=kubelet_saw_it(),
    then=(Inject(kill("app-a", "app-b")), Until(running("app-a", "app-b", anew=True), control=True)),
    hold="quiet",
    typical_s=48,
)
def test_a_changed_init_image_is_not_run_because_apps_restart(timeline: Trial) -> None:
    timeline.must(
        restarted("app-a", after=SECOND_FAULT),
        restarted("app-b", after=SECOND_FAULT),
        not_rerun("init-1", "init-2", "init-3", after=SECOND_FAULT),
        image_unchanged("init-1", "init-2", "init-3", after=SECOND_FAULT),
        kept_sandbox(after=SECOND_FAULT),
        kept_uid(after=SECOND_FAULT),
    )


@claim("updates.app-image.ignored-while-terminating")
@scenario(
    pod="slow-to-stop",
    steady=has_said("app", "image=blue"),
    fault=delete_pod(grace_s=20),
    until=has_said("app", "stopping"),
    then=(Inject(set_image("app", GREEN)), Until(gone(), control=True)),
    typical_s=16,
)
def test_an_image_changed_while_the_pod_terminates_starts_nothing(timeline: Trial) -> None:
    timeline.must(
        never_ran("init-1", "app", after=SECOND_FAULT),
        ran("app", times=1),
        ran("init-1", times=1),
        never_said("app", "image=green"),
        said("app", "stopped", after=SECOND_FAULT),
        exited_with("app", 0),
        pod_gone(),
    )


@claim("updates.app-image.unpullable-during-init")
@scenario(
    pod="patched-init",
    steady=started("init-1"),
    fault=set_image("app", "127.0.0.1:1/none:1"),
    until=waiting("app", "ImagePullBackOff"),
    then=(Inject(set_image("app", GREEN)), Until(running("app"), control=True)),
    typical_s=25,
)
def test_an_app_image_made_unpullable_during_initialisation_disturbs_no_init_container(timeline: Trial) -> None:
    timeline.must(
        ran_in_order("init-1", "init-2", "init-3"),
        ran("init-1", times=1),
        ran("init-2", times=1),
        ran("init-3", times=1),
        never_ran("app", after=FAULT),
        condition_became("Initialized", "True", after=FAULT),
        said("app", "image=green", after=SECOND_FAULT),
        ran("app", times=1),
        kept_sandbox(after=None),
        kept_uid(after=SINCE_FAULT),
    )


@claim("updates.app-image.unpullable-during-init")
@scenario(
    pod="three-inits-two-apps",
    steady=started("init-1"),
    fault=set_image("app-a", "127.0.0.1:1/none:1"),
    until=waiting("app-a", "ImagePullBackOff") & running("app-b"),
    typical_s=25,
)
def test_an_app_that_cannot_be_pulled_keeps_no_later_app_from_starting(timeline: Trial) -> None:
    timeline.must(
        started_only_after("app-b", "init-1", "init-2", "init-3"),
        ran("app-b", times=1),
        never_ran("app-a"),
        phase_never("Succeeded", "Failed"),
    )
