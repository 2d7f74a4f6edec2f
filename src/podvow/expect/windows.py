"""The allowed times of effects, as the cluster's profile gives them (`Meta.windows`)."""

from __future__ import annotations

from podvow.expect.base import Found, MissingError, inconclusive, violated
from podvow.timeline import Timeline
from podvow.timeline.pace import late_s


def window_s(timeline: Timeline, window: str) -> float:
    """Return a window of the profile in seconds.

    Raises:
        MissingError: the profile has none of this name.
    """
    if window not in timeline.meta.windows:
        raise MissingError(f"no window {window!r} in the cluster's profile")
    return float(timeline.meta.windows[window])


_UNEVEN = 2.0
"""A crowd is not late with all by the same: seen was a retry 1.9 s late in a Pod that else was 1.0 s late."""


def too_late(timeline: Timeline, told: str, *, took_s: float, allowed_s: float, at_ns: int | None = None) -> Found:
    """Return the outcome of what took longer than is allowed.

    It is *violated*, unless the cluster was too busy to tell: where what every Pod needs was late as well
    (`timeline.pace.late_s`), by half as much as this or more. A node that needs seconds for everything breaks no
    promise about a single thing.

    Args:
        timeline: what was seen.
        told: the detail, in words.
        took_s: how long it took, in seconds.
        allowed_s: how long it may take.
        at_ns: when it was there after all.
    """
    moments = () if at_ns is None else (at_ns,)
    everything_s = late_s(timeline)
    if took_s > allowed_s + _UNEVEN * everything_s:
        return violated(told, *moments)
    return inconclusive(f"{told}, but the cluster was {everything_s:.1f}s late with everything", *moments)
