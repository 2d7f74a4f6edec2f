"""A kubelet that was away takes up its Pods where they are; it begins nothing anew (pod-restart-reasons)."""

from __future__ import annotations

from functools import partial

import pytest

from podvow.expect import (
    SINCE_FAULT,
    After,
    condition_stayed,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_ran,
    new_sandbox,
    not_rerun,
    not_restarted,
    phase_reached,
    phase_stayed,
    pod_failed,
    ran,
    ran_in_order,
    reran_in_order,
    restarted,
    start_time_kept,
    started_only_after,
)
from podvow.faults import kill, kill_pause, send_term, set_deadline
from podvow.faults.record import create_record
from podvow.marks import Trial, claim, scenario
from podvow.scenario.chains import SETTLED, while_kubelet_is_down
from podvow.scenario.conditions import phase, ready, running, runs, said, started_anew, terminated
from podvow.scenario.edits import containers
from podvow.scenario.model import Inject, Until

INITS = ("init-1", "init-2", "init-3")
FAILS = containers(inits={"init-2": {"env": [{"name": "CODE", "value": "1"}]}})

kubelet_away = partial(scenario, hold=SETTLED, typical_s=45)
"""What all of them are: the kubelet is stopped and started, and then given the time to do too much."""
mid_init = partial(kubelet_away, pod="told-init", steady=said("init-2", "up"))
two_apps = partial(kubelet_away, pod="three-inits-two-apps", steady=running("app-a", "app-b"))


@claim("nodes.kubelet-restart.running-pod-unaffected")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
@kubelet_away(
    pod="looked-after",
    steady=ready() & said("app-a", "looked after"),
    then=while_kubelet_is_down(then=said("app-a", "looked after", anew=True)),
)
def test_a_restarted_kubelet_leaves_a_running_pod_as_it_is(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        not_rerun("init-1", "init-2", after=SINCE_FAULT),
        kept_running("side", "app-a", "app-b", after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
        condition_stayed("Initialized", "True", after=SINCE_FAULT),
        phase_stayed("Running", after=SINCE_FAULT),
        kept_uid(after=SINCE_FAULT),
        start_time_kept(after=SINCE_FAULT),
    )


@claim("failure.deadline.counts-from-start-time")
@two_apps(then=[*while_kubelet_is_down(), Inject(set_deadline(1)), Until(phase("Failed"))])
def test_a_deadline_counts_from_the_start_time_after_a_restart_of_the_kubelet_too(timeline: Trial) -> None:
    timeline.must(
        start_time_kept(after=SINCE_FAULT),
        pod_failed("DeadlineExceeded", after=SINCE_FAULT),
    )


@claim("nodes.kubelet-restart.app-death-afterwards-restarts-only-it")
@two_apps(then=[*while_kubelet_is_down(), Inject(kill("app-b")), Until(started_anew("app-b"), control=True)])
def test_a_restarted_kubelet_restarts_an_app_and_no_init_container(timeline: Trial) -> None:
    timeline.must(
        restarted("app-b", after=After(2)),
        kept_running("app-a", after=SINCE_FAULT),
        not_rerun(*INITS, after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-restart.mid-init-goes-on")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@mid_init(then=[*while_kubelet_is_down(), Inject(send_term("init-2")), Until(running("app"), control=True)])
def test_an_init_container_outlives_a_restart_of_the_kubelet(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        not_rerun("init-1", after=SINCE_FAULT),
        ran("init-2", times=1),
        ran("init-3", times=1),
        ran_in_order(*INITS, "app"),
        started_only_after("app", *INITS),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-down.finished-init-counts")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@mid_init(then=while_kubelet_is_down(send_term("init-2"), then=running("app")))
def test_an_init_container_that_succeeds_while_the_kubelet_is_down_is_not_repeated(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        not_rerun("init-1", after=SINCE_FAULT),
        ran("init-2", times=1),
        ran("init-3", times=1),
        ran_in_order(*INITS, "app"),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-down.failed-init-retried")
@mid_init(
    edits=FAILS,
    then=while_kubelet_is_down(send_term("init-2"), then=runs("init-2", 2) & running("app")),
)
def test_an_init_container_that_fails_while_the_kubelet_is_down_is_retried(timeline: Trial) -> None:
    timeline.must(
        restarted("init-2", after=SINCE_FAULT),
        not_rerun("init-1", after=SINCE_FAULT),
        ran("init-3", times=1),
        started_only_after("app", "init-3"),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-down.failed-init-retried")
@mid_init(
    edits=FAILS,
    restart_policy="Never",
    then=while_kubelet_is_down(send_term("init-2"), then=phase("Failed")),
)
def test_under_never_an_init_container_that_fails_while_the_kubelet_is_down_fails_the_pod(timeline: Trial) -> None:
    timeline.must(
        phase_reached("Failed", after=SINCE_FAULT),
        not_rerun("init-1", "init-2", after=SINCE_FAULT),
        never_ran("init-3", "app"),
    )


@claim("nodes.kubelet-down.dead-app-restarts-in-place")
@two_apps(then=while_kubelet_is_down(kill("app-a"), then=started_anew("app-a") & running("app-a", "app-b")))
def test_an_app_that_dies_while_the_kubelet_is_down_is_all_that_restarts(timeline: Trial) -> None:
    timeline.must(
        restarted("app-a", after=SINCE_FAULT),
        kept_running("app-b", after=SINCE_FAULT),
        not_rerun(*INITS, after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-down.dead-app-restarts-in-place", "updates.apps-ended.restart-in-place")
# of apps that end under its eyes a kubelet may start the first one again before the second has ended
@two_apps(then=while_kubelet_is_down(kill("app-a", "app-b"), then=started_anew("app-a") & started_anew("app-b")))
def test_apps_that_all_died_while_the_kubelet_was_down_restart_in_place(timeline: Trial) -> None:
    timeline.must(
        restarted("app-a", after=SINCE_FAULT),
        restarted("app-b", after=SINCE_FAULT),
        not_rerun(*INITS, after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-down.dead-app-restarts-in-place")
@two_apps(
    restart_policy="Never",
    then=while_kubelet_is_down(kill("app-a"), then=terminated("app-a")),
)
def test_under_never_an_app_that_dies_while_the_kubelet_is_down_stays_dead(timeline: Trial) -> None:
    timeline.must(
        not_restarted("app-a", after=After(1, to_the_end=True)),
        kept_running("app-b", after=SINCE_FAULT),
        not_rerun(*INITS, after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.kubelet-restart.sidecar-startup-probe")
@kubelet_away(
    pod="sidecar-probed",
    edits=containers(
        inits={
            "side": {
                "env": [{"name": "DELAY_S", "value": "12"}],
                "startupProbe": {"httpGet": {"path": "/alive", "port": 8080}, "periodSeconds": 1},
            }
        }
    ),
    # a container that is ten seconds old is one from before to a kubelet that starts
    steady=running("side", "app") & said("side", "up"),
    then=[*while_kubelet_is_down(), Inject(kill("app")), Until(started_anew("app"), control=True)],
)
def test_an_app_restarts_after_a_restart_of_the_kubelet_beside_a_sidecar_with_a_startup_probe(
    timeline: Trial,
) -> None:
    timeline.must(
        restarted("app", after=After(2)),
        kept_running("side", after=SINCE_FAULT),
        not_rerun("init-1", after=SINCE_FAULT),
        kept_sandbox(after=SINCE_FAULT),
    )


@claim("nodes.stale-created-app.does-not-skip-inits")
@two_apps(
    then=while_kubelet_is_down(create_record("app-a"), kill_pause(), then=running("app-a", "app-b", anew=True)),
)
def test_an_app_that_was_created_and_not_started_does_not_hide_the_init_containers_of_a_new_sandbox(
    timeline: Trial,
) -> None:
    timeline.must(
        new_sandbox(after=SINCE_FAULT),
        reran_in_order(*INITS, after=SINCE_FAULT),
        restarted("app-a", after=SINCE_FAULT),
        restarted("app-b", after=SINCE_FAULT),
        started_only_after("app-a", *INITS, after=SINCE_FAULT),
        kept_uid(after=SINCE_FAULT),
    )
