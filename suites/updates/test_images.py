"""Images changed on a live Pod, and apps that die without a change (init-containers#detailed-behavior)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    SINCE_FAULT,
    generation_observed,
    image_changed,
    image_unchanged,
    kept_ip,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_said,
    new_sandbox,
    not_rerun,
    not_restarted,
    pod_showed,
    ran,
    ran_in_order,
    reran_in_order,
    restarted,
    restarted_within,
    said,
)
from podvow.faults import kill, kill_pause, set_image
from podvow.faults.base import Fault
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import Condition, exited, image_id_changed, running, runs, started, waiting
from podvow.scenario.conditions import (
    generation_observed as kubelet_saw_it,
)
from podvow.scenario.model import Inject, Until, promised

BLUE = "podvow/busybox:blue"
GREEN = "podvow/busybox:green"
POLICIES = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
WANTS_GREEN: dict[str, Any] = {
    "spec": {"initContainers": [{"name": "init-2", "command": ["grep", "green", "/etc/podvow-image"]}]}
}

INIT_BUMP = scenario(
    pod="three-inits-two-apps",
    restart_policy="Always",
    steady=running("app-a", "app-b"),
    fault=set_image("init-1", GREEN),
    until=kubelet_saw_it(),
    hold="quiet",
    typical_s=43,
)
# a single app is all apps; of two the kubelet starts the first one again before the second has ended
ONLY_APP_KILLED = scenario(
    pod="patched-init",
    restart_policy="Always",
    steady=running("app"),
    fault=kill("app"),
    until=running("app", anew=True),
    hold="quiet",
    typical_s=43,
)


@claim("updates.init-image.running-pod-unaffected")
@POLICIES
@INIT_BUMP
def test_changing_an_init_image_of_a_running_pod_restarts_nothing(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        generation_observed(),
        not_rerun("init-1", "init-2", "init-3"),
        not_restarted("app-a", "app-b"),
        image_unchanged("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
        kept_ip(),
    )


@claim("updates.app-image.restarts-only-that-container")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=set_image("app-a", GREEN),
    until=image_id_changed("app-a"),
    then=(Inject(set_image("app-a", BLUE)), promised(image_id_changed("app-a"))),
    typical_s=18,
)
def test_the_image_of_an_app_can_be_changed_again(timeline: Trial) -> None:
    timeline.must(
        restarted("app-a", after=FAULT),
        restarted("app-a", after=SECOND_FAULT),
        image_changed("app-a", after=SECOND_FAULT),
        kept_running("app-b", after=SINCE_FAULT),
        not_rerun("init-1", "init-2", "init-3", after=SINCE_FAULT),
    )


@claim("updates.app-image.restarts-only-that-container")
@pytest.mark.parametrize(
    ("changed", "restart_policy", "fault", "until"),
    [
        pytest.param(app, policy, set_image(app, GREEN), image_id_changed(app), id=f"{policy}-{app}")
        for app, policies in (("app-a", ("Always", "OnFailure", "Never")), ("app-b", ("Always",)))
        for policy in policies
    ],
)
@scenario(pod="three-inits-two-apps", steady=running("app-a", "app-b"), hold="quiet", typical_s=43)
def test_changing_an_app_image_restarts_only_that_container(
    timeline: Trial, changed: str, restart_policy: str, fault: Fault, until: Condition
) -> None:
    other = {"app-a": "app-b", "app-b": "app-a"}[changed]
    timeline.must(
        restarted(changed, times=1),
        image_changed(changed),
        not_restarted(other),
        not_rerun("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
        kept_ip(),
    )


@claim("updates.apps-killed.restart-in-place")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=kill("app-a", "app-b"),
    until=running("app-a", "app-b", anew=True),
    hold="quiet",
    typical_s=43,
)
def test_when_all_apps_die_they_restart_in_place_without_inits(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        restarted("app-a"),
        restarted("app-b"),
        not_rerun("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
        kept_ip(),
    )


@claim("updates.apps-killed.restart-in-place")
@ONLY_APP_KILLED
def test_killing_the_only_app_restarts_it_in_place_without_inits(timeline: Trial) -> None:
    timeline.must(
        restarted("app"),
        not_rerun("init-1", "init-2", "init-3"),
        kept_sandbox(),
        kept_uid(),
        kept_ip(),
    )


@claim("updates.init-image.used-at-next-initialisation")
@scenario(
    pod="patched-init",
    steady=running("app"),
    fault=set_image("init-2", GREEN),
    until=promised(kubelet_saw_it()),
    then=(Inject(kill_pause()), Until(running("app", anew=True), control=True)),
    typical_s=30,
)
def test_a_changed_init_image_is_used_when_the_pod_initialises_again(timeline: Trial) -> None:
    timeline.must(
        said("init-2", "image=blue", run=1),
        new_sandbox(after=SECOND_FAULT),
        reran_in_order("init-1", "init-2", "init-3", after=SECOND_FAULT),
        said("init-2", "image=green", after=SECOND_FAULT),
        said("init-1", "image=blue", after=SECOND_FAULT),
        kept_uid(),
    )


@claim("updates.init-image.repairs-unpullable")
@POLICIES
@scenario(
    pod="unpullable-init",
    steady=waiting("init-2", "ImagePullBackOff"),
    fault=set_image("init-2", BLUE),
    until=running("app"),
    typical_s=12,
)
def test_an_unpullable_init_image_is_repaired_by_a_patch(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        ran("init-2", times=1),
        ran("init-2", times=1, after=FAULT),
        kept_sandbox(),
        ran("init-1", times=1),
        ran_in_order("init-1", "init-2", "init-3"),
        kept_uid(),
    )


@claim("updates.init-image.ends-crash-loop")
@scenario(
    pod="three-inits-two-apps",
    edits=WANTS_GREEN,
    # The status says CrashLoopBackOff only when the back-off is nearly over; its beginning is the exit itself.
    steady=runs("init-2", 3) & exited("init-2"),
    fault=set_image("init-2", GREEN),
    until=running("app-a"),
    typical_s=24,
)
def test_a_crash_looping_init_container_starts_at_once_with_its_new_image(timeline: Trial) -> None:
    timeline.must(
        ran("init-2", times=1, after=FAULT),
        restarted_within("init-2", "backoff_initial"),
        ran("init-1", times=1),
        kept_uid(),
    )


@claim("updates.init-image.not-yet-started-takes-effect")
@scenario(
    pod="patched-init",
    steady=started("init-1"),
    fault=set_image("init-3", GREEN),
    until=running("app"),
    hold="quiet",
    typical_s=45,
)
def test_a_changed_image_of_an_init_container_that_has_not_started_is_used(timeline: Trial) -> None:
    timeline.must(
        said("init-3", "image=green"),
        never_said("init-3", "image=blue"),
        ran("init-1", times=1),
        ran("init-2", times=1),
        ran("init-3", times=1),
    )


@claim("updates.init-image.running-or-done-init-unaffected")
@pytest.mark.parametrize(
    "steady",
    [pytest.param(started("init-1"), id="running"), pytest.param(started("init-2"), id="done")],
)
@scenario(pod="patched-init", fault=set_image("init-1", GREEN), until=running("app"), hold="quiet", typical_s=45)
def test_a_changed_image_of_a_running_or_completed_init_container_has_no_effect(
    timeline: Trial, steady: object
) -> None:
    timeline.must(
        ran("init-1", times=1),
        said("init-1", "image=blue"),
        never_said("init-1", "image=green"),
        ran_in_order("init-1", "init-2", "init-3"),
        pod_showed("spec/initContainers/init-1/image", GREEN, after=FAULT),
    )


@claim("updates.app-image.changed-during-init")
@scenario(
    pod="patched-init",
    steady=started("init-1"),
    fault=set_image("app", GREEN),
    until=running("app"),
    hold="quiet",
    typical_s=45,
)
def test_an_app_image_changed_during_initialisation_is_the_one_that_starts(timeline: Trial) -> None:
    timeline.must(
        said("app", "image=green"),
        never_said("app", "image=blue"),
        ran("init-1", times=1),
        ran("init-2", times=1),
        ran("init-3", times=1),
        ran("app", times=1),
    )


@claim("seed.init-image.update-restarts-pod")
@INIT_BUMP
def test_seed_an_updated_init_image_makes_init_containers_run_again(timeline: Trial) -> None:
    timeline.must(reran_in_order("init-1", "init-2", "init-3"))


@claim("seed.apps-terminated.restart-pod")
@ONLY_APP_KILLED
def test_seed_all_apps_terminated_restarts_the_pod(timeline: Trial) -> None:
    timeline.must(reran_in_order("init-1", "init-2", "init-3"), new_sandbox())
