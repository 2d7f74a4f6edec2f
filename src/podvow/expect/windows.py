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
_NEAR_NS = 30_000_000_000
"""A crowd passes: seen were Pods that came up eight seconds late, and nothing late a minute after that."""


def too_late(timeline: Timeline, told: str, *, took_s: float, allowed_s: float, at_ns: int | None = None) -> Found:
    """Return the outcome of what took longer than is allowed.

    It is *violated*, unless the cluster was too busy to tell: where what every Pod needs was late as well
    (`timeline.pace.late_s`), by half as much as this or more, and at about the time: while this was too late, or in
    the seconds before. A node that needs seconds for everything breaks no promise about a single thing.

    Args:
        timeline: what was seen.
        told: the detail, in words.
        took_s: how long it took, in seconds.
        allowed_s: how long it may take.
        at_ns: when it was there after all; without it all that was late counts, whenever it was.
    """
    moments = () if at_ns is None else (at_ns,)
    since_ns = None if at_ns is None else at_ns - round((took_s - allowed_s) * 1e9) - _NEAR_NS
    everything_s = late_s(timeline, since_ns=since_ns, until_ns=at_ns)
    if took_s > allowed_s + _UNEVEN * everything_s:
        return violated(told, *moments)
    return inconclusive(f"{told}, but the cluster was {everything_s:.1f}s late with everything", *moments)
