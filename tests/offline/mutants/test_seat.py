"""What a campaign does to a component of the control plane, and what is left when it does not work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from podvow.cluster.stages import digest
from podvow.faults import controlplane
from podvow.faults.base import NodeLostError
from podvow.journal.act import Site
from podvow.journal.undo import RestoreComponent, RestoreKubelet
from podvow.mutants.build import Program
from podvow.mutants.definition import Target
from podvow.mutants.host import Host
from tests.offline.faults.component import MANIFEST, NODE, OWN, OWN_PROGRAM, ControlPlane
from tests.offline.journal.cluster import World


class Trusting:
    """A guard that is asked and agrees."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def check(self, node: str = "") -> None:
        self.asked.append(node)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlplane, "PATIENCE_S", 0.3)
    monkeypatch.setattr(controlplane, "_POLL_S", 0.01)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def plane(world: World) -> ControlPlane:
    return ControlPlane(world.nodes, world.api)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    path = tmp_path / "kube-scheduler"
    path.write_bytes(b"#!/bin/sh\n")
    return Program(path, "v1.37.2", ("a-bug",), digest(path), Target.SCHEDULER)


def borrowed(world: World, plane: ControlPlane, guard: Trusting) -> Host:
    return Host(Site(cast("Any", world.api), plane), cast("Any", guard), world.journal("r1"))


def test_it_is_in_the_journal_before_it_is_changed_and_done_in_the_end(
    world: World, plane: ControlPlane, program: Program
) -> None:
    guard = Trusting()
    host = borrowed(world, plane, guard)
    with host.borrow(Target.SCHEDULER, NODE) as seat:
        assert [entry.undo for entry in host._journal.open_entries] == [RestoreComponent(NODE, "kube-scheduler")]
        assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN
        seat.choose(program, "a-bug")
        assert seat.pods == "", "its bug is in the whole cluster"
        assert guard.asked == [NODE]
        assert controlplane.running(world.site.context(NODE), "none", "-") == []
        assert b"a-bug" in plane.nodes.path(NODE, MANIFEST).read_bytes()
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN
    assert host._journal.open_entries == []


def test_one_that_does_not_work_is_taken_back_at_once(world: World, plane: ControlPlane, program: Program) -> None:
    plane.dies = True
    with borrowed(world, plane, Trusting()).borrow(Target.SCHEDULER, NODE) as seat:
        with pytest.raises(NodeLostError, match="did not work"):
            seat.choose(program, "a-bug")
        assert plane._processes("kube-scheduler", "-") == [f"{OWN_PROGRAM} "], "the next one can be chosen"
        plane.dies = False
        seat.choose(program, "a-bug")


def test_an_interrupted_campaign_gives_it_back(world: World, plane: ControlPlane, program: Program) -> None:
    host = borrowed(world, plane, Trusting())

    def play() -> None:
        with host.borrow(Target.SCHEDULER, NODE) as seat:
            seat.choose(program, "a-bug")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play()
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN


def test_a_kubelet_has_an_undo_of_its_own(
    world: World, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podvow.mutants.seat.act", lambda undo, _: undo.words)
    host = borrowed(world, plane, Trusting())
    with host.borrow(Target.KUBELET, NODE) as seat:
        assert [entry.undo for entry in host._journal.open_entries] == [RestoreKubelet(NODE)]
        assert seat.pods == seat.name == NODE
