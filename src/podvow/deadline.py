"""Absolute deadlines on the monotonic clock: the harness's patience, never a claim's window."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time after which the harness stops waiting.

    Attributes:
        at_s: seconds on `time.monotonic()`.
    """

    at_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that lies `seconds` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at_s - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the deadline lies in the past."""
        return time.monotonic() >= self.at_s
