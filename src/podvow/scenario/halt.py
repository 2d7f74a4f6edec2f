"""The end of a run: an event that also wakes those who wait for something else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Halt(threading.Event):
    """Is set when a run ends early; whoever waits on a condition of their own is woken by it.

    Hundreds of threads wait for records: were each of them to look now and then whether the run has ended, looking
    would cost more than recording does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()  # a signal's handler may set it while its own thread registers a waiter
        self._waiting: list[threading.Condition] = []

    @contextlib.contextmanager
    def waking(self, condition: threading.Condition) -> Iterator[None]:
        """While inside, `set` notifies the condition; not to be entered with the condition's lock held."""
        with self._lock:
            self._waiting.append(condition)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(condition)

    def set(self) -> None:
        """Set it, and wake everybody."""
        super().set()
        with self._lock:
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()
