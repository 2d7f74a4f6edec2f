"""Runs a module of podvow's as a process of its own to its end; when this one is to end, that one undoes first."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_ENDING_S = 300.0


def run_module(module: str, argument: Path, log: Path, *, patience_s: float) -> int:
    """Run a module with one argument and return its exit code.

    Args:
        module: its name.
        argument: what it is given.
        log: takes what it says; it is appended to.
        patience_s: after so many seconds it is asked to end.
    """
    argv = [sys.executable, "-m", module, str(argument)]
    with log.open("ab") as out:
        # In a session of its own: Ctrl-C comes here, and is passed on once.
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        try:
            return child.wait(patience_s)
        except subprocess.TimeoutExpired:
            ask(child)
            return ended(child, _ENDING_S)
        except BaseException:
            ask(child)
            ended(child, _ENDING_S)
            raise


def ask(child: subprocess.Popen[Any]) -> None:
    """Ask a process to end; it undoes what it did first."""
    child.send_signal(signal.SIGTERM)


def ended(child: subprocess.Popen[Any], patience_s: float) -> int:
    """Wait until a process that was asked to end has done so, and return its exit code.

    Args:
        child: the process.
        patience_s: after so many seconds it is killed.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(patience_s)
    child.kill()
    return child.wait()
