"""What a standing invariant found wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """One violation: what was seen, and when (nanoseconds since the epoch)."""

    detail: str
    t_ns: int
