"""The driver's end of the watchdog: starts it before the first node goes away, and tells it which ones are."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import podvow
from podvow.errors import InjectionError
from podvow.watchdog import state
from podvow.watchdog.state import Away, State

_START_S = 20.0
_END_S = 5.0


class Watchdog:
    """A watchdog that does not run before it is needed; at most one a run.

    It holds the read end of a pipe whose other end only this process has: whatever ends this process ends the pipe.

    Args:
        folder: the run's folder; takes its state and what it did (`watchdog.log`).
        run_id: under which the nodes know the run.
        kubeconfig: the cluster's file, to set routes to a node that comes back at another address.
        context: the context in it.
        settled_s: see `state.State`.
    """

    def __init__(
        self,
        folder: Path,
        run_id: str,
        *,
        kubeconfig: str = "",
        context: str = "",
        settled_s: float = state.SETTLED_S,
    ) -> None:
        self._folder = folder.resolve()
        self._state = State(run_id, kubeconfig, context, settled_s)
        self._number = 0
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, node: str, fault: str, seconds: float, address: str = "") -> None:
        """Note, before it happens, that a node will be away.

        Args:
            node: the node.
            fault: what is about to be done to it.
            seconds: after which it is brought back even if this process lives.
            address: the node's address now.

        Raises:
            InjectionError: there is no watchdog: the node must not be sent away.
        """
        with self._lock:
            self._number += 1
            away = Away(self._number, node, fault, time.monotonic() + seconds, address)
            try:
                self._write((*self._state.away, away))
                self._tell()
            except OSError as error:
                raise InjectionError(f"no watchdog could be started: {error}") from error

    def close(self, node: str) -> None:
        """Note that a node is back."""
        with self._lock:
            left = tuple(away for away in self._state.away if away.node != node)
            if left != self._state.away:
                self._write(left)

    def stop(self) -> None:
        """End the watchdog; it ends at once unless there are nodes to bring back, which it does first."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101 (it was started with a pipe)
        process.stdin.close()
        if not self._state.away:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                return

    def _write(self, away: tuple[Away, ...]) -> None:
        self._state = replace(self._state, away=away)
        state.write(self._folder, self._state)

    def _tell(self) -> None:
        """Let the watchdog look at its state; start one if there is none (any more)."""
        if self._process is not None and self._process.poll() is None:
            assert self._process.stdin is not None  # noqa: S101
            os.write(self._process.stdin.fileno(), b"\n")
        else:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
            self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own, where no Ctrl-C and no closed terminal reaches it; wait for it."""
        source = str(Path(podvow.__file__).resolve().parents[1])
        paths = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        with (self._folder / state.LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "podvow.watchdog", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        assert process.stdout is not None  # noqa: S101
        with process.stdout as answers:
            heard = select.select([answers], [], [], _START_S)[0]
            if not heard or not answers.readline():
                process.kill()
                process.wait()
                raise InjectionError(
                    "no watchdog could be started", hint=f"its words are in {self._folder / state.LOG}"
                )
        return process
