"""Kills the harness at its journalled steps and counts what it leaves (`make reliability`).

Makes clusters of its own, plays on all of them at once, and deletes them at the end. Prints a line per trial and a
table; writes reports/reliability.json and, after a whole play, the table of docs/reliability.md. Exit code 5:
something was left; 1: a point was never reached.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import typer

from podvow.cluster import lifecycle
from podvow.paths import FIXTURES, REPORTS
from tests.reliability import table
from tests.reliability.commands import Commands
from tests.reliability.lane import Lane
from tests.reliability.points import Point, Selection, alone, points, selections
from tests.reliability.standstill import LONG_S, Standstill
from tests.reliability.trial import ALONE, RECOVER, RECOVER_KILLED, Trial, play, reference

_PAIR = Path(__file__).with_name("pair.yaml")
_SINGLE = FIXTURES / "kind" / "single.yaml"
_FOLDER = REPORTS / "reliability"
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
    """

    def __init__(
        self,
        chosen: Mapping[str, Selection],
        most: int,
        turn: Callable[[], contextlib.AbstractContextManager[None]],
        done: Sequence[Trial] = (),
    ) -> None:
        self.chosen = chosen
        self.trials = list(done)
        self._done = {(trial.point, trial.how) for trial in done}
        self.errors: list[BaseException] = []
        self._most = most
        self._turn = turn
        self._standstill = Standstill()
        self._changed = threading.Condition()
        self._unknown = deque(chosen.values())
        self._left: list[Work] = []
        self._learning = 0

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
            passed, what = reference(selection, lane, _FOLDER)
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


@contextlib.contextmanager
def _sharing(locks: Sequence[Path]) -> Iterator[None]:
    """Pass through all locks but the last one, and hold that together with others while something is played."""
    for number, path in enumerate(locks, start=1):
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH if number == len(locks) else fcntl.LOCK_EX)
            if number == len(locks):
                yield
                return
    yield


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--per-selection", type=int, default=0, help="trials per selection; 0 for all")
    parser.add_argument("--only", action="append", default=[], help="only this selection (repeatable)")
    parser.add_argument("--pairs", type=int, default=2, help="clusters of a control plane and a worker")
    parser.add_argument("--singles", type=int, default=1, help="clusters of one node, for what needs no worker")
    parser.add_argument("--keep", action="store_true", help="do not delete the clusters at the end")
    parser.add_argument("--resume", action="store_true", help="go on with a play: what held is not played again")
    about = "lock to pass before a trial; the last one is shared with others while it is played"
    parser.add_argument("--share", type=Path, action="append", default=[], help=about)
    given = parser.parse_args()
    chosen = {name: s for name, s in selections().items() if not given.only or name in given.only}
    configs = [_PAIR] * given.pairs + [_SINGLE] * given.singles
    names = [f"rel-{number}" for number in range(1, len(configs) + 1)]
    _FOLDER.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    # Before this process enters the clusters' network: a command enters it by itself.
    with Commands(_FOLDER) as commands:
        for name, config in zip(names, configs, strict=True):
            lifecycle.up(name=name, config=config)
        done = [t for t in table.load(RESULTS) if given.resume and not t.leaks and t.point.selection in chosen]
        game = Play(chosen, given.per_selection, lambda: _sharing(given.share), done)
        with contextlib.ExitStack() as stack:
            lanes = [stack.enter_context(Lane(name, commands)) for name in names]
            threads = [threading.Thread(target=game.lane, args=(lane,), name=lane.name) for lane in lanes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if not given.keep:
            for name in names:
                lifecycle.down(name)
    return _report(game, time.monotonic() - began, len(names), whole=not given.only and not given.per_selection)


def _report(game: Play, wall_s: float, lanes: int, *, whole: bool) -> int:
    trials = game.trials
    lines = [table.summary(trials, wall_s, lanes), "", *table.table(trials, game.chosen)]
    typer.echo("\n".join(lines))
    for error in game.errors:
        typer.echo(f"not played: {type(error).__name__}: {error}", err=True)
    if whole and not game.errors:
        table.publish("\n".join(lines))
    leaks, missed = any(t.leaks for t in trials), not all(t.struck for t in trials)
    return 5 if leaks else 1 if missed or game.errors else 0


if __name__ == "__main__":
    sys.exit(main())
