"""A matching exit restarts all containers of the Pod in place (pod-lifecycle#restart-all-containers)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    SINCE_FAULT,
    condition_became,
    condition_stayed,
    ended_before_grace,
    initialised_in_order,
    kept_ip,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_said,
    phase_never,
    phase_while_condition,
    phase_while_initialising,
    pod_showed_last,
    probe_contained,
    probed,
    ran,
    reran_in_order,
    restart_count_was,
    restarted,
    said,
    start_time_kept,
    started_only_after,
    terminated_with,
)
from podvow.faults import debug, kill
from podvow.faults.base import Fault
from podvow.marks import Trial, claim, scenario
from podvow.probes.api import read_log
from podvow.probes.logfiles import list_logs
from podvow.scenario.conditions import running, runs, started, terminated
from podvow.scenario.edits import containers, rule
from podvow.scenario.manifest import merge_patch
from podvow.scenario.model import Inject, Look, Until

ALL = ("init-1", "proxy", "init-2", "app", "other")
LONG = ("proxy", "app", "other")
ON_KILL = [rule([137], action="RestartAllContainers")]
BY_APP = containers(apps={"app": {"restartPolicy": "Never", "restartPolicyRules": ON_KILL}})
BY_OTHER = containers(apps={"other": {"restartPolicy": "Never", "restartPolicyRules": ON_KILL}})
BY_SIDECAR = containers(inits={"proxy": {"restartPolicyRules": ON_KILL}})
BY_INIT = containers(inits={"init-2": {"restartPolicy": "Never", "restartPolicyRules": ON_KILL}})
STUBBORN_PROXY = containers(
    inits={
        "proxy": {
            "command": ["sh", "-c", 'echo "hook=$(cat /work/side 2>/dev/null)"; trap "" TERM; exec sleep 3600'],
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo ran >/work/side"]}}},
            "volumeMounts": [{"name": "work", "mountPath": "/work"}],
        }
    }
)
LONG_INIT = containers(inits={"init-2": {"env": {"FIRST": 30}}})
RESTARTED = scenario(
    pod="restart-all",
    edits=BY_APP,
    steady=running(*LONG),
    fault=kill("app"),
    until=running(*LONG, anew=True),
    then=[*(Look(read_log(name, previous=True)) for name in ALL), Look(list_logs())],
    typical_s=18,
)
"""A restart by an app that is killed; several tests look at one recording of it."""


def _status(name: str) -> str:
    kind = "containerStatuses" if name in {"app", "other"} else "initContainerStatuses"
    return f"status/{kind}/{name}"


def ended(code: int) -> dict[str, Any]:
    """Let `other` have ended before the app's rule matches."""
    done = containers(apps={"other": {"command": ["sh", "-c", f"sleep 1; exit {code}"]}})
    return dict(merge_patch(BY_APP, done))


@claim("restart-rules.restart-all.everything-again-in-order")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        pytest.param(BY_APP, kill("app"), id="app"),
        pytest.param(BY_OTHER, kill("other"), id="second-app"),
        pytest.param(BY_SIDECAR, kill("proxy"), id="sidecar"),
    ],
)
@scenario(pod="restart-all", steady=running(*LONG), until=running(*LONG, anew=True), typical_s=18)
def test_a_matching_exit_restarts_all_containers_in_order(
    timeline: Trial, restart_policy: str, edits: dict[str, Any], fault: Fault
) -> None:
    timeline.must(
        reran_in_order("init-1", "init-2"),
        initialised_in_order("init-1", "proxy", "init-2", "app", after=FAULT),
        started_only_after("other", "init-1", "init-2", after=FAULT),
        *(restarted(name) for name in LONG),
        kept_sandbox(),
        phase_never("Succeeded", "Failed"),
    )


@claim("restart-rules.restart-all.while-initialising")
@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        pytest.param(merge_patch(LONG_INIT, BY_INIT), kill("init-2"), id="init"),
        pytest.param(merge_patch(LONG_INIT, BY_SIDECAR), kill("proxy"), id="sidecar"),
    ],
)
@scenario(pod="restart-all", steady=started("init-2"), until=running(*LONG), typical_s=14)
def test_a_matching_exit_while_initialising_begins_again_with_the_first_init_container(
    timeline: Trial, edits: dict[str, Any], fault: Fault
) -> None:
    timeline.must(
        *(ran(name, times=2) for name in ("init-1", "proxy", "init-2")),
        reran_in_order("init-1", "init-2"),
        initialised_in_order("init-1", "proxy", "init-2", "app", after=FAULT),
        *(ran(name, times=1) for name in ("app", "other")),
        kept_sandbox(),
        phase_never("Succeeded", "Failed"),
    )


@claim("restart-rules.restart-all.keeps-the-pod")
@RESTARTED
def test_the_pod_its_sandbox_address_and_volumes_stay(timeline: Trial) -> None:
    timeline.must(
        kept_uid(),
        kept_ip(),
        kept_sandbox(),
        start_time_kept(),
        said("init-1", "lines=2", after=FAULT),
        said("app", "lines=2", after=FAULT),
        # the trace lies in such a volume itself
        pod_showed_last("status/initContainerStatuses/init-1/state/terminated/message", "2\n", after=FAULT),
    )


@claim("restart-rules.restart-all.no-grace-no-hook")
@RESTARTED
def test_neither_grace_period_nor_prestop_hook_delays_the_restart(timeline: Trial) -> None:
    timeline.must(ended_before_grace("other"), said("other", "hook=", after=FAULT), never_said("other", "hook=ran"))


@claim("restart-rules.restart-all.no-grace-no-hook")
@scenario(
    pod="restart-all",
    edits=merge_patch(BY_APP, STUBBORN_PROXY),
    steady=running(*LONG),
    fault=kill("app"),
    until=running(*LONG, anew=True),
    typical_s=18,
)
def test_neither_grace_period_nor_prestop_hook_of_a_sidecar_delays_the_restart(timeline: Trial) -> None:
    timeline.must(ended_before_grace("proxy"), said("proxy", "hook=", after=FAULT), never_said("proxy", "hook=ran"))


@claim("restart-rules.restart-all.counts-and-last-states")
@RESTARTED
def test_every_container_counts_the_restart_and_names_it_as_its_last_state(timeline: Trial) -> None:
    timeline.must(
        *(restart_count_was(name, 1) for name in ALL),
        *(terminated_with(name, reason="RestartingAllContainers", code=137, after=FAULT) for name in ALL),
        # and still does when all of them have started
        *(pod_showed_last(f"{_status(name)}/lastState/terminated/exitCode", 137) for name in ALL),
    )


@claim("restart-rules.restart-all.stays-initialized")
@RESTARTED
def test_the_pod_stays_initialized(timeline: Trial) -> None:
    timeline.must(condition_stayed("Initialized", "True"), condition_became("Ready", "False", FAULT))


@claim("restart-rules.restart-all.documented-condition")
@RESTARTED
def test_the_condition_of_the_documentation_tells_of_the_restart(timeline: Trial) -> None:
    timeline.must(condition_became("PodRestartInPlace", "True", FAULT))


@claim("restart-rules.restart-all.condition")
@RESTARTED
def test_the_condition_of_the_api_tells_of_the_restart(timeline: Trial) -> None:
    timeline.must(
        condition_became("AllContainersRestarting", "True", FAULT, reason="RestartAllContainersStarted"),
        pod_showed_last("status/conditions/AllContainersRestarting/status", "False", after=FAULT),
    )


@claim("restart-rules.restart-all.pending-throughout")
@RESTARTED
def test_the_pod_is_pending_while_its_containers_are_ended_for_the_restart(timeline: Trial) -> None:
    timeline.must(phase_while_condition("AllContainersRestarting", "Pending"))


@claim("restart-rules.restart-all.pending-while-inits-run")
@RESTARTED
def test_the_pod_is_pending_while_its_init_containers_run_again(timeline: Trial) -> None:
    timeline.must(phase_while_initialising("Pending", after=FAULT), phase_never("Succeeded", "Failed"))


@claim("restart-rules.restart-all.crash-log")
@RESTARTED
def test_the_log_of_the_run_that_caused_the_restart_can_be_read(timeline: Trial) -> None:
    timeline.must(
        probed("previous log of app", "code", 200), probe_contained("previous log of app", "text", " app 1 start")
    )


@claim("restart-rules.restart-all.logs-on-the-node")
@RESTARTED
def test_the_logs_of_the_runs_before_stay_on_the_node(timeline: Trial) -> None:
    timeline.must(*(probed("log files on the node", f"kept/{name}", "0 1") for name in ALL))


@claim("restart-rules.restart-all.twice")
@scenario(
    pod="restart-all",
    edits=BY_APP,
    steady=running(*LONG),
    fault=kill("app"),
    until=running(*LONG, anew=True),
    then=[Inject(kill("app")), Until(running(*LONG, anew=True), control=True)],
    typical_s=30,
)
def test_the_pod_can_be_restarted_again(timeline: Trial) -> None:
    timeline.must(
        reran_in_order("init-1", "init-2"),
        reran_in_order("init-1", "init-2", after=SECOND_FAULT),
        initialised_in_order("init-1", "proxy", "init-2", "app", after=SECOND_FAULT),
        *(ran(name, times=3) for name in ALL),
        *(restart_count_was(name, 2) for name in ALL),
        kept_sandbox(after=SINCE_FAULT),
        said("app", "lines=3", run=3),
    )


@claim("restart-rules.restart-all.ended-containers-too")
@pytest.mark.parametrize("edits", [ended(0), ended(1)], ids=["succeeded", "failed"])
@scenario(
    pod="restart-all",
    steady=running("proxy", "app") & terminated("other"),
    fault=kill("app"),
    until=running("proxy", "app", anew=True) & runs("other", 2),
    typical_s=18,
)
def test_containers_that_had_ended_run_again_too(timeline: Trial, edits: dict[str, Any]) -> None:
    timeline.must(restarted("other"), restarted("app"), reran_in_order("init-1", "init-2"))


@claim("restart-rules.restart-all.ephemeral-container-stays")
@scenario(
    pod="restart-all",
    edits=BY_APP,
    steady=running(*LONG),
    fault=debug(),
    until=running("debug"),
    then=[Inject(kill("app")), Until(running(*LONG, anew=True), control=True)],
    typical_s=22,
)
def test_an_ephemeral_container_runs_on(timeline: Trial) -> None:
    timeline.must(
        kept_running("debug", after=SECOND_FAULT),
        ran("debug", times=1),
        reran_in_order("init-1", "init-2", after=SECOND_FAULT),
    )
