"""One trial: a run killed at a fault point, what recover then does, and whether the cluster is as before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podvow.api import Api
from podvow.cluster.node import DockerNodeAccess
from podvow.journal import faultpoint
from podvow.journal.reading import read
from podvow.journal.undo import raw
from podvow.paths import REPORTS, ROOT
from tests.reliability.state import State, await_same

PODVOW = Path(sys.executable).with_name("podvow")
_RUN_S = 420.0
_RECOVER_S = 240.0
_SAME_S = 60.0
_SIGNALS = "--default-signal=INT,HUP,TERM"
"""Who starts this in the background has Ctrl-C ignored, and children inherit that."""


@dataclass(frozen=True)
class Point:
    """Where a run is killed, and how.

    Attributes:
        selection: name of the selection.
        number: the journal's entry.
        what: what is journalled there.
        moment: see podvow.journal.faultpoint.
        way: likewise.
    """

    selection: str
    number: int
    what: str
    moment: str
    way: str

    @property
    def variable(self) -> str:
        """The environment variable's value."""
        return f"{self.number}:{self.moment}:{self.way}"


@dataclass
class Trial:
    """What came of it.

    Attributes:
        point: where the run was killed.
        ended: exit code of the run; negative for a signal.
        struck: whether the point was reached at all.
        recovers: exit codes of the calls of `podvow recover`, killed ones included.
        recover_s: how long the last one took, in seconds.
        leaks: what was not as before.
    """

    point: Point
    ended: int = 0
    struck: bool = False
    recovers: list[int] = field(default_factory=list)
    recover_s: float = 0.0
    leaks: list[str] = field(default_factory=list)


def podvow(args: Sequence[str], point: str = "", *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Start the command in a session of its own and wait for its end."""
    env = {**os.environ, **({faultpoint.VARIABLE: point} if point else {})}
    command = ["env", _SIGNALS, str(PODVOW), *args]
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=env,
        start_new_session=True,
    )


def newest_run() -> Path:
    """Return the folder of the run that was begun last."""
    return max((REPORTS / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def reference(options: Sequence[str]) -> list[tuple[int, str, bool]]:
    """Play a selection to its end; return its journalled steps: number, what, whether it has an undo of its own.

    Raises:
        RuntimeError: it did not end well.
    """
    done = podvow(["run", *options], timeout_s=_RUN_S)
    if done.returncode:
        raise RuntimeError(f"run {' '.join(options)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    history = read(newest_run() / "journal.jsonl")
    undone: set[str] = set()
    steps = []
    for number, entry in sorted(history.entries.items()):
        own = json.dumps(raw(entry.undo), sort_keys=True)
        label = str(entry.facts.get("fault", "")) or entry.what
        steps.append((number, label, own not in undone))
        undone.add(own)
    return steps


def kill(point: Point, options: Sequence[str], cluster: tuple[Api, DockerNodeAccess], before: State) -> Trial:
    """Kill a run at a point, recover, and look."""
    trial = Trial(point)
    ran = podvow(["run", *options], point.variable, timeout_s=_RUN_S)
    trial.ended = ran.returncode
    # A run that was not killed ends with 0; one that took a signal in good order says so with another code.
    trial.struck = ran.returncode != 0
    return _recovered(trial, (), cluster, before)


def _recovered(trial: Trial, struck: Sequence[str], cluster: tuple[Api, DockerNodeAccess], before: State) -> Trial:
    for variable in struck:
        trial.recovers.append(podvow(["recover"], variable, timeout_s=_RECOVER_S).returncode)
    began = time.monotonic()
    ran = podvow(["recover"], timeout_s=_RECOVER_S)
    trial.recover_s = round(time.monotonic() - began, 1)
    trial.recovers.append(ran.returncode)
    trial.leaks = await_same(*cluster, before, _SAME_S)
    if ran.returncode:
        trial.leaks.append(f"recover ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-600:]}")
    again = podvow(["recover"], timeout_s=_RECOVER_S)
    if again.returncode:
        trial.leaks.append(f"recover again ended with {again.returncode}: {again.stdout[-300:]}")
    return trial


def kill_recover(
    point: Point, options: Sequence[str], cluster: tuple[Api, DockerNodeAccess], before: State, steps: int
) -> Trial:
    """Kill a run, then recover itself at each of its first steps, then let it end."""
    trial = Trial(point)
    ran = podvow(["run", *options], point.variable, timeout_s=_RUN_S)
    trial.ended, trial.struck = ran.returncode, ran.returncode != 0
    struck = [f"{n}:{moment}:SIGKILL" for n in range(1, steps + 1) for moment in ("undoing", "undone")]
    return _recovered(trial, struck, cluster, before)


def as_json(trial: Trial) -> Mapping[str, Any]:
    """Return a trial for the file."""
    point = trial.point
    return {
        "selection": point.selection,
        "step": point.number,
        "what": point.what,
        "moment": point.moment,
        "way": point.way,
        "ended": trial.ended,
        "struck": trial.struck,
        "recovers": trial.recovers,
        "recover_s": trial.recover_s,
        "leaks": trial.leaks,
    }
