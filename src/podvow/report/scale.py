"""The time axis of a drawn timeline: order and distances stay readable beside a long wait."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_SHARE = 0.3
"""How much of the width all shortened waits may take together."""
_WORTH = 3.0
"""A wait is shortened only when that saves two thirds of it."""
_MIN_TICK_PX = 64.0


@dataclass(frozen=True)
class Segment:
    """A stretch between two moments of interest, with its place on paper."""

    from_ns: int
    until_ns: int
    x0: float
    x1: float
    short: bool


class Scale:
    """Maps nanoseconds to x, linear except for long stretches without any event, which are shortened and marked.

    Args:
        times_ns: every moment at which something begins or ends.
        x0: left edge.
        x1: right edge.
    """

    def __init__(self, times_ns: Iterable[int], x0: float, x1: float) -> None:
        times = sorted(set(times_ns)) or [0]
        if len(times) == 1:
            times.append(times[0] + 1_000_000_000)
        lengths = [b - a for a, b in itertools.pairwise(times)]
        cap = _cap(lengths)
        drawn = [float(min(length, cap)) if cap else float(length) for length in lengths]
        unit = (x1 - x0) / sum(drawn)
        self.segments: list[Segment] = []
        x = x0
        for begin, length, width in zip(times, lengths, drawn, strict=False):
            end_x = x + width * unit
            self.segments.append(Segment(begin, begin + length, x, end_x, bool(cap) and length > cap))
            x = end_x
        self._begins = [segment.from_ns for segment in self.segments]
        self.x0, self.x1 = x0, x1

    def x(self, t_ns: int) -> float:
        """Return the place of a moment; moments outside lie on the edge."""
        segment = self.segments[max(0, bisect_right(self._begins, t_ns) - 1)]
        if t_ns <= segment.from_ns:
            return segment.x0
        if t_ns >= segment.until_ns:
            return segment.x1
        part = (t_ns - segment.from_ns) / (segment.until_ns - segment.from_ns)
        return segment.x0 + part * (segment.x1 - segment.x0)

    @property
    def breaks(self) -> list[Segment]:
        """The shortened stretches."""
        return [segment for segment in self.segments if segment.short]

    def ticks(self) -> Iterator[tuple[float, int]]:
        """Yield (x, nanoseconds) of round seconds, never closer than a label is wide, none inside a break."""
        origin = self.segments[0].from_ns
        normal = [s for s in self.segments if not s.short and s.x1 > s.x0]
        span = sum(s.until_ns - s.from_ns for s in normal)
        width = sum(s.x1 - s.x0 for s in normal)
        if not normal or span <= 0:
            yield self.x0, origin
            return
        step = _nice(span / max(width / _MIN_TICK_PX, 1.0))
        last = float("-inf")
        for segment in normal:
            first = -(-(segment.from_ns - origin) // step)
            for n in range(int(first), int((segment.until_ns - origin) // step) + 1):
                t_ns = origin + n * step
                x = self.x(t_ns)
                if x - last >= _MIN_TICK_PX:
                    last = x
                    yield x, t_ns


def _cap(lengths: list[int]) -> int:
    """Return the length that long waits are shortened to; 0 when a linear axis serves."""
    ordered = sorted(lengths, reverse=True)
    rest = sum(ordered)
    for count in range(1, len(ordered)):
        rest -= ordered[count - 1]
        cap = int(_SHARE / (1 - _SHARE) * rest / count)
        if cap >= ordered[count]:
            return cap if cap and ordered[0] > _WORTH * cap else 0
    return 0


def _nice(step_ns: float) -> int:
    """Return the next round step: 1, 2 or 5 times a power of ten, at least 10 ms."""
    power = 10_000_000
    while True:
        for factor in (1, 2, 5):
            if power * factor >= step_ns:
                return power * factor
        power *= 10
