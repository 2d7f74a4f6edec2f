"""Live view of a run: what waits, runs and is judged, against the time that it must take at least."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from podvow.report.model import CONFLICT, REFUTED
from podvow.report.summary import MARKS, STYLES
from podvow.verdict import Verdict

_MAX_RUNNING = 8
_MIN_LINE_S = 1.0
_QUIET = frozenset({Verdict.HOLDS, Verdict.NOT_APPLICABLE, REFUTED, CONFLICT})


class Progress:
    """Shows how a run goes on: a live view on a terminal, else plain lines, at most about one a second.

    Every method may be called from any thread.

    Args:
        console: where to; standard error by default.
        clock: tells seconds (for tests).
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._total, self._tests, self._limit_s = 0, 0, 0.0
        self._began = clock()
        self._running: dict[str, float] = {}
        self._recorded: set[str] = set()
        self._verdicts: Counter[str] = Counter()
        self._note = ""
        self._live: Live | None = None
        self._pending: list[str] = []
        self._last_line = float("-inf")
        self._timer: threading.Timer | None = None
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, total: int, limit_s: float = 0.0, *, tests: int = 0) -> None:
        """Begin to show.

        Args:
            total: number of scenarios.
            limit_s: the physical limit L* of the run in seconds, 0 when unknown.
            tests: number of verdicts to come, where tests share scenarios; 0 for one of each.
        """
        with self._lock:
            self._total, self._tests, self._limit_s = total, tests or total, limit_s
            self._began, self._open = self._clock(), True
            if not self._console.is_terminal:
                limit = f", at least {limit_s:.0f} s" if limit_s else ""
                self._say(f"{total} scenarios{limit}")
                return
            live = self._live = Live(
                console=self._console, get_renderable=self._view, refresh_per_second=2, transient=True
            )
        # Never call the view with the lock held: its refresher holds the console's lock while it asks for ours.
        live.start()

    def scenario_started(self, scenario: str) -> None:
        """Note that a scenario was let go."""
        with self._lock:
            self._running[scenario] = self._clock()
            self._say()

    def scenario_recorded(self, scenario: str, wall_s: float) -> None:
        """Note that a scenario's evidence is complete.

        Args:
            scenario: its id.
            wall_s: how long it took.
        """
        with self._lock:
            self._running.pop(scenario, None)
            self._recorded.add(scenario)
            self._say(f"{scenario} recorded in {wall_s:.1f} s" if self._limit_s and wall_s > self._limit_s else "")

    def judged(self, scenario: str, verdict: str) -> None:
        """Note a verdict.

        Args:
            scenario: its id.
            verdict: the verdict, or `refuted` for a violated scenario that never gates.
        """
        with self._lock:
            self._verdicts[verdict] += 1
            loud = verdict not in _QUIET
            live = self._live
            self._say(f"{verdict.upper()} {scenario}" if loud else "")
        if loud and live:
            live.console.print(Text(f"{MARKS[verdict]} {verdict} {scenario}", style=STYLES[verdict]))

    def note(self, text: str) -> None:
        """Tell something that is worth a line."""
        with self._lock:
            self._note = text
            self._say(text)

    def stop(self) -> None:
        """End the view; what is left to say is said. May be called twice."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            live, self._live = self._live, None
            if self._open and not live:
                self._flush()
            self._open = False
        if live:
            live.stop()

    @property
    def _elapsed_s(self) -> float:
        return self._clock() - self._began

    def _counts(self) -> str:
        done = sum(self._verdicts.values())
        told = ", ".join(f"{self._verdicts[v]} {v}" for v in MARKS if self._verdicts[v])
        recorded = len(self._recorded) - done if self._tests == self._total else 0
        waiting = max(0, self._total - len(self._recorded) - len(self._running))
        parts = [f"{done}/{self._tests} judged" + (f" ({told})" if told else "")]
        parts += [f"{len(self._running)} running", f"{waiting} waiting"]
        parts += [f"{recorded} to be judged"] if recorded > 0 else []
        return ", ".join(parts)

    def _say(self, text: str = "") -> None:
        """Write a line now, or soon when the last one is less than a second old."""
        if self._live or not self._open:
            return
        if text:
            self._pending.append(text)
        wait = self._last_line + _MIN_LINE_S - self._clock()
        if wait <= 0:
            self._flush()
        elif self._timer is None:
            self._timer = threading.Timer(wait, self._late)
            self._timer.daemon = True
            self._timer.start()

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            if self._open:
                self._flush()

    def _flush(self) -> None:
        self._last_line = self._clock()
        told = f": {'; '.join(self._pending)}" if self._pending else ""
        self._pending.clear()
        line = f"podvow {self._elapsed_s:6.1f} s  {self._counts()}{told}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _view(self) -> RenderableType:
        with self._lock:
            elapsed, now = self._elapsed_s, self._clock()
            limit = f" of at least {self._limit_s:.0f} s (L*)" if self._limit_s else ""
            done = sum(self._verdicts.values())
            head = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=max(1, self._tests), completed=done, width=30)
            head.add_row(bar, Text(f"{elapsed:.0f} s{limit}", style="dim"))
            parts: list[RenderableType] = [head, Text(self._counts())]
            longest = sorted(self._running.items(), key=lambda item: item[1])
            rows = Table.grid(padding=(0, 2))
            for scenario, since in longest[:_MAX_RUNNING]:
                rows.add_row(Text(f"{now - since:6.1f} s", style="cyan"), Text(scenario, overflow="ellipsis"))
            parts.append(rows)
            if len(longest) > _MAX_RUNNING:
                parts.append(Text(f"         … {len(longest) - _MAX_RUNNING} more", style="dim"))
            if self._note:
                parts.append(Text(self._note, style="dim", overflow="ellipsis"))
            return Group(*parts)
