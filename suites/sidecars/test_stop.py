"""The order in which a Pod with sidecars stops (pod-lifecycle#termination-with-sidecars)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    ended_after,
    exited_with,
    never_ran,
    phase_reached,
    pod_failed,
    pod_gone,
    pod_showed_text,
    ran,
    said,
    signalled_only_after_said,
    signalled_while_running,
    started_only_after_said,
    stopped_in_order,
    stopped_within,
    was_signalled,
)
from podvow.faults import delete_pod, set_deadline
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import gone, phase, running, started
from podvow.scenario.edits import containers, page_probe

APPS = ("app-a", "app-b")
SIDES = ("side-3", "side-2", "side-1")
ALL = (*APPS, *SIDES)


NEVER_UP = page_probe(timeoutSeconds=1, failureThreshold=600)
STUBBORN: dict[str, Any] = {"env": {"LINGERS_S": 3600}}
HOOKED: dict[str, Any] = {**STUBBORN, "lifecycle": {"preStop": {"exec": {"command": ["sleep", "14"]}}}}


@claim("sidecars.stop.after-apps-in-reverse-order")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="sidecar-stop",
    steady=running(*ALL),
    fault=delete_pod(grace_s=120),
    until=gone(),
    typical_s=20,
)
def test_a_deleted_pod_stops_its_apps_then_its_sidecars_in_reverse_order(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        was_signalled("app-a"),
        was_signalled("app-b"),
        stopped_in_order(APPS, *SIDES),
        *(exited_with(container, 7, after=FAULT) for container in ALL),
        *(ran(container, times=0, after=FAULT) for container in ALL),
    )


@claim("sidecars.stop.after-apps-in-reverse-order")
@scenario(
    pod="sidecar-stop",
    restart_policy="Never",
    edits=containers(apps={"app-a": {"env": {"LASTS_S": 2}}, "app-b": {"env": {"LASTS_S": 6}}}),
    until=phase("Succeeded"),
    typical_s=22,
)
def test_a_pod_that_is_done_stops_its_sidecars_in_reverse_order_after_its_last_app(timeline: Trial) -> None:
    timeline.must(
        stopped_in_order(APPS, *SIDES, after=None),
        *(exited_with(app, 0) for app in APPS),
        *(exited_with(sidecar, 7) for sidecar in SIDES),
        *(ran(container, times=1) for container in ALL),
    )


@claim("sidecars.stop.after-apps-in-reverse-order")
@scenario(
    pod="sidecar-stop",
    edits=containers(inits={"init-1": {"command": ["sleep", "3600"]}}),
    steady=started("init-1"),
    fault=delete_pod(grace_s=120),
    until=gone(),
    typical_s=18,
)
def test_a_pod_that_is_deleted_while_it_initialises_stops_its_sidecars_in_reverse_order_too(
    timeline: Trial,
) -> None:
    timeline.must(
        stopped_in_order("side-2", "side-1"),
        *(exited_with(sidecar, 7, after=FAULT) for sidecar in ("side-2", "side-1")),
        never_ran("side-3", *APPS),
    )


@claim("sidecars.stop.after-apps-in-reverse-order")
@scenario(
    pod="sidecar-stop",
    steady=running(*ALL),
    fault=set_deadline(1),
    until=phase("Failed"),
    typical_s=20,
)
def test_a_pod_beyond_its_deadline_stops_its_sidecars_in_reverse_order_after_its_apps(timeline: Trial) -> None:
    timeline.must(
        pod_failed("DeadlineExceeded", after=FAULT),
        *(was_signalled(app) for app in APPS),
        stopped_in_order(APPS, *SIDES),
        *(exited_with(container, 7, after=FAULT) for container in ALL),
    )


@claim("sidecars.stop.shares-grace-period")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(
            containers(inits=dict.fromkeys(SIDES, STUBBORN), apps=dict.fromkeys(APPS, STUBBORN)), id="all"
        ),
        pytest.param(containers(inits=dict.fromkeys(SIDES, STUBBORN)), id="sidecars"),
        # what a hook takes is gone for what comes after it, in the same container too
        pytest.param(
            containers(inits=dict.fromkeys(SIDES, STUBBORN), apps={"app-a": HOOKED, "app-b": STUBBORN}), id="hook"
        ),
    ],
)
@scenario(
    pod="sidecar-stop",
    steady=running(*ALL),
    # so long that a sidecar that got all of it again after the apps would be later than any busy node
    fault=delete_pod(grace_s=16),
    until=gone(),
    typical_s=34,
)
def test_stubborn_containers_share_one_grace_period(timeline: Trial, edits: object) -> None:
    timeline.must(
        *(was_signalled(container) for container in ALL),
        # what is left when the grace period is over gets two seconds more
        stopped_within(16 + 2, *ALL, window="replace"),
        *(exited_with(sidecar, 137, after=FAULT) for sidecar in SIDES),
        pod_gone(after=FAULT),
    )


@claim("sidecars.stop.shares-grace-period")
@scenario(
    pod="sidecar-stop",
    edits=containers(
        inits={"side-3": {"env": {"LINGERS_S": 12}}}, apps={app: {"env": {"LINGERS_S": 20}} for app in APPS}
    ),
    steady=running(*ALL),
    fault=delete_pod(grace_s=46),
    until=gone(),
    typical_s=46,
)
def test_a_sidecar_has_all_of_the_grace_period_that_its_apps_have_left(timeline: Trial) -> None:
    timeline.must(
        stopped_in_order(APPS, *SIDES),
        # killed if the time that it has waited for the apps were counted twice
        *(exited_with(container, 7, after=FAULT) for container in ALL),
    )


@claim("sidecars.stop.signalled-before-later-ones-started", "sidecars.stop.running-init-not-waited-for")
@scenario(
    pod="sidecar-long-init",
    steady=started("init-1"),
    fault=delete_pod(grace_s=14),
    until=gone(),
    typical_s=18,
)
def test_a_pod_deleted_while_it_initialises_stops_the_sidecars_that_run_and_starts_no_other(
    timeline: Trial,
) -> None:
    timeline.must(
        stopped_in_order("side-2", "side-1"),
        signalled_while_running("side-2", "init-1"),
        *(exited_with(container, 7, after=FAULT) for container in ("side-1", "side-2", "init-1")),
        never_ran("side-3", "app"),
        ran("init-1", times=0, after=FAULT),
    )


@claim("sidecars.stop.signalled-before-later-ones-started")
@scenario(
    pod="sidecar-probed",
    edits=containers(inits={"side": {"env": {"DEAD_RUNS": 9}, "startupProbe": NEVER_UP}}),
    steady=running("side"),
    fault=delete_pod(grace_s=14),
    until=gone(),
    typical_s=24,
)
def test_a_sidecar_that_has_not_started_gets_term_when_its_pod_is_deleted(timeline: Trial) -> None:
    timeline.must(
        was_signalled("side"),
        was_signalled("plain"),
        stopped_in_order("side", "plain"),
        never_ran("app"),
        ran("side", times=0, after=FAULT),
    )


@claim("sidecars.hooks.pre-stop-before-term")
@scenario(
    pod="sidecar-hooks",
    steady=running("app"),
    fault=delete_pod(grace_s=60),
    until=gone(),
    typical_s=22,
)
def test_the_pre_stop_hook_of_a_sidecar_has_ended_when_it_gets_term(timeline: Trial) -> None:
    timeline.must(
        said("side", "pre", after=FAULT),
        signalled_only_after_said("side", "pre"),
        stopped_in_order("app", "side"),
        exited_with("side", 143, after=FAULT),
    )


@claim("sidecars.hooks.pre-stop-before-term")
@scenario(
    pod="sidecar-hooks",
    edits=containers(inits={"init-1": {"command": ["sleep", "3600"]}}),
    steady=started("init-1"),
    fault=delete_pod(grace_s=60),
    until=gone(),
    typical_s=22,
)
def test_the_pre_stop_hook_of_a_sidecar_runs_while_its_pod_initialises_too(timeline: Trial) -> None:
    timeline.must(
        said("side", "pre", after=FAULT),
        signalled_only_after_said("side", "pre"),
        exited_with("side", 143, after=FAULT),
        never_ran("app"),
    )


@claim("sidecars.hooks.pre-stop-before-term")
@scenario(
    pod="sidecar-hooks",
    restart_policy="Never",
    edits=containers(apps={"app": {"command": ["sleep", "2"]}}),
    until=phase("Succeeded", "Failed"),
    typical_s=22,
)
def test_the_pre_stop_hook_of_a_sidecar_runs_when_its_pod_is_done_too(timeline: Trial) -> None:
    timeline.must(
        said("side", "pre"),
        signalled_only_after_said("side", "pre", after=None),
        exited_with("side", 143),
        phase_reached("Succeeded"),
    )


@claim("sidecars.resources.ephemeral-storage-limit")
@scenario(pod="sidecar-storage", until=phase("Failed"), typical_s=40)
def test_a_sidecar_beyond_its_limit_of_ephemeral_storage_gets_its_pod_evicted(timeline: Trial) -> None:
    timeline.must(
        pod_failed("Evicted"),
        pod_showed_text("status/message", "Container side exceeded its local ephemeral storage limit"),
        ran("app", times=1),
        ran("side", times=1),
    )


@claim("sidecars.hooks.pre-stop-before-term", "sidecars.hooks.post-start-before-next")
@scenario(
    pod="sidecar-hooks",
    edits=containers(
        inits={
            "side": {
                "lifecycle": {
                    "postStart": {"exec": None, "sleep": {"seconds": 6}},
                    "preStop": {"exec": None, "sleep": {"seconds": 6}},
                },
                "command": ["sh", "-c", 'trap "exit 7" TERM; sleep 3; echo up; sleep 3600 >/dev/null 2>&1 & wait'],
            }
        }
    ),
    steady=running("app"),
    fault=delete_pod(grace_s=60),
    until=gone(),
    typical_s=26,
)
def test_hooks_of_a_sidecar_that_sleep_are_waited_for(timeline: Trial) -> None:
    timeline.must(
        started_only_after_said("init-1", "side", "up"),
        stopped_in_order("app", "side"),
        ended_after("side", at_least_s=6, window="replace"),
        exited_with("side", 7, after=FAULT),
    )
