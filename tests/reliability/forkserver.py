"""Starts `podvow` commands as forks of a process that has everything imported.

`python -m tests.reliability.forkserver`.

A command spends more CPU on importing than on its work, and the trials start hundreds. The fork is a process like
any other: a session and a group of its own, its own exit code, killed by real signals; it runs the same `main`.

Reads a request a line from standard input, `{"id", "argv", "env", "out"}`, and answers on standard output with
`{"id", "pid"}` at once and `{"id", "code"}` when the command has ended. Has one thread only: forking needs that.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
from typing import Any

import pytest  # noqa: F401 (imported here so that no command has to)
import xdist.plugin  # noqa: F401

import podvow.expect
import podvow.live
import podvow.marks
import podvow.run
import podvow.selection  # noqa: F401
from podvow.cli import main as podvow_main


def _answer(**facts: Any) -> None:
    os.write(1, f"{json.dumps(facts)}\n".encode())


class Server:
    """Forks and waits; `serve` returns True in a child, which then is the command."""

    def __init__(self) -> None:
        self._running: dict[int, int] = {}
        self._rest = b""

    def serve(self) -> bool:
        """Serve until standard input ends."""
        told, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(told, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == told:
                        os.read(told, 4096)
                        self._reap()
                        continue
                    data = os.read(0, 65536)
                    if not data:
                        return False
                    *lines, self._rest = (self._rest + data).split(b"\n")
                    if any(self._start(json.loads(line)) for line in lines):
                        return True

    def _start(self, request: dict[str, Any]) -> bool:
        pid = os.fork()
        if not pid:
            _become(request)
            return True
        self._running[pid] = request["id"]
        _answer(id=request["id"], pid=pid)
        return False

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _answer(id=self._running.pop(pid), code=os.waitstatus_to_exitcode(status))


def _become(request: dict[str, Any]) -> None:
    """Take on what a command started by a shell would have."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["podvow", *request["argv"]]


if __name__ == "__main__":
    gc.freeze()
    _answer(ready=True)
    if Server().serve():
        podvow_main()
