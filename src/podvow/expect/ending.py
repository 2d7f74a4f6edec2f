"""Facts about how containers and Pods end: signals, the grace period, how soon an object is gone.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination.
"""

from __future__ import annotations

from podvow.expect.base import FAULT, After, Fact, Found, MissingError, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    Stretch,
    at,
    began_in,
    ended_in,
    gap_in,
    need_status,
    observers,
    stretch_of,
    unseen,
)
from podvow.expect.windows import too_late, window_s
from podvow.timeline import Run, Source, Timeline
from podvow.timeline.record import Kind, Record

_MARGIN_S = 0.5
"""The node's clock and the runner's may differ a little, and the request takes its time."""


def _alive_at(timeline: Timeline, after: After, container: str, pod: str) -> Run:
    """Return the run that the fault found alive.

    Raises:
        MissingError: none was seen to be.
    """
    stretch = stretch_of(timeline, after)
    before = [r for r in timeline.runs(container, pod) if r.start and not began_in(timeline, r, stretch)]
    if not before or (before[-1].exit and not ended_in(timeline, before[-1], stretch)):
        raise MissingError(f"no run of {container} was alive when the fault came")
    return before[-1]


def ended_after(
    container: str, *, at_least_s: float, window: str = "terminal", after: After = FAULT, pod: str = ""
) -> Fact:
    """The run that the fault found alive ended no sooner than some seconds after it, and within a window from then.

    Source: the grace period is waited for, and what lives on then is killed (pod-lifecycle#pod-termination-forced).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        run = _alive_at(timeline, after, container, pod)
        most = at_least_s + window_s(timeline, window)
        if run.exit is None:
            if gap := gap_in(timeline, stretch, *observers(timeline, container, pod)):
                return inconclusive(gap)
            waited = (stretch.end_ns - stretch.begin_ns) / 1e9
            told = f"{run.label} still alive after {waited:.1f}s, allowed {most:g}s"
            if waited <= most:
                return inconclusive(told)
            return too_late(timeline, told, took_s=waited, allowed_s=most, at_ns=stretch.end_ns)
        shortest = (run.exit.t_ns - stretch.begin_ns) / 1e9
        longest = shortest + run.exit.precision_ns / 1e9
        told = f"{run.label} ended after {shortest:.1f}s, at least {at_least_s:g}s and at most {most:g}s"
        if longest < at_least_s - _MARGIN_S:
            return violated(told, run.exit.t_ns)
        if shortest > most:
            return too_late(timeline, told, took_s=shortest, allowed_s=most, at_ns=run.exit.t_ns)
        return holds(told)

    least = f" no sooner than {at_least_s:g}s" if at_least_s else ""
    return Fact(f"{container} ended{least} and in time{words(after)}", "ended_after", find)


def was_signalled(container: str, signal: str = "TERM", *, after: After | None = FAULT, pod: str = "") -> Fact:
    """The container's own trace tells of a signal.

    Source: the runtime sends a TERM signal to the main process of each container (pod-lifecycle#pod-termination).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        signals = _signals(timeline, container, pod, signal)
        told = [r for r in signals if r.t_ns in stretch]
        if told:
            return holds(f"at {at(timeline, told[0].t_ns)}", told[0].t_ns)
        if blurred := [r for r in signals if _may_be_in(stretch, r)]:
            return inconclusive(f"{signal} at {at(timeline, blurred[0].t_ns)}, too imprecise to say whether before")
        if not timeline.has(Source.TRACE) or not timeline.is_traced(container, pod):
            return inconclusive(f"no trace of {container}")
        gap = gap_in(timeline, stretch, Source.TRACE)
        return inconclusive(gap) if gap else violated("the trace tells of no such signal")

    return Fact(f"{container} got the signal {signal}{words(after)}", "was_signalled", find)


def never_signalled(*containers: str, signal: str = "TERM", after: After | None = FAULT, pod: str = "") -> Fact:
    """No container's trace tells of a signal: it was left alone."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for container in containers:
            for record in _signals(timeline, container, pod, signal):
                told = f"{container} got {signal} at {at(timeline, record.t_ns)}"
                if record.t_ns in stretch:
                    return violated(told, record.t_ns)
                if _may_be_in(stretch, record):
                    return inconclusive(f"{told}, too imprecise to say whether before")
            if not timeline.is_traced(container, pod):
                return inconclusive(f"{container} writes no trace")
        reason = unseen(timeline, stretch, Source.TRACE)
        return inconclusive(reason) if reason else holds()

    return Fact(f"{', '.join(containers)} got no signal {signal}{words(after)}", "never_signalled", find)


def _signals(timeline: Timeline, container: str, pod: str, signal: str) -> list[Record]:
    records = timeline.of(Kind.SIGNALLED, pod=pod or timeline.meta.pod, container=container)
    return [r for r in records if r.data["signal"] == signal]


def _may_be_in(stretch: Stretch, record: Record) -> bool:
    """Whether a record before a stretch may belong to it: a trace from logs is no more precise than a second."""
    return record.t_ns < stretch.begin_ns <= record.t_ns + record.precision_ns


def pod_gone_within(window: str | float, *, grace_s: float = 0.0, after: After = FAULT, pod: str = "") -> Fact:
    """The Pod object was gone in time (and the grace period), counted from the fault.

    Args:
        window: of the profile, or seconds where a scenario says what must not be waited for.
        grace_s: of the Pod, in seconds.
        after: since when.
        pod: which one, if not the main one.

    Source: once all containers have ended the kubelet lets the API server delete the object
    (pod-lifecycle#pod-termination).
    """

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        stretch = stretch_of(timeline, after)
        allowed = grace_s + (window_s(timeline, window) if isinstance(window, str) else window)
        gone = [r.t_ns for r in timeline.of(Kind.DELETED, pod=pod or timeline.meta.pod) if r.t_ns in stretch]
        took = ((gone[0] if gone else stretch.end_ns) - stretch.begin_ns) / 1e9
        if gone and took <= allowed:
            return holds(f"after {took:.1f}s, allowed {allowed:g}s", gone[0])
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if took <= allowed:
            return inconclusive(f"still there after {took:.1f}s, allowed {allowed:g}s")
        told = f"{'gone' if gone else 'still there'} after {took:.1f}s, allowed {allowed:g}s"
        return too_late(timeline, told, took_s=took, allowed_s=allowed, at_ns=gone[0] if gone else None)

    limit = f"the window {window}" if isinstance(window, str) else f"{window:g}s"
    return Fact(f"Pod gone within {limit}{words(after)}", "pod_gone_within", find)
