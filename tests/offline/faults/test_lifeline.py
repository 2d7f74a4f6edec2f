"""What heals nodes if the run dies: armed before a fault, shared by all who need it, disarmed by the last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from podvow.errors import InjectionError
from podvow.faults.base import Fault, Outage
from podvow.faults.kubelet import kubelet_stop
from podvow.faults.lifeline import Lifeline
from podvow.faults.node import cut_power, freeze_node, reboot_node
from podvow.journal.log import Journal
from podvow.watchdog.leash import Watchdog
from tests.offline.faults.node_folder import FolderNode


class Dog:
    """A watchdog that writes down what it is told."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.fails = False

    def open(self, node: str, fault: str, seconds: float, address: str = "") -> None:
        if self.fails:
            raise InjectionError("no watchdog could be started")
        assert seconds > 60
        assert not address
        self.log.append(f"{fault} on {node}")

    def close(self, node: str) -> None:
        self.log.append(f"{node} is back")

    def stop(self) -> None:
        self.log.append("home")


class Run:
    def __init__(self, folder: Path) -> None:
        self.node = FolderNode(folder / "node")
        self.dog = Dog()
        self.journal = folder / "journal.jsonl"
        self.line = Lifeline(self.node, "run-1", Journal(self.journal, run="run-1"), cast("Watchdog", self.dog))

    @property
    def journalled(self) -> list[str]:
        """What the journal holds, apart from its header."""
        lines = map(json.loads, self.journal.read_text(encoding="utf-8").splitlines())
        return [line.get("what", "done") for line in lines if "what" in line or "done" in line]

    @property
    def armed(self) -> bool:
        return self.node.runs("podvow-heal.timer")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "node").mkdir()
    return Run(tmp_path)


def test_a_node_is_held_by_all_who_need_it_and_let_go_by_the_last(run: Run) -> None:
    run.line.hold("worker")
    run.line.hold("worker", resource="podvow.dev/held")
    assert run.journalled == ["node timer"]
    assert run.line.release("worker")
    assert run.armed
    assert run.line.release("worker")
    assert run.node.files == []


def test_a_timer_that_was_just_armed_is_not_armed_again_for_the_next(run: Run) -> None:
    for _ in range(5):
        run.line.hold("worker")
    assert run.node.calls.count("restart podvow-heal.timer") == 1


def test_a_node_that_cannot_be_armed_is_left_alone_and_not_held(run: Run) -> None:
    run.node.refuses = True
    with pytest.raises(InjectionError, match="dead-man timer of worker cannot be armed"):
        run.line.before("worker", kubelet_stop(), held=False)
    run.node.refuses = False
    run.line.hold("worker")
    assert run.line.release("worker")
    assert not run.armed


def test_whoever_still_disturbs_a_node_that_healed_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.line.hold("worker")
    run.node.go_off()
    monkeypatch.setattr("podvow.faults.lifeline._FRESH_S", 0.0)
    with pytest.raises(InjectionError, match="has healed it in the meantime"):
        run.line.before("worker", kubelet_stop(), held=True)
    assert not run.line.release("worker")
    assert run.node.files == [], "nothing is left by the attempt either"


def test_a_timer_that_went_off_before_the_end_is_told_in_the_end(run: Run) -> None:
    run.line.hold("worker")
    run.node.go_off()
    assert not run.line.release("worker")
    run.line.hold("worker")
    assert run.line.release("worker"), "the next sequence begins anew"


@pytest.mark.parametrize("fault", [freeze_node(), reboot_node(), cut_power()], ids=lambda f: f.name)
def test_a_node_that_goes_away_is_watched_from_outside_until_it_is_back(run: Run, fault: Fault) -> None:
    assert isinstance(fault, Outage)
    run.line.before("worker", fault, held=False)
    assert run.dog.log == [f"{fault.name} on worker"]
    run.line.after("worker", fault)
    assert run.dog.log[-1] == "worker is back"


def test_a_fault_that_the_node_can_heal_needs_no_watchdog(run: Run) -> None:
    run.line.before("worker", kubelet_stop(), held=False)
    run.line.after("worker", kubelet_stop())
    assert run.dog.log == []


def test_without_a_watchdog_no_node_goes_away(run: Run) -> None:
    run.dog.fails = True
    with pytest.raises(InjectionError, match="no watchdog"):
        run.line.before("worker", freeze_node(), held=False)
    assert run.node.files == []
