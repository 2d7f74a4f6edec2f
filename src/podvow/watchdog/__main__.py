"""The watchdog itself: waits for the driver's end or for a deadline, then brings back the nodes that are away.

`python -m podvow.watchdog FOLDER`, started by the driver with a pipe as standard input. It ends by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from podvow.watchdog import state
from podvow.watchdog.state import Away, State

Mend = Callable[..., list[str]]
"""`podvow.watchdog.mend.mend`, which is imported when it is needed: it is heavy, and usually is not."""


class Watch:
    """One watch over a run.

    Args:
        folder: the run's folder.
        mend: brings a node back; returns what it did, in words.
    """

    def __init__(self, folder: Path, mend: Mend) -> None:
        self._folder = folder
        self._mend = mend
        self._done: set[int] = set()
        self._state = state.read(folder)

    def until_over(self, pipe: int) -> None:
        """Watch until the pipe ends; then bring everything back that is still away."""
        while self._heard(pipe):
            self._bring_back(dead=False)
        self._bring_back(dead=True)

    def _heard(self, pipe: int) -> bool:
        """Wait for the driver's word or for the next deadline; False when the driver is gone."""
        due = [away.until for away in self._state.away if away.number not in self._done]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        ready = select.select([pipe], [], [], wait)[0]
        alive = not ready or bool(os.read(pipe, 4096))
        # A state that cannot be read is one that is not written whole any more: what was known stays true.
        with contextlib.suppress(OSError, ValueError):
            self._state = state.read(self._folder)
        return alive

    def _bring_back(self, *, dead: bool) -> None:
        moment = time.monotonic()
        for away in self._state.away:
            if dead or (away.until <= moment and away.number not in self._done):
                self._done.add(away.number)
                self._one(self._state, away, dead=dead)

    def _one(self, known: State, away: Away, *, dead: bool) -> None:
        why = "the driver is gone" if dead else "the deadline has passed"
        try:
            did = self._mend(known, away, thorough=dead)
        except Exception as error:  # noqa: BLE001 (the other nodes must be brought back all the same)
            did = [f"failed: {type(error).__name__}: {error}"]
        self.log(node=away.node, fault=away.fault, why=why, did=did)

    def log(self, **facts: object) -> None:
        """Write a line about what was done into the run's folder."""
        line = json.dumps({"at_ns": time.time_ns(), **facts}, sort_keys=True)
        with (self._folder / state.LOG).open("a", encoding="utf-8") as handle:
            handle.write(line + "\n")
            handle.flush()
            os.fsync(handle.fileno())


def _mend(known: State, away: Away, *, thorough: bool) -> list[str]:
    from podvow.watchdog.mend import mend  # noqa: PLC0415 - see Mend

    return mend(known, away, thorough=thorough)


def main() -> int:
    """Watch over the run whose folder is the only argument; return 1 when it has a watchdog already."""
    # What ends the driver must not end the one who cleans up after it; it ends by itself, with its pipe.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    with (folder / state.LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("this run has a watchdog already\n")
            return 1
        watch = Watch(folder, _mend)
        sys.stdout.write("watching\n")
        sys.stdout.flush()
        # Nobody reads its words any more once the driver is gone.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        watch.until_over(sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
