"""Lanes take trials until none is left; what broke, or stood still, hides nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.deadline import Deadline
from tests.reliability import play as module
from tests.reliability.lane import Lane
from tests.reliability.play import Play
from tests.reliability.points import Point, Selection
from tests.reliability.standstill import LONG_S
from tests.reliability.trial import ALONE, RECOVER, RECOVER_KILLED, Trial

PASSED = [(1, "before"), (1, "after"), (2, "before"), (2, "after")]
WHAT = {1: "namespace", 2: "kubelet_stop"}
NODE = Selection("node", (), "a node", worker=True, alone="timer")
POD = Selection("pod", (), "a Pod")


class FakeLane:
    """A cluster that takes everything."""

    def __init__(self, name: str, *, worker: bool) -> None:
        self.name = name
        self.worker = worker
        self.mended = 0

    def mend(self) -> None:
        self.mended += 1


class World:
    """What lanes did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.played: list[tuple[str, Point, str]] = []
        self.on_play: Callable[[Point, str], None] = lambda *_: None
        self.broken: set[str] = set()
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results.json")
        monkeypatch.setattr(module, "reference", self._reference)
        monkeypatch.setattr(module, "play", self._play)

    def _reference(self, selection: Selection, *_: Any) -> tuple[list[tuple[int, str]], dict[int, str]]:
        if selection.name in self.broken:
            raise RuntimeError("it ended with 4")
        return PASSED, WHAT

    def _play(self, point: Point, how: str, _: Selection, lane: FakeLane) -> Trial:
        self.played.append((lane.name, point, how))
        self.on_play(point, how)
        return Trial(point, how, struck=True, recovers=[0])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return World(monkeypatch, tmp_path)


def game(*, done: list[Trial] | None = None, minutes: float = 1.0) -> Play:
    chosen = {s.name: s for s in (NODE, POD)}
    return Play(chosen, 0, contextlib.nullcontext, done or [], deadline=Deadline.after(60 * minutes))


def run(play: Play, *lanes: FakeLane) -> None:
    threads = [threading.Thread(target=play.lane, args=(cast("Lane", lane),)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_all_is_played_once_and_nothing_of_a_node_where_there_is_no_worker(world: World) -> None:
    play = game()
    run(play, FakeLane("pair", worker=True), FakeLane("single", worker=False))
    played = [(point.selection, point.number, point.moment, how) for _, point, how in world.played]
    wanted = [(name, *pair, RECOVER) for name in ("node", "pod") for pair in PASSED]
    wanted += [
        ("node", 2, "after", ALONE),
        ("node", 2, "after", RECOVER_KILLED),
        ("pod", 2, "after", RECOVER_KILLED),
    ]
    assert sorted(played) == sorted(wanted)
    assert not [point for lane, point, _ in world.played if lane == "single" and point.selection == "node"]
    assert (play.left, play.errors) == (0, [])


def test_faults_come_before_namespaces(world: World) -> None:
    run(game(), FakeLane("pair", worker=True))
    numbers = [point.number for _, point, _ in world.played if point.selection == "node"]
    assert numbers == sorted(numbers, reverse=True)


def test_a_selection_that_does_not_end_well_is_told_and_the_others_are_played(world: World) -> None:
    world.broken.add("node")
    play = game()
    run(play, FakeLane("pair", worker=True))
    assert [str(error) for error in play.errors] == ["it ended with 4"]
    assert {point.selection for _, point, _ in world.played} == {"pod"}


def test_what_an_earlier_play_has_tried_is_not_played_again(world: World) -> None:
    first = game()
    run(first, FakeLane("pair", worker=True))
    world.played.clear()
    run(game(done=first.trials[:-1]), FakeLane("pair", worker=True))
    assert [(point, how) for _, point, how in world.played] == [(first.trials[-1].point, first.trials[-1].how)]


def test_after_the_deadline_nothing_is_begun(world: World) -> None:
    play = game(minutes=0)
    run(play, FakeLane("pair", worker=True))
    assert not world.played


def test_a_trial_during_which_all_stood_still_is_played_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, lane = game(), FakeLane("pair", worker=True)
    gaps = [LONG_S + 1]
    monkeypatch.setattr(play, "_standstill", type("Clock", (), {"since": lambda *_: gaps.pop() if gaps else 0.0})())
    run(play, lane)
    assert len(world.played) == len(play.trials) + 1
    assert lane.mended == 1
    assert world.played[0] == world.played[1]
