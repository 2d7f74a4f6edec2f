"""The time between the runs of a container: which runs it can be told of, and from when to when it counts."""

from __future__ import annotations

from podvow.expect.base import After, MissingError
from podvow.expect.evidence import blind, gap_in, observers, runs_in, stretch_of
from podvow.timeline import Run, Timeline
from podvow.timeline.record import Instant

MARGIN_S = 0.25
"""The runtime publishes an end a little after it happened; the kubelet counts from the end itself."""


def unbroken_runs(timeline: Timeline, after: After | None, container: str, pod: str = "") -> tuple[Run, ...]:
    """Return the runs in a stretch in which no witness had a hole, so that one follows right after the other.

    Raises:
        MissingError: a run could have been missed, or a moment told by one witness too few.
    """
    stretch = stretch_of(timeline, after)
    runs = runs_in(timeline, stretch, container, pod)
    gap = gap_in(timeline, stretch, *observers(timeline, container, pod))
    if reason := blind(timeline, stretch, container, pod) or gap:
        raise MissingError(reason)
    return runs


def end_and_start(one: Run, other: Run) -> tuple[Instant, Instant]:
    """Return when a run ended and when the next one started.

    Raises:
        MissingError: nobody saw one of the two.
    """
    if one.exit is None or other.start is None:
        raise MissingError(f"the end of {one.label} or the start of {other.label} was not seen")
    return one.exit, other.start
