"""Says what is being done, how long it takes, and keeps the figures for later.

Lines go to standard error (or to a given stream); figures to a JSON file in the cache. Must not fail a build
because a line cannot be written.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEARTBEAT_S = 30.0


class Progress:
    """Steps of one command, possibly from several threads.

    Args:
        stream: where lines go; standard error by default.
        quiet: say nothing, only measure.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self.figures: dict[str, float] = {}

    @property
    def elapsed_s(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._begun

    def say(self, text: str) -> None:
        """Print one line with the elapsed time before it."""
        if self._quiet:
            return
        minutes, seconds = divmod(int(self.elapsed_s), 60)
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"[{minutes:3d}:{seconds:02d}] {text}\n")
            self._stream.flush()

    @contextlib.contextmanager
    def step(self, name: str, text: str = "") -> Iterator[None]:
        """Announce a step, send a heartbeat while it lasts, and keep its duration.

        Args:
            name: key of its figure.
            text: what is announced; the name by default.
        """
        self.say(text or name)
        begun = time.monotonic()
        over = threading.Event()
        beat = threading.Thread(target=self._beat, args=(name, begun, over), daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            self.figures[name] = round(time.monotonic() - begun, 1)
        self.say(f"{name}: done in {self.figures[name]:.1f} s")

    def _beat(self, name: str, begun: float, over: threading.Event) -> None:
        while not over.wait(_HEARTBEAT_S):
            self.say(f"{name}: still at it after {time.monotonic() - begun:.0f} s")

    def summary(self) -> str:
        """Return the figures in one line, the longest step first; steps may have overlapped."""
        steps = sorted(self.figures.items(), key=lambda entry: -entry[1])
        return ", ".join([f"total {self.elapsed_s:.1f} s", *(f"{name} {seconds:.1f} s" for name, seconds in steps)])

    def keep(self, path: Path, **more: object) -> None:
        """Write the figures (seconds per step and in total) to a JSON file."""
        data = {"total_s": round(self.elapsed_s, 1), "steps_s": self.figures, **more}
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(data, indent=2) + "\n")
        temporary.replace(path)
