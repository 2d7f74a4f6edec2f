"""The `podvow` command as a trial starts it, in a session of its own, killed at a fault point if one is given."""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from podvow.deadline import Deadline
from podvow.journal import faultpoint
from podvow.paths import ROOT

SUITE = ROOT / "tests" / "reliability" / "suite"
_SIGNALS = "--default-signal=INT,HUP,TERM"
"""Who starts this in the background has Ctrl-C ignored, and children inherit that."""
_POLL_S = 0.1


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        code: its exit code; negative for a signal.
        output: what it wrote.
        session: number of the session that its processes were in.
    """

    code: int
    output: str
    session: int


class Commands:
    """Starts commands through a fork server; may be used from several threads at once.

    Args:
        folder: takes what the commands write, and compiled modules.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._env = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PODVOW_SUITES": str(SUITE),
            "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT))),
        }
        self._server = subprocess.Popen(
            ["env", _SIGNALS, sys.executable, "-m", "tests.reliability.forkserver"],
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            raise RuntimeError("the fork server did not start")
        self._reader = threading.Thread(target=self._read, name="fork server", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)

    def podvow(self, args: Sequence[str], point: str = "", *, timeout_s: float) -> Done:
        """Run a command to its end.

        Args:
            args: its arguments.
            point: value of `PODVOW_FAULT_POINT`.
            timeout_s: when it is killed, in seconds.

        Raises:
            TimeoutError: it took longer.
        """
        number = next(self._numbers)
        out = self._folder / f"{number}.out"
        env = {**self._env, **({faultpoint.VARIABLE: point} if point else {})}
        answers = self._answers[number] = queue.SimpleQueue()
        request = json.dumps({"id": number, "argv": list(args), "env": env, "out": str(out)})
        with self._lock:
            assert self._server.stdin is not None
            self._server.stdin.write(f"{request}\n".encode())
            self._server.stdin.flush()
        session = int(answers.get(timeout=60)["pid"])
        try:
            code = int(answers.get(timeout=timeout_s)["code"])
        except queue.Empty:
            os.killpg(session, signal.SIGKILL)
            told = out.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise TimeoutError(f"podvow {' '.join(args)} took longer than {timeout_s:.0f} s:\n{told}") from None
        finally:
            del self._answers[number]
        output = out.read_text(encoding="utf-8", errors="replace")
        out.unlink()
        return Done(code, output, session)

    def _read(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            answer = json.loads(line)
            self._answers[answer["id"]].put(answer)


def left_of(session: int) -> list[int]:
    """Return the processes that are still in a session; a watchdog has one of its own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def await_over(session: int, seconds: float) -> list[int]:
    """Wait until no process is left in a session; return those that are."""
    deadline, tick = Deadline.after(seconds), threading.Event()
    while (left := left_of(session)) and not deadline.passed:
        tick.wait(_POLL_S)
    return left
