"""A failing init container under each restart policy (init-containers#detailed-behavior)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    crash_looped,
    exited_with,
    gaps_followed_curve,
    kept_ip,
    kept_sandbox,
    kept_uid,
    last_state_code,
    never_ran,
    not_held_back,
    phase_reached,
    pod_failed,
    pod_showed_last,
    ran,
    restart_count_was,
    start_time_kept,
    started_only_after,
    statuses_in_spec_order,
    terminated_with,
)
from podvow.faults import kill
from podvow.marks import Trial, claim, scenario
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import Condition, phase, running, runs, started
from podvow.scenario.edits import containers

RETRYING = pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])


def fails(times: dict[str, int]) -> dict[str, Any]:
    return containers(inits={name: {"env": {"FAILURES": n}} for name, n in times.items()})


@claim("failure.init.retried-until-success")
@RETRYING
@scenario(pod="flaky-init", edits=fails({"init-2": 3}), steady=running("app"), typical_s=42)
def test_a_failing_init_container_is_retried_until_it_succeeds(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        ran("init-2", times=4),
        exited_with("init-2", 1, run=1),
        exited_with("init-2", 0, run=-1),
        restart_count_was("init-2", 3),
        last_state_code("init-2", 1),
        statuses_in_spec_order(),
        started_only_after("init-3", "init-2"),
        started_only_after("app", "init-1", "init-2", "init-3"),
    )


@claim("failure.never.fails-pod")
@scenario(
    pod="failing-init",
    # so long that the success of init-1 is published before init-2 fails
    edits=containers(inits={"init-2": {"command": ["sh", "-c", "sleep 4; exit $CODE"]}}),
    restart_policy="Never",
    until=phase("Failed"),
    hold="quiet",
    typical_s=41,
)
def test_under_never_a_failed_init_container_fails_the_pod_for_good(timeline: Trial) -> None:
    timeline.must(
        pod_failed(),
        pod_showed_last("status/containerStatuses/app/state/waiting/reason", "PodInitializing"),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
        terminated_with("init-2", reason="Error", code=1),
    )


@claim("failure.init.only-the-failed-one-restarts")
@RETRYING
@pytest.mark.parametrize(
    ("edits", "runs_of"),
    [
        pytest.param({}, {"init-1": 1, "init-2": 3, "init-3": 1}, id="second-of-three"),
        pytest.param(
            fails({"init-2": 0, "init-3": 2}), {"init-1": 1, "init-2": 1, "init-3": 3}, id="last-of-three"
        ),
    ],
)
@scenario(pod="flaky-init", steady=running("app"), hold="quiet", typical_s=50)
def test_only_the_failed_init_container_is_restarted_and_the_pod_stays_the_same(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], runs_of: dict[str, int]
) -> None:
    timeline.must(
        *(ran(name, times=times) for name, times in runs_of.items()),
        kept_uid(after=None),
        kept_ip(after=None),
        start_time_kept(after=None),
    )


@claim("failure.always.does-not-rerun-successful-inits")
@scenario(pod="crashing-app", steady=runs("app", 3), hold="quiet", typical_s=50)
def test_always_means_on_failure_for_init_containers(timeline: Trial) -> None:
    timeline.must(
        ran("app", at_least=3),
        ran("init-1", times=1),
        ran("init-2", times=1),
        kept_sandbox(after=None),
    )


@claim("failure.backoff.curve")
@RETRYING
@scenario(pod="failing-init", until=runs("init-2", 5), typical_s=85, profiles=REAL_BACKOFF)
def test_retries_of_an_init_container_back_off_exponentially(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        gaps_followed_curve("init-2", nominal=(0, 10, 20, 40)),
        crash_looped("init-2"),
        ran("init-1", times=1),
        never_ran("init-3", "app"),
    )


@claim("failure.backoff.curve")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(containers(inits={"init-2": {"command": ["sh", "-c", "sleep 5; exit 1"]}}), id="lasts"),
        pytest.param(containers(inits={"init-2": {"command": ["sh", "-c", "sleep 1; exit 143"]}}), id="signal"),
    ],
)
@scenario(pod="failing-init", until=runs("init-2", 4), typical_s=58, profiles=REAL_BACKOFF)
def test_neither_a_run_of_some_seconds_nor_the_code_of_a_signal_shortens_the_back_off(
    timeline: Trial, edits: dict[str, Any]
) -> None:
    timeline.must(gaps_followed_curve("init-2", nominal=(0, 10, 20)))


@claim("failure.backoff.curve")
@scenario(
    pod="three-inits-two-apps",
    edits=containers(
        apps={
            "app-a": {"command": ["sh", "-c", "sleep 1; exit 1"]},
            # fails twice when the other has just gone into a back-off of forty seconds
            "app-b": {"command": ["sh", "-c", "[ -e /podvow/app-b.2 ] || sleep 38; sleep 1; exit 1"]},
        }
    ),
    steady=runs("app-a", 4),
    until=runs("app-b", 3),
    typical_s=66,
    profiles=REAL_BACKOFF,
)
def test_a_short_back_off_does_not_wait_for_a_longer_one_of_another_container(timeline: Trial) -> None:
    timeline.must(not_held_back("app-b", run=3, at_most_s=25), ran("app-a", times=4), ran("app-b", times=3))


@claim("failure.backoff.curve")
@scenario(
    pod="flaky-init",
    edits=fails({"init-2": 3, "init-3": 1}),
    steady=running("app"),
    typical_s=46,
    profiles=REAL_BACKOFF,
)
def test_each_container_backs_off_for_itself(timeline: Trial) -> None:
    timeline.must(
        gaps_followed_curve("init-2", nominal=(0, 10, 20)),
        # forty seconds would be the next delay of init-2
        not_held_back("init-3", run=2, at_most_s=25),
        ran("init-1", times=1),
    )


@claim("failure.signal.counts-as-failure")
@pytest.mark.parametrize(
    ("restart_policy", "until"),
    [
        pytest.param("Always", runs("init-2", 2), id="Always"),
        pytest.param("OnFailure", runs("init-2", 2), id="OnFailure"),
        pytest.param("Never", phase("Failed"), id="Never"),
    ],
)
@scenario(pod="long-init", steady=started("init-2"), fault=kill("init-2"), hold="quiet", typical_s=40)
def test_an_init_container_killed_by_a_signal_has_failed(
    timeline: Trial, restart_policy: str, until: Condition
) -> None:
    again = () if restart_policy == "Never" else (ran("init-2", times=2), ran("init-1", times=1))
    timeline.must(
        exited_with("init-2", 137),
        never_ran("init-3", "app"),
        *again,
        *((phase_reached("Failed"), ran("init-2", times=1)) if restart_policy == "Never" else ()),
    )
