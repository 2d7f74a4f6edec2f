"""Notices when this process did not run for a while: stopped, or on a machine that was.

What was waited for meanwhile says nothing: all patience went by, and nobody had a chance.
"""

from __future__ import annotations

import threading
import time

_TICK_S = 1.0
LONG_S = 20.0
"""A gap between two ticks that no load explains, in seconds."""


class Standstill:
    """Ticks from a thread of its own, as long as the process runs."""

    def __init__(self, *, tick_s: float = _TICK_S) -> None:
        self._tick_s = tick_s
        self._last = time.monotonic()
        self._gaps: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="standstill", daemon=True).start()

    def since(self, moment: float) -> float:
        """Return the longest time without a tick that ended after a moment of the monotonic clock, in seconds."""
        self._tick()
        with self._lock:
            return max((length for end, length in self._gaps if end >= moment), default=0.0)

    def stop(self) -> None:
        """Tick no longer."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._tick_s):
            self._tick()

    def _tick(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._gaps.append((now, now - self._last))
            self._last = now
