"""When a sidecar lets the next container start (sidecar-containers#sidecar-containers-and-pod-lifecycle)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    condition_never,
    condition_only_after_said,
    conditions_while_initialising,
    exited_with,
    initialised_in_order,
    never_overlapped,
    never_ran,
    new_sandbox,
    overlapped,
    phase_stayed,
    ran,
    restarted_within,
    said,
    shown_running,
    started_only_after,
    started_only_after_said,
    statuses_in_spec_order,
    was_signalled,
)
from podvow.faults import kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import ready, running, runs
from podvow.scenario.edits import command_probe, containers, page_probe

MIXED = ("init-1", "side-1", "init-2", "side-2", "init-3", "app")
INIT_2 = {"image": "podvow/busybox:blue", "command": ["sleep", "2"]}
SLOWLY = {"command": ["sleep", "5"]}


ON_PAGE = page_probe(failureThreshold=60)
ALIVE: dict[str, Any] = {"httpGet": {"path": "/alive", "port": 8080}}


def probed(*, init: bool = True, env: dict[str, int] | None = None, **probes: dict[str, Any]) -> dict[str, Any]:
    """Edit the fixture sidecar-probed: probes of its pages, variables, an init container after the sidecar."""
    side: dict[str, Any] = {name: page_probe(**probe) for name, probe in probes.items()}
    return containers(
        inits={"side": {**side, **({"env": env} if env else {})}, **({"init-2": INIT_2} if init else {})}
    )


@claim("sidecars.start.next-waits-for-running", "sidecars.start.mixed-order")
@pytest.mark.parametrize("restart_policy", ["OnFailure", "Never"])
@scenario(
    pod="sidecar-mixed",
    # so long that the kubelet looks at the Pod while they run
    edits=containers(inits={"init-1": SLOWLY, "init-2": SLOWLY}),
    until=running("app"),
    typical_s=22,
)
def test_inits_and_sidecars_come_up_in_spec_order_and_sidecars_stay(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        initialised_in_order(*MIXED),
        never_overlapped("init-1", "init-2", "init-3"),
        overlapped("side-1", "init-2"),
        overlapped("side-1", "side-2", "init-3"),
        overlapped("side-1", "side-2", "app"),
        *(ran(container, times=1) for container in MIXED),
        statuses_in_spec_order(),
        shown_running("side-1", started=True),
    )


@claim("sidecars.status.incomplete-until-started")
@pytest.mark.parametrize(
    ("pod", "order", "edits"),
    [
        pytest.param(
            "sidecar-mixed",
            MIXED,
            containers(inits={"init-1": SLOWLY, "init-2": SLOWLY, "init-3": SLOWLY}),
            id="started-when-running",
        ),
        pytest.param(
            "sidecar-probed",
            ("plain", "init-1", "side", "init-2", "app"),
            # for as long as its probe has not succeeded the sidecar runs and is not complete
            containers(inits={"init-1": SLOWLY, "side": {"startupProbe": ON_PAGE}, "init-2": {**INIT_2, **SLOWLY}}),
            id="started-when-probed",
        ),
    ],
)
@scenario(until=running("app"), typical_s=26)
def test_the_conditions_name_inits_until_they_succeed_and_sidecars_until_they_start(
    timeline: Trial, pod: str, order: tuple[str, ...], edits: dict[str, Any]
) -> None:
    timeline.must(conditions_while_initialising(), statuses_in_spec_order(), initialised_in_order(*order))


@claim("sidecars.start.startup-probe-gates-next", "sidecars.status.started-and-ready")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(probed(startupProbe={"failureThreshold": 60}), id="before-an-init"),
        pytest.param(probed(startupProbe={"failureThreshold": 60}, init=False), id="before-the-app"),
    ],
)
@scenario(pod="sidecar-probed", until=running("app") & ready(), typical_s=16)
def test_nothing_starts_before_the_startup_probe_of_a_sidecar_has_succeeded(
    timeline: Trial, edits: dict[str, Any]
) -> None:
    following = timeline.inits()[1:] + timeline.apps()
    timeline.must(
        initialised_in_order("init-1", "side", *following),
        *(started_only_after_said(name, "side", "up") for name in following),
        overlapped("side", following[0]),
        ran("side", times=1),
        shown_running("side", started=True, ready=True),
    )


@claim("sidecars.start.startup-probe-gates-next", "sidecars.status.started-and-ready")
@scenario(
    pod="sidecar-probed",
    edits=probed(startupProbe={"failureThreshold": 600}, env={"DEAD_RUNS": 9}),
    steady=running("side"),
    hold="quiet",
    typical_s=40,
)
def test_a_sidecar_whose_startup_probe_never_succeeds_keeps_everything_waiting(timeline: Trial) -> None:
    timeline.must(
        ran("side", times=1),
        never_ran("init-2", "app"),
        phase_stayed("Pending", after=None),
        condition_never("Ready", "True"),
        shown_running("side", started=False, ready=False),
    )


@claim("sidecars.start.startup-probe-gates-next")
@scenario(
    pod="sidecar-probed",
    edits=containers(
        inits={
            "side": {"startupProbe": ON_PAGE},
            "late": {"image": "podvow/busybox:blue", "restartPolicy": "Always", "command": ["sleep", "3600"]},
        }
    ),
    until=running("app"),
    typical_s=16,
)
def test_a_sidecar_waits_for_the_startup_probe_of_the_one_before_it_too(timeline: Trial) -> None:
    timeline.must(
        started_only_after_said("late", "side", "up"),
        started_only_after_said("app", "side", "up"),
        overlapped("plain", "side", "late"),
        *(ran(container, times=1) for container in ("plain", "init-1", "side", "late", "app")),
    )


@claim("sidecars.start.startup-probe-gates-next")
@scenario(
    pod="sidecar-probed",
    edits=containers(
        inits={
            "plain": {
                "command": ["sh", "-c", "sleep 4; echo up; sleep 2; touch /started; exec sleep 3600"],
                "startupProbe": command_probe("test", "-e", "/started", failureThreshold=60),
            }
        }
    ),
    steady=running("app"),
    fault=kill_pause(),
    until=running("app", anew=True),
    typical_s=30,
)
def test_in_a_new_sandbox_too_nothing_starts_before_the_startup_probe_of_the_first_sidecar_has_succeeded(
    timeline: Trial,
) -> None:
    timeline.must(
        new_sandbox(),
        started_only_after_said("init-1", "plain", "up"),
        started_only_after_said("init-1", "plain", "up", after=FAULT),
        started_only_after("app", "init-1", after=FAULT),
    )


@claim("sidecars.start.startup-probe-gates-next")
@scenario(
    pod="sidecar-probed",
    edits=containers(
        inits={"side": {"startupProbe": ON_PAGE, "command": ["sh", "-c", "sleep 2; exit 1"]}, "init-2": INIT_2}
    ),
    until=runs("side", 3),
    typical_s=22,
)
def test_a_sidecar_that_ends_before_it_has_started_lets_nothing_start(timeline: Trial) -> None:
    timeline.must(
        exited_with("side", 1, run=1),
        ran("side", at_least=3),
        ran("init-1", times=1),
        never_ran("init-2", "app"),
        phase_stayed("Pending", after=None),
    )


@claim("sidecars.start.startup-probe-recovers", "sidecars.status.incomplete-until-started")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="sidecar-probed",
    # the second run is asked too: it says "up" after some seconds
    edits=probed(startupProbe={"failureThreshold": 12}, env={"DEAD_RUNS": 1}),
    until=running("app"),
    typical_s=28,
)
def test_a_sidecar_that_fails_its_startup_probe_is_restarted_and_initialisation_goes_on(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        ran("side", at_least=2),
        was_signalled("side", after=None),
        conditions_while_initialising(),
        started_only_after_said("init-2", "side", "up"),
        started_only_after("app", "init-1", "init-2"),
        ran("init-1", times=1),
        ran("init-2", times=1),
    )


@claim("sidecars.start.other-probes-do-not-gate")
@scenario(
    pod="sidecar-probed",
    edits=probed(livenessProbe={**ALIVE, "initialDelaySeconds": 60}, env={"DEAD_RUNS": 9}),
    until=running("app"),
    typical_s=9,
)
def test_a_liveness_probe_that_begins_late_holds_back_no_container(timeline: Trial) -> None:
    timeline.must(
        initialised_in_order("init-1", "side", "init-2", "app"),
        restarted_within("init-2", "rerun", after=None),
        ran("side", times=1),
    )


@claim("sidecars.start.other-probes-do-not-gate", "sidecars.probes.readiness-counts-for-pod")
@scenario(
    pod="sidecar-probed",
    edits=probed(readinessProbe={}, livenessProbe=ALIVE, env={"DEAD_RUNS": 9}),
    until=running("app"),
    hold="quiet",
    typical_s=42,
)
def test_a_sidecar_that_is_never_ready_holds_back_no_container_but_the_pods_readiness(timeline: Trial) -> None:
    timeline.must(
        initialised_in_order("init-1", "side", "init-2", "app"),
        ran("side", times=1),
        shown_running("side", started=True, ready=False),
        condition_never("Ready", "True"),
    )


@claim("sidecars.hooks.post-start-before-next")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param({}, id="unprobed"),
        # succeeds long before the hook has ended
        pytest.param(
            containers(inits={"side": {"startupProbe": command_probe("true")}}),
            id="beside-a-startup-probe",
        ),
    ],
)
@scenario(pod="sidecar-hooks", until=running("app"), typical_s=12)
def test_nothing_starts_before_the_post_start_hook_of_a_sidecar_has_ended(timeline: Trial, edits: object) -> None:
    timeline.must(
        said("side", "post"),
        initialised_in_order("side", "init-1", "app"),
        started_only_after_said("init-1", "side", "post"),
        ran("side", times=1),
    )


@claim("sidecars.probes.readiness-counts-for-pod")
@scenario(
    pod="sidecar-probed",
    edits=probed(readinessProbe={"failureThreshold": 1}, env={"DELAY_S": 8}),
    until=ready(),
    typical_s=20,
)
def test_a_pod_is_ready_only_when_its_sidecar_is(timeline: Trial) -> None:
    timeline.must(
        condition_only_after_said("Ready", "side", "up"),
        condition_only_after_said("ContainersReady", "side", "up"),
        shown_running("side", ready=False),
        shown_running("app", ready=True),
        ran("app", times=1),
    )


@claim("sidecars.shared-processes.sandbox-is-first")
@scenario(pod="sidecar-shared-pids", until=running("app"), typical_s=10)
def test_with_shared_processes_the_sandbox_comes_first_and_inits_see_sidecars(timeline: Trial) -> None:
    timeline.must(
        initialised_in_order("init-1", "side", "init-2", "app"),
        *(said(container, "first=pause") for container in ("init-1", "init-2", "app")),
        said("init-2", "side=seen"),
        said("init-2", "init=unseen"),
        exited_with("init-1", 0),
        exited_with("init-2", 0),
    )
