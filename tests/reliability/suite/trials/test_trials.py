"""The shortest scenarios that together inject every kind of fault: `make reliability` kills each at every step.

They say nothing about Kubernetes. Faults follow each other without waits where the next one can do without: a trial
that is killed at the last step has to play all that come before it.
"""

from __future__ import annotations

from functools import partial

import pytest

from podvow.expect import accepted
from podvow.faults import (
    create,
    debug,
    delete_namespace,
    delete_newest_pod,
    evict_pod,
    kill,
    kill_pause,
    offer,
    recreate_pod,
    release_pod,
    remove_sandbox,
    resize,
    scale,
    send_term,
    set_deadline,
    set_image,
    set_pod_condition,
    set_template_image,
    stop_sandbox,
)
from podvow.faults.base import Fault
from podvow.faults.containerd import containerd_kill, containerd_restart
from podvow.faults.gates import open_gates
from podvow.faults.kubelet import kubelet_kill, kubelet_restart, kubelet_start, kubelet_stop
from podvow.faults.netns import lose_address
from podvow.faults.network import break_network, heal_network
from podvow.faults.node import cut_power, freeze_node, reboot_node
from podvow.faults.record import create_record, remove_records
from podvow.labels import HOLD_FINALIZER
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import Condition, gone, phase, pods_running, running
from podvow.scenario.edits import containers
from podvow.scenario.manifest import merge_patch
from podvow.scenario.model import Inject, Step, Until
from podvow.scenario.sized import sized

BLUE, GREEN = "podvow/busybox:blue", "podvow/busybox:green"
OWN = "podvow.dev/trial"
FROST_S = 1.0
SANDBOX = Condition("a sandbox lives", lambda timeline: any(s.exit is None for s in timeline.sandboxes()))
SECOND_APP = containers(apps={"app-b": {"image": BLUE, "command": ["sleep", "3600"]}})
HELD_BACK = {"metadata": {"finalizers": [HOLD_FINALIZER]}}

trial = partial(scenario, typical_s=8)
bare = partial(trial, pod="bare", steady=running("app"))


def chain(*parts: Fault | Condition) -> tuple[Step, ...]:
    """Return steps: each fault is injected, each condition waited for."""
    return tuple(Until(part) if isinstance(part, Condition) else Inject(part) for part in parts)


@claim("trials.faults.taken-back")
@pytest.mark.parametrize(
    "then",
    [
        pytest.param(
            chain(
                containerd_restart(),
                containerd_kill(),
                kubelet_restart(),
                kubelet_kill(),
                kubelet_stop(),
                create_record("app"),
                kubelet_start(),
            ),
            id="units",
        ),
        pytest.param(chain(break_network(), heal_network(), break_network("configuration")), id="network"),
        pytest.param(chain(freeze_node(FROST_S), reboot_node(), cut_power()), id="machine"),
        pytest.param(chain(kubelet_stop()), id="stopped"),
    ],
)
@bare()
def test_node(timeline: Trial, then: object) -> None:
    timeline.must(accepted())


@claim("trials.faults.taken-back")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@bare(then=chain(kubelet_stop()))
def test_shared(timeline: Trial, restart_policy: str) -> None:
    timeline.must(accepted())


@claim("trials.faults.taken-back")
@bare(static=True, then=chain(offer(OWN, 3), offer(OWN, 4)))
def test_guest(timeline: Trial) -> None:
    timeline.must(accepted())


@claim("trials.faults.taken-back")
@trial(
    pod="hand-over",
    edits=SECOND_APP,
    steady=running("app", "app-b"),
    then=chain(
        remove_records("init-1"),
        send_term("app"),
        kill("app-b"),
        kill_pause(),
        SANDBOX,
        remove_sandbox(),
        SANDBOX,
        stop_sandbox(),
        SANDBOX,
        lose_address(),
    ),
)
def test_containers(timeline: Trial) -> None:
    timeline.must(accepted())


@claim("trials.faults.taken-back")
@trial(
    objects=["workloads/web"],
    pod="gated",
    edits=merge_patch(HELD_BACK, sized("app cpu=10m/50m")),
    steady=pods_running(1),
    then=chain(
        set_template_image("web", "app", GREEN),
        scale("Deployment", "web", 2),
        delete_newest_pod(),
        open_gates(),
        running("app"),
        create("objects/settings"),
        set_pod_condition(OWN),
        debug(),
        resize("app", "cpu=15m/60m"),
        set_image("app", GREEN),
        evict_pod(grace_s=1),
        phase("Failed", "Succeeded"),
        set_image("app", BLUE),
        release_pod(),
        gone(),
        recreate_pod("gated"),
        set_deadline(600),
        delete_namespace(),
    ),
)
def test_objects(timeline: Trial) -> None:
    timeline.must(accepted())
