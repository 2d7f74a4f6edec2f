"""One trial: a run killed at a fault point, what heals the cluster then, and whether it is as before."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from podvow.cluster.process import CommandError
from podvow.faults import deadman
from podvow.journal import faultpoint
from podvow.journal.reading import read
from tests.reliability.commands import Done, await_over
from tests.reliability.lane import Lane
from tests.reliability.points import Point, Selection, listed

RECOVER = "recover"
ALONE = "alone"
RECOVER_KILLED = "recover killed"
_RUN_S = 420.0
_RECOVER_S = 300.0
_ORPHANS_S = 330.0
_SAME_S = 60.0
_ALONE_S = 150.0
_TIMER_S = 1.0
_TOLD = 600
_ORDERLY = {"SIGTERM", "SIGHUP", "PARENT"}
"""After these everything is undone unasked; after `PARENT` by a process that its worker leaves behind."""


@dataclass
class Trial:
    """What came of it.

    Attributes:
        point: where the run was killed.
        how: who heals: `recover`, nobody (`alone`: the node's timer or the watchdog), or a `recover` that is
            killed at each of its own steps first.
        ended: exit code of the run; negative for a signal.
        struck: whether the point was reached at all.
        recovers: exit codes of the calls of `podvow recover`, killed ones included.
        recover_s: how long the last one took, in seconds.
        healed_s: how long a node took that healed alone, in seconds.
        wall_s: how long all of it took, in seconds.
        leaks: what was not as before.
    """

    point: Point
    how: str = RECOVER
    ended: int = 0
    struck: bool = False
    recovers: list[int] = field(default_factory=list)
    recover_s: float = 0.0
    healed_s: float = 0.0
    wall_s: float = 0.0
    leaks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        alone = f" in {self.healed_s} s" if self.how == ALONE else ""
        told = f"ended {self.ended}, {self.how}{alone} {self.recovers} {self.recover_s} s, all {self.wall_s} s"
        return f"{self.point}: {told}: {'; '.join(self.leaks) or 'as before'}"

    @property
    def json(self) -> Mapping[str, Any]:
        """The trial for the file."""
        point = self.point
        return {
            "selection": point.selection,
            "step": point.number,
            "what": point.what,
            "moment": point.moment,
            "way": point.way,
            **{key: value for key, value in vars(self).items() if key != "point"},
        }

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return the trial that `json` tells."""
        point = Point(raw["selection"], raw["step"], raw["what"], raw["moment"], raw["way"])
        return cls(point, **{each.name: raw[each.name] for each in fields(cls) if each.name != "point"})


def reference(selection: Selection, lane: Lane, folder: Path) -> tuple[list[tuple[int, str]], dict[int, str]]:
    """Play a selection to its end; return the fault points that it passed, and what is journalled at each step.

    Raises:
        RuntimeError: it did not end well.
    """
    listing = folder / f"{selection.name}.points"
    listing.unlink(missing_ok=True)
    done, run = lane.run(selection, f"{faultpoint.LIST}{listing}", timeout_s=_RUN_S)
    if done.code:
        raise RuntimeError(f"{selection.name} ended with {done.code}:\n{done.output[-4000:]}")
    history = read(run / "journal.jsonl")
    what = {number: str(entry.facts.get("fault", "")) or entry.what for number, entry in history.entries.items()}
    if left := lane.await_same(_SAME_S):
        raise RuntimeError(f"{selection.name} was not killed and left {left}")
    return listed(listing), what


def play(point: Point, how: str, selection: Selection, lane: Lane) -> Trial:
    """Kill a run at a point, let the cluster be healed, and look."""
    began = time.monotonic()
    trial = Trial(point, how)
    try:
        done, run = lane.run(selection, point.variable, timeout_s=_RUN_S)
        trial.ended = done.code
        # A run that was not killed ends with 0; one that took a signal in good order says so with another code.
        trial.struck = done.code != 0
        if left := await_over(done.session, _ORPHANS_S):
            trial.leaks.append(f"processes {left} go on")
        if how == ALONE:
            _heals_alone(trial, selection, run, lane)
        elif point.way in _ORDERLY:
            # Everything is undone already; `recover` has nothing to do.
            trial.leaks += [f"before recover: {left}" for left in lane.await_same(_SAME_S)]
        if how == RECOVER_KILLED:
            _kill_recover(trial, lane)
        _recover(trial, lane)
    except (TimeoutError, CommandError) as error:
        trial.leaks.append(str(error))
    trial.wall_s = round(time.monotonic() - began, 1)
    if trial.leaks:
        lane.mend()
    return trial


def _heals_alone(trial: Trial, selection: Selection, run: Path, lane: Lane) -> None:
    """Let a node heal without `recover`: its timer, whose deadline is brought forward, or the watchdog."""
    began = time.monotonic()
    if selection.alone == "timer" and not deadman.arm(lane.access, lane.node, run.name, _TIMER_S):
        trial.leaks.append(f"the timer of {lane.node} was not armed")
    trial.leaks += lane.await_same(_ALONE_S, nodes_only=True)
    trial.healed_s = round(time.monotonic() - began, 1)


def _kill_recover(trial: Trial, lane: Lane) -> None:
    """Kill `recover` at each of its steps: a call at the first one, the next call at the second one, and so on."""
    number = 1
    while True:
        for moment in ("undoing", "undone"):
            done = lane.recover(f"{number}:{moment}:SIGKILL", timeout_s=_RECOVER_S)
            trial.recovers.append(done.code)
            if done.code != -signal.SIGKILL:  # there are no more steps than that
                return
        number += 1


def _recover(trial: Trial, lane: Lane) -> None:
    began = time.monotonic()
    done = lane.recover(timeout_s=_RECOVER_S)
    trial.recover_s = round(time.monotonic() - began, 1)
    trial.recovers.append(done.code)
    trial.leaks += lane.await_same(_SAME_S)
    if done.code:
        trial.leaks.append(f"recover ended with {done.code}: {done.output[-_TOLD:]}")
    if trial.how == RECOVER_KILLED:
        again: Done = lane.recover(timeout_s=_RECOVER_S)
        if again.code or not _nothing(again.output):
            trial.leaks.append(f"recover again ended with {again.code}: {again.output[-_TOLD:]}")


def _nothing(output: str) -> bool:
    return "taken back" not in output and "swept" not in output


def steps_of(trials: Sequence[Trial]) -> int:
    """Return how many different fault points were tried."""
    return len({(t.point.selection, t.point.number, t.point.moment) for t in trials})
