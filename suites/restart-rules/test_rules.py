"""Restart policies and rules of single containers (pod-lifecycle#container-restart-rules)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    Fact,
    exited_with,
    held_back,
    kept_sandbox,
    never_ran,
    phase_never,
    phase_reached,
    probe_contained,
    probed,
    ran,
    restart_count_was,
    shown_running,
    started_only_after,
)
from podvow.marks import Trial, claim, scenario
from podvow.probes.api import read_log
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import Condition, phase, pod_shows, running, runs
from podvow.scenario.edits import containers, own, rule
from podvow.scenario.model import Hold, Look

CRASHES = ["sh", "-c", "sleep 1; exit 1"]
ENDED = phase("Succeeded", "Failed")
ALL_42 = rule([42], action="RestartAllContainers")


def app(told: dict[str, Any]) -> dict[str, Any]:
    return containers(apps={"app": told})


def init(told: dict[str, Any]) -> dict[str, Any]:
    return containers(inits={"init": told}, apps={"app": own("Never", "0")})


def once(code: int, name: str, *, then_s: int = 3600) -> list[str]:
    """Return the command of a container that exits with a code once, and then runs for some seconds."""
    return ["sh", "-c", f"[ -e /podvow/{name}.2 ] && exec sleep {then_s}; sleep 1; exit {code}"]


def came_to(final: str, *, app_runs: int, init_runs: int = 1) -> tuple[Fact, ...]:
    """Return what every row promises: how often each ran, how the Pod ended, that it stayed the same Pod."""
    apps = (ran("app", times=app_runs), started_only_after("app", "init")) if app_runs else (never_ran("app"),)
    return (ran("init", times=init_runs), *apps, phase_reached(final), kept_sandbox(after=None))


@claim("restart-rules.app.exit-code-in-rule")
@pytest.mark.parametrize(
    ("edits", "times", "final"),
    [
        pytest.param(app(own("Never", "42 0", rule([42]))), 2, "Succeeded", id="in"),
        pytest.param(app(own("Never", "43 1", rule([42, 43]))), 2, "Failed", id="in-several"),
        pytest.param(app(own("Never", "0 1", rule([1], operator="NotIn"))), 2, "Failed", id="not-in"),
        pytest.param(app(own("Never", "43 0", rule([42]), rule([43]))), 2, "Succeeded", id="second-rule"),
        pytest.param(app(own("Never", "200 0", rule([200]))), 2, "Succeeded", id="in-above-128"),
        # the second restart comes after a back-off
        pytest.param(app(own("Never", "42 42 0", rule([42]))), 3, "Succeeded", id="in-twice"),
    ],
)
@scenario(pod="exits-as-told", until=ENDED, typical_s=8)
def test_an_exit_code_in_a_rule_restarts_the_app_of_a_never_pod(
    timeline: Trial, edits: dict[str, Any], times: int, final: str
) -> None:
    timeline.must(*came_to(final, app_runs=times))


@claim("restart-rules.app.no-match-falls-back")
@pytest.mark.parametrize(
    ("restart_policy", "edits", "times", "final"),
    [
        pytest.param("Never", app(own("Never", "1", rule([42]))), 1, "Failed", id="own-Never"),
        pytest.param("Never", app(own("OnFailure", "1 0", rule([42]))), 2, "Succeeded", id="own-OnFailure"),
        pytest.param("Never", app(own("OnFailure", "0", rule([42]))), 1, "Succeeded", id="own-OnFailure-exits-0"),
        pytest.param("Always", app(own("Never", "1", rule([42]))), 1, "Failed", id="own-Never-in-Always"),
        pytest.param(
            "Always", app(own("Never", "0", rule([42]))), 1, "Succeeded", id="own-Never-in-Always-exits-0"
        ),
    ],
)
@scenario(pod="exits-as-told", until=ENDED, typical_s=6)
def test_an_exit_code_in_no_rule_falls_back_to_the_containers_own_policy(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], times: int, final: str
) -> None:
    timeline.must(*came_to(final, app_runs=times))


@claim("restart-rules.app.own-policy")
@pytest.mark.parametrize(
    ("restart_policy", "edits", "times", "final"),
    [
        pytest.param("Always", app(own("Never", "0")), 1, "Succeeded", id="Never-in-Always-exits-0"),
        pytest.param("Always", app(own("Never", "1")), 1, "Failed", id="Never-in-Always-exits-1"),
        pytest.param("OnFailure", app(own("Never", "1")), 1, "Failed", id="Never-in-OnFailure"),
        pytest.param("Always", app(own("OnFailure", "1 0")), 2, "Succeeded", id="OnFailure-in-Always"),
        pytest.param("Never", app(own("OnFailure", "1 0")), 2, "Succeeded", id="OnFailure-in-Never"),
        pytest.param("Never", app(own("OnFailure", "1 1 0")), 3, "Succeeded", id="OnFailure-in-Never-fails-twice"),
    ],
)
@scenario(pod="exits-as-told", until=ENDED, typical_s=7)
def test_an_apps_own_policy_counts_not_the_pods(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], times: int, final: str
) -> None:
    timeline.must(*came_to(final, app_runs=times))


@claim("restart-rules.app.own-policy")
@scenario(
    pod="exits-as-told",
    restart_policy="Always",
    edits=app(
        {
            **own("Never", "stay"),
            "livenessProbe": {"exec": {"command": ["false"]}, "initialDelaySeconds": 2, "periodSeconds": 1},
        }
    ),
    until=ENDED,
    typical_s=14,
)
def test_an_app_with_the_policy_never_is_not_restarted_after_its_liveness_probe_has_failed(timeline: Trial) -> None:
    timeline.must(*came_to("Failed", app_runs=1))


@claim("restart-rules.app.own-policy")
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Always",
    edits=containers(
        apps={"app-a": {"restartPolicy": "Never", "command": CRASHES}, "app-b": {"command": CRASHES}},
    ),
    until=runs("app-b", 3),
    typical_s=30,
)
def test_a_pod_goes_on_while_one_app_is_restarted_and_another_one_never(timeline: Trial) -> None:
    timeline.must(ran("app-a", times=1), ran("app-b", at_least=3), phase_never("Failed", "Succeeded"))


@claim("restart-rules.app.own-policy", "sidecars.completion.does-not-hold-pod")
@scenario(
    pod="sidecar-job",
    restart_policy="Always",
    edits=app({"restartPolicy": "Never"}),
    until=ENDED,
    typical_s=14,
)
def test_a_sidecar_does_not_hold_an_always_pod_whose_app_has_ended_for_good(timeline: Trial) -> None:
    timeline.must(
        exited_with("app", 0),
        *(ran(name, times=1) for name in ("init-1", "side", "app")),
        phase_reached("Succeeded"),
    )


@claim("restart-rules.app.exit-code-in-rule")
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Never",
    edits=containers(
        apps={"app-b": {"restartPolicy": "Never", "restartPolicyRules": [rule([42])], "command": once(42, "app-b")}}
    ),
    until=runs("app-b", 2) & pod_shows("status/containerStatuses/app-b/restartCount", 1),
    hold="notice",
    typical_s=20,
)
def test_the_second_app_of_a_never_pod_that_a_rule_restarts_is_shown_running_again(timeline: Trial) -> None:
    timeline.must(
        ran("app-b", times=2),
        shown_running("app-b", restartCount=1, ready=True),
        ran("app-a", times=1),
        phase_never("Failed", "Succeeded"),
    )


@claim("restart-rules.init.own-policy")
@scenario(
    pod="three-inits-two-apps",
    restart_policy="Never",
    edits=containers(inits={"init-2": {"restartPolicy": "OnFailure", "command": once(1, "init-2", then_s=6)}}),
    until=running("app-a", "app-b"),
    typical_s=24,
)
def test_the_second_init_of_a_never_pod_that_its_own_policy_retries_is_shown_running_again(
    timeline: Trial,
) -> None:
    timeline.must(
        ran("init-2", times=2),
        shown_running("init-2", restartCount=1),
        *(ran(name, times=1) for name in ("init-1", "init-3", "app-a", "app-b")),
    )


@claim("restart-rules.app.own-policy")
@scenario(
    pod="exits-as-told",
    edits=app(own("Always", "0 1 stay")),
    until=runs("app", 3) & phase("Running"),
    typical_s=17,
)
def test_an_app_with_the_policy_always_is_restarted_in_a_never_pod(timeline: Trial) -> None:
    timeline.must(*came_to("Running", app_runs=3))


@claim("restart-rules.init.own-policy")
@pytest.mark.parametrize(
    ("restart_policy", "edits", "facts"),
    [
        pytest.param("Always", init(own("Never", "1")), came_to("Failed", app_runs=0), id="Never-in-Always"),
        pytest.param("OnFailure", init(own("Never", "1")), came_to("Failed", app_runs=0), id="Never-in-OnFailure"),
        pytest.param(
            "Never",
            init(own("OnFailure", "1 0")),
            came_to("Succeeded", app_runs=1, init_runs=2),
            id="OnFailure-in-Never",
        ),
        pytest.param(
            "Never",
            init(own("OnFailure", "1 1 0")),
            came_to("Succeeded", app_runs=1, init_runs=3),
            id="OnFailure-in-Never-fails-twice",
        ),
    ],
)
@scenario(pod="exits-as-told", until=ENDED, typical_s=7)
def test_an_init_containers_own_policy_counts_not_the_pods(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], facts: tuple[Fact, ...]
) -> None:
    timeline.must(*facts)


@claim("restart-rules.init.own-policy")
@scenario(
    pod="exits-as-told",
    restart_policy="Always",
    edits=containers(inits={"init": own("Never", "0")}, apps={"app": {"env": {"CODES": "1 stay"}}}),
    until=runs("app", 2) & phase("Running"),
    typical_s=7,
)
def test_once_an_init_with_the_policy_never_has_succeeded_the_app_is_restarted_always(timeline: Trial) -> None:
    timeline.must(*came_to("Running", app_runs=2))


@claim("restart-rules.init.exit-code-in-rule")
@pytest.mark.parametrize(
    ("edits", "facts"),
    [
        pytest.param(
            init(own("Never", "42 0", rule([42]))), came_to("Succeeded", app_runs=1, init_runs=2), id="in-then-ok"
        ),
        pytest.param(
            init(own("Never", "42 42 0", rule([42]))),
            came_to("Succeeded", app_runs=1, init_runs=3),
            id="in-twice-then-ok",
        ),
        pytest.param(
            init(own("Never", "42 1", rule([42]))), came_to("Failed", app_runs=0, init_runs=2), id="in-then-other"
        ),
        pytest.param(
            init(own("Never", "43 1", rule([1], operator="NotIn"))),
            came_to("Failed", app_runs=0, init_runs=2),
            id="not-in",
        ),
        pytest.param(init(own("Never", "1", rule([42]))), came_to("Failed", app_runs=0), id="no-match"),
    ],
)
@pytest.mark.parametrize("restart_policy", ["Never", "Always"])
@scenario(pod="exits-as-told", until=ENDED, typical_s=8)
def test_an_exit_code_in_a_rule_restarts_the_init_container(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], facts: tuple[Fact, ...]
) -> None:
    timeline.must(*facts)


@claim("restart-rules.init.success-is-final")
@scenario(
    pod="exits-as-told",
    edits=init(own("Never", "0", rule([1], operator="NotIn"))),
    until=ENDED,
    typical_s=6,
)
def test_an_init_container_that_succeeded_is_not_restarted_by_a_rule(timeline: Trial) -> None:
    timeline.must(*came_to("Succeeded", app_runs=1))


@claim("restart-rules.rules.first-match-wins")
@pytest.mark.parametrize(
    ("edits", "inits"),
    [
        pytest.param(app(own("Never", "42 0", ALL_42, rule([42]))), 2, id="all-first"),
        pytest.param(app(own("Never", "42 0", rule([42]), ALL_42)), 1, id="one-first"),
    ],
)
@scenario(pod="exits-as-told", until=ENDED, typical_s=9)
def test_the_first_rule_that_matches_is_applied(timeline: Trial, edits: dict[str, Any], inits: int) -> None:
    timeline.must(*came_to("Succeeded", app_runs=2, init_runs=inits))


@claim("restart-rules.rules.same-backoff")
@pytest.mark.parametrize(
    ("edits", "until", "name"),
    [
        pytest.param(app(own("Never", "42", rule([42]))), runs("app", 3), "app", id="app"),
        pytest.param(init(own("Never", "42", rule([42]))), runs("init", 3), "init", id="init"),
    ],
)
@scenario(pod="exits-as-told", typical_s=17, profiles=REAL_BACKOFF)
def test_restarts_by_a_rule_back_off_like_any_other(
    timeline: Trial, edits: dict[str, Any], until: Condition, name: str
) -> None:
    timeline.must(ran(name, at_least=3), held_back(name, run=3, at_least_s=9))


@claim("restart-rules.app.crash-log")
@scenario(
    pod="exits-as-told",
    edits=app(own("Never", "42 42 stay", rule([42]))),
    until=runs("app", 3) & pod_shows("status/containerStatuses/app/restartCount", 2),
    # the kubelet clears up what it does not keep once a minute
    then=[Hold("resync"), Look(read_log("app", previous=True))],
    typical_s=112,
    profiles=REAL_BACKOFF,
)
def test_of_several_runs_that_a_rule_ended_the_log_of_the_last_one_is_kept(timeline: Trial) -> None:
    timeline.must(
        probed("previous log of app", "code", 200),
        probe_contained("previous log of app", "text", " app 2 exit 42"),
        restart_count_was("app", 2),
    )


@claim("restart-rules.app.crash-log")
@pytest.mark.parametrize(
    ("code", "edits"),
    [pytest.param(code, app(own("Never", f"{code} stay", rule([code]))), id=str(code)) for code in (42, 0)],
)
@scenario(
    pod="exits-as-told",
    until=runs("app", 2) & pod_shows("status/containerStatuses/app/restartCount", 1),
    then=[Look(read_log("app", previous=True)), Look(read_log("app"))],
    typical_s=8,
)
def test_the_log_of_a_run_that_a_rule_ended_can_be_read(timeline: Trial, code: int, edits: object) -> None:
    timeline.must(
        probed("previous log of app", "code", 200),
        probe_contained("previous log of app", "text", f" app 1 exit {code}"),
        probe_contained("log of app", "text", " app 2 start"),
        restart_count_was("app", 1),
    )
