"""How many scenarios may start at a time, by how long the cluster takes to start their Pods. Pure: knows no clock.

What a scenario measures is to be the cluster and not the crowd that podvow made. How large a crowd a machine bears
hangs on the machine: where Pods come up late, fewer are started at a time (docs/decisions/0004-busy-limit.md).
"""

from __future__ import annotations

_LEAST = 4
"""Fewer would leave cores idle while Pods wait for the network or a volume."""
_LATE_S = 3.0
_PROMPT_S = 2.0
_WEIGHT = 0.2
"""How much one start counts beside those before it."""
_SILENT_S = 8.0
"""No shorter silence means that a scenario waits, however prompt starts are."""
_TIMES = 4.0
"""Nor does one that is shorter than so many starts of now."""
_MOST_S = 2 * _LATE_S
"""A start counts as no later than this: a single one must not hold back all that follow."""


class Crowd:
    """A limit that follows the time from a Pod's creation to its first sandbox.

    Args:
        most: the limit where Pods start promptly; 0 for none at all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = most
        self._mean_s = (_LATE_S + _PROMPT_S) / 2

    @property
    def limit(self) -> int:
        """How many may start at a time, 0 for any number."""
        return self._limit

    @property
    def patience_s(self) -> float:
        """How long a scenario must be silent to be thought to wait, in seconds: several times a start of now.

        In a crowd everything is silent for a while. Who took that for waiting would make the crowd larger still.
        """
        return max(_SILENT_S, _TIMES * self._mean_s)

    def started(self, seconds: float, *, disturbed: bool = False) -> None:
        """Take note of a start.

        Args:
            seconds: how long a Pod waited for its first sandbox.
            disturbed: its node is being disturbed: that it was late says nothing then, that it was not does.
        """
        if disturbed and seconds > _PROMPT_S:
            return
        self._mean_s += _WEIGHT * (min(seconds, _MOST_S) - self._mean_s)
        if self._mean_s > _LATE_S:
            self._limit = max(min(_LEAST, self._most), self._limit - 1)
        elif self._mean_s < _PROMPT_S:
            self._limit = min(self._most, self._limit + 1)
