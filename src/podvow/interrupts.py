"""What asks this process to end: the first time it undoes what it did, a second Ctrl-C ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from types import FrameType
from typing import Final

_ASKING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAME_S = 0.3
"""Ctrl-C that a terminal and a parent process both pass on is one Ctrl-C."""
_CODE = 130
_MOST_OPEN = 1024
_WORDS = b"\nended at once: nodes heal themselves after a while, `podvow recover` does it now\n"


class Interrupts:
    """Turns the first request to end into KeyboardInterrupt, and does not let a later one disturb the undoing.

    Args:
        worker: whether this is an xdist worker, to which others pass on more than the user's Ctrl-C.
        terminals: device numbers of the terminals that this process may lose.
    """

    def __init__(self, *, worker: bool, terminals: frozenset[int] = frozenset()) -> None:
        self._worker = worker
        self._terminals = terminals
        self._began: float | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (protocol of signal handlers)
        """Take a signal.

        Raises:
            KeyboardInterrupt: it is the first one.
        """
        if number == signal.SIGHUP:
            forget(self._terminals)
        if self._began is None:
            self._began = time.monotonic()
            raise KeyboardInterrupt
        if number == signal.SIGINT and not self._worker and time.monotonic() - self._began > _SAME_S:
            with contextlib.suppress(OSError):
                os.write(2, _WORDS)
            os._exit(_CODE)


def install(*, worker: bool = False) -> None:
    """Take SIGINT, SIGTERM and SIGHUP; call it in the main thread. What is ignored (nohup, `&`) stays ignored."""
    current = signal.getsignal(signal.SIGTERM)
    if isinstance(getattr(current, "__self__", None), Interrupts) and not worker:
        return
    taken = Interrupts(worker=worker, terminals=_terminals())
    for number in _ASKING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, taken.handle)


def _terminals() -> frozenset[int]:
    return frozenset(os.fstat(number).st_rdev for number in (0, 1, 2) if _is_terminal(number))


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


def forget(terminals: frozenset[int]) -> None:
    """Let everything that is written to a terminal that is gone go nowhere: it would end the undoing with an error.

    pytest and the view have descriptors of their own on it, so all of this process's are looked at.
    """
    if not terminals:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(_MOST_OPEN):
        with contextlib.suppress(OSError):
            about = os.fstat(number)
            if stat.S_ISCHR(about.st_mode) and about.st_rdev in terminals:
                os.dup2(nowhere, number)
    os.close(nowhere)
