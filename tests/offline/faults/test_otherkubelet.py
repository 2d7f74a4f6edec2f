"""Another kubelet on a node: chosen by a drop-in, taken back by removing it; the real shell lines on a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from podvow.cluster.node import ExecResult
from podvow.cluster.process import CommandError
from podvow.errors import InjectionError
from podvow.faults import otherkubelet
from podvow.faults.base import FaultContext
from podvow.faults.otherkubelet import DROP_IN, FOLDER
from podvow.journal.act import Site, act
from podvow.journal.audit import audit_nodes
from podvow.journal.undo import RestoreKubelet
from tests.offline.journal.cluster import World
from tests.offline.journal.nodes import Nodes

PROGRAM = b"#!/bin/sh\n"
DIGEST = hashlib.sha256(PROGRAM).hexdigest()
OWN = "/usr/bin/kubelet"
OPTIONS = "$KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS --runtime-cgroups=/system.slice/c.service"
SHOWN = f"{{ path={OWN} ; argv[]={OWN} {OPTIONS} ; ignore_errors=no ; start_time=[n/a] ; pid=0 ; code=(null) }}"


class Machine:
    """A node whose kubelet is what its drop-in says, once it was restarted."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.shown = SHOWN
        self.runs = OWN
        self.told = b""
        self.stuck = False

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        match list(argv):
            case ["systemctl", "show", "kubelet", "--property=ExecStart", "--value"]:
                return ExecResult(0, self.shown.encode(), b"")
            case ["systemctl", "restart", "kubelet"]:
                if not self.stuck:
                    self._restart(node)
                return ExecResult(0, b"", b"")
            case ["readlink", _]:
                return ExecResult(0, self.runs.encode(), b"")
            case ["cat", path] if path.endswith("/environ"):
                return ExecResult(0, self.told, b"")
        moved = [str(self.nodes.path(node, word)) if word.startswith(FOLDER) else word for word in argv]
        return self.nodes.exec(node, moved, stdin=stdin, timeout_s=timeout_s, check=check)

    def _restart(self, node: str) -> None:
        path = self.nodes.path(node, DROP_IN)
        lines = path.read_text().splitlines() if path.exists() else []
        starts = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
        self.runs = starts[-1].split()[0] if starts else OWN
        said = [line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")]
        self.told = b"\0".join([b"PATH=/bin", *(word.encode() for word in said), b""])

    def popen(self, node: str, argv: Sequence[str]) -> object:
        raise NotImplementedError(node, argv)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def machine(world: World, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(otherkubelet, "await_ready", lambda *_: 1.5)
    return Machine(world.nodes)


@pytest.fixture
def site(world: World, machine: Machine) -> Site:
    return Site(world.site.api, machine)  # type: ignore[arg-type]


@pytest.fixture
def context(site: Site) -> FaultContext:
    return site.context("worker")


def test_a_kubelet_is_copied_once_and_whole(context: FaultContext, machine: Machine) -> None:
    assert otherkubelet.put(context, PROGRAM, DIGEST)
    assert not otherkubelet.put(context, PROGRAM, DIGEST)
    path = machine.nodes.path("worker", otherkubelet.path_of(DIGEST))
    assert path.read_bytes() == PROGRAM
    path.write_bytes(PROGRAM[:3])
    assert otherkubelet.put(context, PROGRAM, DIGEST), "half a copy is no copy"


def test_what_is_chosen_runs_with_the_node_s_own_options(context: FaultContext, machine: Machine) -> None:
    otherkubelet.put(context, PROGRAM, DIGEST)
    assert otherkubelet.choose(context, DIGEST, "PODVOW_MUTANT", "seed-literal") == 1.5
    assert machine.runs == otherkubelet.path_of(DIGEST)
    text = machine.nodes.path("worker", DROP_IN).read_text()
    assert (
        f"{otherkubelet.path_of(DIGEST)} $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS --runtime-cgroups=" in text
    )
    otherkubelet.choose(context, DIGEST, "PODVOW_MUTANT", "")
    assert "Environment" not in machine.nodes.path("worker", DROP_IN).read_text()


def test_a_kubelet_that_does_not_run_was_not_chosen(context: FaultContext, machine: Machine) -> None:
    machine.stuck = True
    with pytest.raises(InjectionError, match=f"worker runs {OWN}, not "):
        otherkubelet.choose(context, DIGEST, "PODVOW_MUTANT", "a")


@pytest.mark.parametrize("value", ["a b", "a\nExecStart=/bin/x", "-a", "A", "a,", "a,-b", ",a", "a, b"])
def test_a_name_that_would_be_more_than_a_value_is_refused(context: FaultContext, value: str) -> None:
    with pytest.raises(InjectionError, match="no name of a mutant"):
        otherkubelet.choose(context, DIGEST, "PODVOW_MUTANT", value)


def test_a_unit_that_cannot_be_understood_is_left_alone(context: FaultContext, machine: Machine) -> None:
    machine.shown = "{ path=/bin/sh ; argv[]=/bin/sh -c 'kubelet \"$@\"; reboot' ; ignore_errors=no }"
    with pytest.raises(InjectionError, match="cannot be understood"):
        otherkubelet.choose(context, DIGEST, "PODVOW_MUTANT", "a")
    assert not machine.nodes.path("worker", DROP_IN).exists()


def test_it_is_seen_as_left_and_one_undo_takes_it_back(context: FaultContext, machine: Machine, site: Site) -> None:
    before = machine.nodes.state()
    otherkubelet.put(context, PROGRAM, DIGEST)
    otherkubelet.choose(context, DIGEST, "PODVOW_MUTANT", "a")
    (leak,) = audit_nodes(site, ["worker"])
    assert "runs another kubelet than its own" in str(leak)
    assert leak.undo == RestoreKubelet("worker")
    assert act(RestoreKubelet("worker"), site) == "node worker runs its own kubelet again"
    assert machine.runs == OWN
    assert act(RestoreKubelet("worker"), site) == "node worker ran its own kubelet"
    assert machine.nodes.state() == before
    assert audit_nodes(site, ["worker"]) == []


def test_one_that_runs_without_its_drop_in_is_taken_back_too(
    context: FaultContext, machine: Machine, site: Site
) -> None:
    otherkubelet.put(context, PROGRAM, DIGEST)
    machine.runs = otherkubelet.path_of(DIGEST)
    act(RestoreKubelet("worker"), site)
    assert machine.runs == OWN


def test_a_node_that_does_not_answer_is_an_error(context: FaultContext, machine: Machine) -> None:
    machine.nodes.off.add("worker")
    with pytest.raises(CommandError):
        otherkubelet.put(context, PROGRAM, DIGEST)
