"""The allowed times of effects, as the cluster's profile gives them (`Meta.windows`)."""

from __future__ import annotations

from podvow.expect.base import MissingError
from podvow.timeline import Timeline


def window_s(timeline: Timeline, window: str) -> float:
    """Return a window of the profile in seconds.

    Raises:
        MissingError: the profile has none of this name.
    """
    if window not in timeline.meta.windows:
        raise MissingError(f"no window {window!r} in the cluster's profile")
    return float(timeline.meta.windows[window])
