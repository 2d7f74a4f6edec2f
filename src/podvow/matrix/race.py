"""The runs of a matrix: one process each, side by side; whatever becomes of one, the others go on.

Must not judge and must not know results: it starts, waits and ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from podvow.cluster.process import CommandError, forget, spawn
from podvow.session import GIVEN_ID

_POLL_S = 0.2
_ENDING_S = 330.0
"""How long a run may undo (podvow.ending), and some more."""
COMMAND = (sys.executable, "-m", "podvow.matrix.child")


@dataclass(frozen=True)
class Entrant:
    """One run that is to be started.

    Attributes:
        label: the cluster.
        run_id: the id that its run gets.
        options: of `podvow run`.
        log: file that takes what it says.
    """

    label: str
    run_id: str
    options: tuple[str, ...]
    log: Path


class Race:
    """Runs that are under way at once.

    Args:
        say: is told what goes on.
        command: what is started, with the options behind it.
    """

    def __init__(self, say: Callable[[str], None], command: Sequence[str] = COMMAND) -> None:
        self._say = say
        self._command = tuple(command)
        self._alive: dict[str, subprocess.Popen[bytes]] = {}
        self._codes: dict[str, int] = {}

    @property
    def codes(self) -> Mapping[str, int]:
        """The exit codes so far, by label; negative for a process that a signal killed."""
        return dict(self._codes)

    def run(self, entrants: Sequence[Entrant]) -> None:
        """Start all and wait until all have ended.

        Raises:
            KeyboardInterrupt: this process was asked to end; all runs were told, and have undone what they did.
        """
        try:
            for entrant in entrants:
                self._start(entrant)
            self._wait(None)
        except BaseException:
            self._end()
            raise

    def _start(self, entrant: Entrant) -> None:
        self._say(f"{entrant.label}: run {entrant.run_id} begins, log {entrant.log}")
        try:
            with entrant.log.open("ab") as log:
                self._alive[entrant.label] = spawn(
                    [*self._command, *entrant.options],
                    stdout=log.fileno(),
                    stderr=log.fileno(),
                    env={GIVEN_ID: entrant.run_id},
                    # In a session of its own: Ctrl-C comes here, and is passed on once.
                    own_session=True,
                )
        except CommandError as error:
            self._over(entrant.label, error.code or 1)

    def _over(self, label: str, code: int) -> None:
        self._codes[label] = code
        self._say(f"{label}: ended with exit code {code}")

    def _wait(self, patience_s: float | None) -> None:
        """Wait for all; in ticks, so that each end is told when it comes.

        Args:
            patience_s: how long, in seconds; None for as long as it takes.
        """
        tick = threading.Event()
        left = patience_s
        while self._alive and (left is None or left > 0):
            for label, child in list(self._alive.items()):
                if (code := child.poll()) is not None:
                    del self._alive[label]
                    forget(child)
                    self._over(label, code)
            if self._alive:
                tick.wait(_POLL_S)
                left = None if left is None else left - _POLL_S

    def _end(self) -> None:
        """Let every run undo what it did; one that does not come to its end is killed."""
        for label, child in self._alive.items():
            self._say(f"{label}: is asked to end, and undoes what it did")
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        self._wait(_ENDING_S)
        for child in self._alive.values():
            child.kill()
        self._wait(_POLL_S * 25)
