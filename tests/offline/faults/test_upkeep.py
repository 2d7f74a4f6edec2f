"""Node faults against a node that a test makes up: what is done, what proves it, what undoes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from podvow.cluster import network
from podvow.cluster.cri import Cri
from podvow.cluster.node import ExecResult, Life
from podvow.errors import InjectionError
from podvow.faults import kubelet, static, upkeep
from podvow.faults.base import NODE_ACCESS, WORKER, Fault, FaultContext, Isolation, NodeLostError
from podvow.faults.containerd import containerd_kill, containerd_restart
from podvow.faults.kubelet import kubelet_kill, kubelet_restart, kubelet_start, kubelet_stop
from podvow.faults.network import break_network, heal_network
from podvow.faults.node import cut_power, freeze_node, reboot_node
from podvow.faults.record import remove_records
from podvow.journal.undo import RemoveStatic
from podvow.timeline import Meta, Timeline
from podvow.timeline.record import Kind, Record, Source
from podvow.timeline.timeline import FaultMark

NOW_S = 1_790_000_000.0


class Machine:
    """A node with two units, a folder of files and a plug."""

    def __init__(self) -> None:
        self.units = {"kubelet": 10, "containerd": 20}
        self.files: dict[str, bytes] = {"/etc/cni/net.d/10-podvow.conflist": b"{}"}
        self.lives = 1
        self.on = True
        self.frozen = False
        self.stubborn = False
        self.sick = False
        self.address = "10.0.0.2"
        self.heartbeat = "2026-09-21T14:13:20Z"
        self.records: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.labels: dict[str, str] = {}

    # the way onto it

    def exec(  # noqa: C901, PLR0912 (a table of programs)
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        assert node == "worker"
        assert timeout_s
        words = " ".join(argv)
        self.calls.append(words)
        out = b""
        code = 0
        match list(argv):
            case ["systemctl", "is-active", *units]:
                out = "".join("active\n" if self.units[u] else "inactive\n" for u in units).encode()
                code = 3 * (not all(self.units[u] for u in units))
            case ["systemctl", "show", unit, _]:
                pid = self.units[unit]
                out = f"MainPID={pid}\nActiveState={'active' if pid else 'inactive'}\n".encode()
            case ["systemctl", *how, unit] if not self.stubborn:
                self.units[unit] = 0 if how == ["stop"] else max(self.units.values()) + 1
            case ["date", _]:
                out = f"{NOW_S}\n".encode()
            case ["curl", *_]:
                out = b"" if self.sick else b"ok"
            case ["cat", path]:
                out, code = self.files.get(path, b""), int(path not in self.files)
            case ["ls", folder]:
                out = "\n".join(p.rpartition("/")[2] for p in sorted(self.files) if p.startswith(folder)).encode()
            case ["rm", "-f", path]:
                self.files.pop(path, None)
            case ["sh", "-c", script, "sh", *args]:
                self._script(script, args, stdin)
            case ["test", "-e", path]:
                code = int(path not in self.files)
            case ["which", tool]:
                code = int(tool != "crictl")
            case ["crictl", "ps", *_]:
                out = json.dumps({"containers": self.records}).encode()
            case ["crictl", "rm", cid]:
                self.records = [r for r in self.records if r["id"] != cid]
        assert code == 0 or not check
        return ExecResult(code, out, b"")

    def _script(self, script: str, args: list[str], stdin: bytes | None) -> None:
        if stdin is not None:
            self.files[args[0]] = stdin
        elif script.startswith("mkdir"):
            away, folder = args[0], args[1]
            self.files = {p.replace(folder, away): data for p, data in self.files.items()}
        else:
            broken, away, folder = args
            self.files.pop(broken, None)
            self.files = {p.replace(away, folder): data for p, data in self.files.items()}

    def popen(self, node: str, argv: Sequence[str]) -> Any:
        raise NotImplementedError(node, argv)

    def life(self, node: str) -> Life:
        assert node == "worker"
        return Life(f"life {self.lives}", self.on, self.frozen, self.address)

    def freeze(self, node: str) -> None:
        self.calls.append(f"freeze {node}")
        self.frozen = True

    def thaw(self, node: str) -> None:
        self.calls.append(f"thaw {node}")
        self.frozen = False

    def reboot(self, node: str) -> None:
        self.cut_power(node)
        self.switch_on(node)

    def cut_power(self, node: str) -> None:
        self.calls.append(f"off {node}")
        self.on = False

    def switch_on(self, node: str) -> None:
        self.calls.append(f"on {node}")
        self.on, self.lives = True, self.lives + 1
        self.units = {"kubelet": 100 + self.lives, "containerd": 200 + self.lives}

    # what the API tells of it

    def get(self, path: str) -> dict[str, Any]:
        assert path.startswith("/api/v1/nodes")
        status = "False" if not any("net.d" in p for p in self.files) else "True"
        ready = {"type": "Ready", "status": status, "lastHeartbeatTime": self.heartbeat, "reason": "r"}
        return {"metadata": {"name": "worker", "labels": self.labels}, "status": {"conditions": [ready]}}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(upkeep, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(upkeep, "_POLL_S", 0.01)
    monkeypatch.setattr(kubelet, "_PROOF_S", 0.05)
    return Machine()


def _context(machine: Machine, pod: str = "main") -> FaultContext:
    timeline = Timeline(Meta("s", pod=pod), [])
    made: Any = machine
    return FaultContext(made, "podvow-r-k", "worker", Cri(made), made, lambda: timeline, dict, lambda _: None)


def _proof(fault: Fault, facts: Mapping[str, Any]) -> bool:
    begin = Record(0, 0, 1, Source.HARNESS, Kind.FAULT, data={"facts": facts})
    return fault.observed(Timeline(Meta("s"), []), FaultMark(0, fault.name, fault.target, begin, None))


ALL: list[Callable[[], Fault]] = [
    kubelet_stop,
    kubelet_restart,
    kubelet_kill,
    containerd_restart,
    containerd_kill,
    lambda: freeze_node(0.0),
    reboot_node,
    cut_power,
    break_network,
    lambda: break_network("configuration"),
]


@pytest.mark.parametrize("make", ALL)
def test_every_fault_of_a_node_is_proven_and_undone_twice_without_harm(
    machine: Machine, make: Callable[[], Fault]
) -> None:
    fault, context = make(), _context(machine)
    facts = fault.inject(context)
    assert _proof(fault, facts), facts
    json.dumps(dict(facts))
    assert fault.isolation is Isolation.NODE
    assert NODE_ACCESS in fault.needs
    assert fault == make(), "equal faults are shared"
    for _ in range(2):
        fault.undo(context)
    assert machine.on
    assert not machine.frozen
    assert all(machine.units.values())
    assert list(machine.files) == ["/etc/cni/net.d/10-podvow.conflist"]


def test_a_stopped_kubelet_is_started_and_the_node_must_have_reported_since(machine: Machine) -> None:
    context = _context(machine)
    kubelet_stop().inject(context)
    facts = kubelet_start().inject(context)
    assert _proof(kubelet_start(), facts)
    kubelet_stop().inject(context)
    machine.heartbeat = "2026-09-21T14:13:19Z"
    with pytest.raises(NodeLostError, match="has not reported since"):
        kubelet_start().inject(context)


@pytest.mark.parametrize("make", [kubelet_stop, kubelet_restart, containerd_kill])
def test_a_unit_that_does_not_obey_is_no_injection(machine: Machine, make: Callable[[], Fault]) -> None:
    machine.stubborn = True
    with pytest.raises(InjectionError, match=r"was .* and is"):
        make().inject(_context(machine))


def test_a_kubelet_that_does_not_answer_is_a_lost_node_and_more_and_more_is_done_to_it(machine: Machine) -> None:
    machine.sick = True
    context = _context(machine)
    with pytest.raises(NodeLostError, match="the kubelet does not answer"):
        reboot_node().undo(context)
    machine.calls.clear()
    assert upkeep.repair(context) == "it could not be repaired"
    assert "systemctl restart containerd kubelet" in machine.calls
    assert machine.lives == 2
    machine.sick = False
    assert upkeep.repair(context) == "restarting containerd and kubelet repaired it"


def test_a_machine_that_carries_the_control_plane_is_left_alone(machine: Machine) -> None:
    machine.labels = {"node-role.kubernetes.io/control-plane": ""}
    for fault in (freeze_node(0.0), reboot_node(), cut_power()):
        assert WORKER in fault.needs
        with pytest.raises(InjectionError, match="control plane"):
            fault.inject(_context(machine))
    assert machine.lives == 1
    assert not any(call.startswith("freeze") for call in machine.calls)


def test_without_a_way_to_the_plug_nothing_is_switched(machine: Machine) -> None:
    context = replace(_context(machine), access=None)
    with pytest.raises(InjectionError, match="on and off"):
        _ = context.power


def test_routes_follow_a_node_to_its_new_address(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(network, "node_nets", lambda _: ["nets"])
    monkeypatch.setattr(network, "routed", lambda _, nets: nets in asked)
    monkeypatch.setattr(network, "ensure", lambda _, nets: asked.append(nets))
    context = _context(machine)
    assert upkeep.rejoin(context, "10.0.0.2")["address"] == "10.0.0.2"
    assert not asked
    assert upkeep.rejoin(context, "10.0.0.9")["old_address"] == "10.0.0.9"
    assert asked == [["nets"]]
    upkeep.rejoin(context, "10.0.0.9")
    assert asked == [["nets"]], "what is right already is left alone"


def test_a_healed_network_is_the_one_that_was_there(machine: Machine) -> None:
    context = _context(machine)
    break_network().inject(context)
    assert not _proof(heal_network(), {"files": ["00-podvow-broken.conflist", "10-podvow.conflist"]})
    assert _proof(heal_network(), heal_network().inject(context))


def _record(cid: str, name: str, *, pod: str = "main", state: str = "CONTAINER_EXITED") -> dict[str, Any]:
    labels = {"io.kubernetes.pod.namespace": "podvow-r-k", "io.kubernetes.pod.name": pod}
    return {"id": cid, "metadata": {"name": name}, "state": state, "labels": labels}


def test_records_are_removed_by_cri_and_proven_absent(machine: Machine) -> None:
    machine.records = [
        _record("1", "init-1"),
        _record("2", "init-1"),
        _record("3", "app"),
        _record("4", "init-1", pod="x"),
    ]
    fault = remove_records("init-1")
    facts = fault.inject(_context(machine))
    assert _proof(fault, facts)
    assert [r["id"] for r in machine.records] == ["3", "4"], "other containers and Pods keep theirs"
    assert not _proof(fault, {**facts, "left": ["5"]})
    with pytest.raises(InjectionError, match="no record of init-1"):
        fault.inject(_context(machine))
    assert fault.isolation is Isolation.POD


def test_a_static_pod_is_a_file_of_its_own_and_goes_with_it(machine: Machine) -> None:
    context = _context(machine)
    pod = {"metadata": {"name": "web"}, "spec": {"nodeSelector": {"a": "b"}, "containers": []}}
    static.write(context, pod)
    path = static.path_of("podvow-r-k")
    assert json.loads(machine.files[path])["spec"] == {"containers": []}
    assert static.mirror_name(pod, "worker") == "web-worker"
    assert static.undoing("podvow-r-k", "worker") == RemoveStatic("worker", path)
    static.remove(context)
    assert path not in machine.files
    assert cast("Any", pod["spec"])["nodeSelector"], "the manifest itself stays as it was"
