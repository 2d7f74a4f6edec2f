"""Which trials are to be played, and who plays which next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import typer

from podvow.deadline import Deadline
from podvow.paths import REPORTS
from tests.reliability import table
from tests.reliability.lane import Lane
from tests.reliability.points import Point, Selection, alone, points
from tests.reliability.standstill import LONG_S, Standstill
from tests.reliability.trial import ALONE, RECOVER, RECOVER_KILLED, Trial, play, reference

FOLDER = REPORTS / "reliability"
RESULTS = REPORTS / "reliability.json"
Work = tuple[Point, str]
"""Where a run is killed, and who heals then."""


def spread(found: Sequence[Work], most: int) -> list[Work]:
    """Return at most so many of them, evenly spread."""
    if most <= 0 or len(found) <= most:
        return list(found)
    return [found[round(i * (len(found) - 1) / max(1, most - 1))] for i in range(most)]


def work(selection: Selection, passed: Sequence[tuple[int, str]], what: Mapping[int, str]) -> list[Work]:
    """Return all trials of a selection: each point with `recover`, some without, and one with `recover` killed."""
    found = points(selection, passed, what)
    worst = max((p for p in found if p.moment == "after"), key=lambda p: p.number)
    killed = Point(worst.selection, worst.number, worst.what, worst.moment, selection.ways[0])
    return [
        *((point, RECOVER) for point in found),
        *((point, ALONE) for point in alone(selection, passed, what)),
        (killed, RECOVER_KILLED),
    ]


class Play:
    """Trials that lanes take, one at a time each.

    Args:
        chosen: the selections.
        most: trials of a selection, at most; 0 for all.
        turn: is entered around everything that is played.
        done: trials of an earlier play, which are not played again.
        deadline: after it nothing new is begun.
    """

    def __init__(
        self,
        chosen: Mapping[str, Selection],
        most: int,
        turn: Callable[[], AbstractContextManager[None]],
        done: Sequence[Trial] = (),
        *,
        deadline: Deadline,
    ) -> None:
        self.chosen = chosen
        self.trials = list(done)
        self._done = {(trial.point, trial.how) for trial in done}
        self.errors: list[BaseException] = []
        self._most = most
        self._deadline = deadline
        self._turn = turn
        self._standstill = Standstill()
        self._changed = threading.Condition()
        self._unknown = deque(chosen.values())
        self._left: list[Work] = []
        self._learning = 0

    @property
    def left(self) -> int:
        """How many trials were not played, as far as they are known."""
        return len(self._left)

    def lane(self, lane: Lane) -> None:
        """Play on a lane until nothing is left for it."""
        while (task := self._next(lane)) is not None:
            try:
                with self._turn():
                    if isinstance(task, Selection):
                        self._learn(task, lane)
                    else:
                        self._play(*task, lane)
            except Exception as error:  # noqa: BLE001 (the others are to be played all the same)
                _say(f"{lane.name}: {type(error).__name__}: {error}")
                self.errors.append(error)

    def _next(self, lane: Lane) -> Selection | Work | None:
        """Return a selection whose points are not known yet, or a trial; None when there will be none."""
        with self._changed:
            while True:
                if self._deadline.passed:
                    return None
                for selection in self._unknown:
                    if lane.worker or not selection.worker:
                        self._unknown.remove(selection)
                        self._learning += 1
                        return selection
                # First what needs a worker: the lanes that have none cannot help with that.
                for worker in (True, False):
                    for task in self._left:
                        if self.chosen[task[0].selection].worker is worker and (lane.worker or not worker):
                            self._left.remove(task)
                            return task
                if not self._learning:
                    return None
                self._changed.wait()

    def _learn(self, selection: Selection, lane: Lane) -> None:
        began = time.monotonic()
        found: list[Work] = []
        try:
            passed, what = reference(selection, lane, FOLDER)
            found = spread(work(selection, passed, what), self._most)
            _say(f"{lane.name}: {selection.name} passes {len(passed)} points in {time.monotonic() - began:.1f} s")
        finally:
            with self._changed:
                self._learning -= 1
                # What disturbs a node first: an interrupted play shall have seen what matters most.
                self._left = sorted((*self._left, *(w for w in found if w not in self._done)), key=_weight)
                self._changed.notify_all()

    def _play(self, point: Point, how: str, lane: Lane) -> None:
        began = time.monotonic()
        trial = play(point, how, self.chosen[point.selection], lane)
        if (still_s := self._standstill.since(began)) > LONG_S:
            _say(f"{lane.name}: {point} does not count: all stood still for {still_s:.0f} s; it is played again")
            lane.mend()
            with self._changed:
                self._left.insert(0, (point, how))
            return
        with self._changed:
            self.trials.append(trial)
            table.save(self.trials, RESULTS)
        _say(f"{lane.name}: {trial}")


def _weight(task: Work) -> int:
    return {"node timer": 1, "namespace": 2}.get(task[0].what, 0)


def _say(text: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {text}")
