"""No fault outlives its driver: nodes heal themselves, a watchdog brings back what cannot, orphans end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from podvow.api import MERGE_PATCH, Api
from podvow.cluster import network
from podvow.cluster.node import NodeAccess, NodePower
from podvow.cluster.process import CommandError
from podvow.cluster.provider import DISTURBED, ROLE_LABEL, Cluster
from podvow.deadline import Deadline
from podvow.faults import deadman, upkeep
from podvow.faults.base import FaultContext
from podvow.labels import MANAGED_LABEL
from podvow.paths import ROOT
from tests.cluster.command import command
from tests.reliability.commands import await_over

RESOURCE = "podvow.dev/test-timer"
STATIC = "/etc/kubernetes/manifests/podvow-test-timer.json"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "test-timer", "namespace": "kube-system"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": "podvow/busybox:blue", "command": ["sleep", "600"]}],
    },
}
LOOK = (
    "find /etc/cni /etc/kubernetes/manifests /etc/systemd/system /etc/podvow ! -type d 2>/dev/null | sort;"
    "systemctl is-active containerd kubelet; systemctl list-units --plain --no-legend 'podvow-heal*' |"
    """ awk '$2 != "not-found" || ($3 != "inactive" && $3 != "failed") { print $1, $3 }'"""
)
"""What is on a node; not the units that systemd only remembers, whose files are gone and which do nothing."""


def until(what: Callable[[], object], seconds: float, text: str) -> None:
    """Wait for a condition; what cannot be asked yet is not there yet."""
    deadline, tick = Deadline.after(seconds), threading.Event()
    while True:
        try:
            if what():
                return
        except CommandError:
            pass
        assert not deadline.passed, f"not within {seconds:.0f} s: {text}"
        tick.wait(0.2)


@dataclass
class Worker:
    """A worker of the cluster that may be disturbed."""

    name: str
    cluster: Cluster
    api: Api

    @property
    def access(self) -> NodeAccess:
        assert self.cluster.access is not None
        return self.cluster.access

    @property
    def power(self) -> NodePower:
        access: object = self.cluster.access
        assert isinstance(access, NodePower)
        return access

    @property
    def context(self) -> FaultContext:
        def nothing(*_: Any) -> Any:
            raise NotImplementedError

        return FaultContext(self.api, "", self.name, None, self.access, nothing, nothing, nothing)

    def sh(self, script: str) -> str:
        return self.access.exec(self.name, ["sh", "-c", script], check=False).stdout.decode()

    @property
    def offers(self) -> set[str]:
        status = self.api.get(f"/api/v1/nodes/{self.name}")["status"]
        return {*status["capacity"], *status["allocatable"]}

    @property
    def mirrors(self) -> list[str]:
        pods = self.api.get("/api/v1/namespaces/kube-system/pods")["items"]
        return [p["metadata"]["name"] for p in pods if p["metadata"]["name"].startswith("test-timer")]

    def seen(self) -> tuple[str, set[str], list[str], bool]:
        return self.sh(LOOK), self.offers, self.mirrors, self.power.life(self.name).frozen

    def put_right(self) -> None:
        """Leave the node as it was, whatever a test did or failed to do."""
        with ExitStack() as stack:
            stack.callback(self._rejoin)
            stack.callback(lambda: deadman.heal(self.access, self.name))
            life = self.power.life(self.name)
            if life.frozen:
                self.power.thaw(self.name)
            if not life.running:
                self.power.switch_on(self.name)
            self.api.patch(
                f"/api/v1/nodes/{self.name}/status",
                {"status": {kind: {RESOURCE: None} for kind in ("capacity", "allocatable")}},
                content_type=MERGE_PATCH,
            )

    def _rejoin(self) -> None:
        upkeep.await_ready(self.context)
        if self.access.exec(self.name, ["test", "-e", network.CONFLIST], check=False).code == 0:
            network.ensure(self.access, network.node_nets(self.api.get("/api/v1/nodes")))


@pytest.fixture
def worker(cluster: Cluster) -> Iterator[Worker]:
    with Api.connect(cluster.kubeconfig, cluster.context) as api:
        items = api.get("/api/v1/nodes", params={"labelSelector": f"{ROLE_LABEL}={DISTURBED}"})["items"]
        worker = Worker(items[0]["metadata"]["name"], cluster, api)
        before = worker.seen()
        try:
            yield worker
            until(lambda: worker.seen() == before, 60, f"{worker.seen()} is as {before}")
        finally:
            worker.put_right()


def disturb(worker: Worker) -> None:
    """Arm the timer, then do everything that faults leave behind when nobody undoes them."""
    assert not deadman.arm(worker.access, worker.name, "test", 900, resource=RESOURCE)
    patch = {"status": {kind: {RESOURCE: "4"} for kind in ("capacity", "allocatable")}}
    worker.api.patch(f"/api/v1/nodes/{worker.name}/status", patch)
    worker.access.exec(worker.name, ["sh", "-c", 'cat >"$0"', STATIC], stdin=json.dumps(POD).encode())
    until(lambda: worker.mirrors, 60, "the static Pod shows")
    worker.sh("mkdir -p /etc/cni/podvow-away && mv /etc/cni/net.d/* /etc/cni/podvow-away/")
    worker.sh("echo '{}' >/etc/cni/net.d/00-podvow-broken.conflist; systemctl stop kubelet")
    assert RESOURCE in worker.offers


def heals_itself(worker: Worker, seconds: float) -> None:
    until(lambda: not deadman.is_armed(worker.access, worker.name), seconds, "the timer healed and is gone")
    assert worker.sh("systemctl is-active kubelet containerd").split() == ["active", "active"]
    upkeep.await_ready(worker.context)  # with its network
    until(lambda: not worker.mirrors, 60, "the static Pod is gone")
    assert RESOURCE not in worker.offers


def test_a_node_that_nobody_undoes_heals_itself(worker: Worker) -> None:
    disturb(worker)
    assert deadman.arm(worker.access, worker.name, "test", 3)
    heals_itself(worker, 60)


def test_a_timer_survives_a_containerd_restart_and_a_dead_containerd(worker: Worker) -> None:
    disturb(worker)
    assert deadman.arm(worker.access, worker.name, "test", 10)
    worker.sh("systemctl restart containerd; systemctl stop containerd")
    assert worker.sh("systemctl is-active containerd").strip() == "inactive"
    assert deadman.is_armed(worker.access, worker.name)
    heals_itself(worker, 90)


def test_a_timer_survives_a_reboot_of_its_node_and_counts_anew(worker: Worker) -> None:
    disturb(worker)
    assert deadman.arm(worker.access, worker.name, "test", 30)
    since = worker.power.life(worker.name).since
    worker.power.reboot(worker.name)
    assert worker.power.life(worker.name).since != since
    until(lambda: worker.sh("systemctl is-active podvow-heal.timer").strip() == "active", 60, "it counts again")
    assert worker.sh("ls /etc/cni/podvow-away").strip(), "a reboot alone heals no network"
    heals_itself(worker, 150)


def test_arming_and_disarming_leave_nothing(worker: Worker) -> None:
    before = worker.seen()
    for _ in range(3):
        assert not deadman.arm(worker.access, worker.name, "test", 900)
        assert deadman.arm(worker.access, worker.name, "test", 900)
        assert deadman.disarm(worker.access, worker.name, "test")
        assert worker.seen() == before


@pytest.mark.parametrize("how", ["freeze", "power"])
def test_a_node_that_is_away_when_its_driver_is_killed_is_brought_back(
    worker: Worker, tmp_path: Path, how: str
) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.away", worker.name, how, tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        start_new_session=True,
    )
    try:
        until(lambda: is_away(worker), 60, "the node is away")
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    until(lambda: not is_away(worker), 60, "the node is back")
    log = tmp_path / "watchdog.log"
    until(log.read_text, 180, "the watchdog has told what it did")
    told = json.loads(log.read_text())
    assert (told["node"], told["why"]) == (worker.name, "the driver is gone")
    assert told["did"][0] == {"freeze": "thawed", "power": "switched on"}[how]
    assert told["did"][1:] == ["healed", "ready"], told
    assert not deadman.is_armed(worker.access, worker.name)
    until(lambda: not runs_in(tmp_path), 20, "the watchdog has ended")


def is_away(worker: Worker) -> bool:
    life = worker.power.life(worker.name)
    return life.frozen or not life.running


def runs_in(folder: Path) -> list[int]:
    """Return the processes that were started with a folder as argument."""
    return [p for p, line in processes().items() if str(folder).encode() in line]


def processes() -> dict[int, bytes]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if line:  # a process that ended and is not waited for has none
            found[int(path.parent.name)] = line
    return found


def children(parent: int) -> set[int]:
    """Return a process's children that run Python: xdist's workers."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(child) for child in listed if b"python" in processes().get(int(child), b"")}


def test_no_worker_goes_on_when_its_controller_is_killed(worker: Worker) -> None:
    controller = subprocess.Popen(
        command("run", "-n", "4", "-k", "kubelet"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: deadman.is_armed(worker.access, worker.name), 300, "a fault is about to be injected")
        workers = children(controller.pid)
        assert len(workers) == 4
    finally:
        controller.kill()
        controller.wait()
    until(lambda: not workers & processes().keys(), 20, "all workers have ended")
    assert await_over(controller.pid, 330) == [], "what one of them did is undone by a process of its session"
    assert not deadman.is_armed(worker.access, worker.name), "what it had done is undone"
    left = worker.api.get("/api/v1/namespaces", params={"labelSelector": f"{MANAGED_LABEL}=true"})["items"]
    assert [n["metadata"]["name"] for n in left] == []
