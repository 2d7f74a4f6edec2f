"""Facts about how containers are told to stop, and in which order.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#termination-with-sidecars. That a
container was told (TERM) is known from its own trace only; that it ended, from trace and runtime.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from podvow.expect.base import (
    FAULT,
    WITNESSES,
    After,
    Fact,
    Found,
    MissingError,
    holds,
    inconclusive,
    violated,
    words,
)
from podvow.expect.evidence import Stretch, at, begin_of, blind, ended_in, gap_in, second_ns, stretch_of
from podvow.expect.windows import too_late, window_s
from podvow.timeline import Record, Run, Source, Timeline
from podvow.timeline.record import Instant, Kind


def _within(record: Record, stretch: Stretch) -> bool:
    """Tell whether a line of the trace may belong to a stretch, for all that its stamp says."""
    return record.t_ns <= stretch.end_ns and record.t_ns + record.precision_ns > stretch.begin_ns


def _signals(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> tuple[Record, ...]:
    """Return the TERM signals that a container got in a stretch.

    Raises:
        MissingError: nobody would have seen them.
    """
    if not timeline.has(Source.TRACE) or not timeline.is_traced(container, pod):
        raise MissingError(f"no trace tells what {container} was told")
    found = timeline.of(Kind.SIGNALLED, pod=pod or timeline.meta.pod, container=container)
    return tuple(r for r in found if _within(r, stretch))


def _signal(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> Record | Found:
    """Return the first TERM in a stretch, or the finding that there was none."""
    found = _signals(timeline, stretch, container, pod)
    if found:
        return found[0]
    gap = gap_in(timeline, stretch, Source.TRACE)
    return inconclusive(gap) if gap else violated(f"{container} never got TERM")


def _last(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> Run:
    """Return the last run that had begun by the end of a stretch.

    Raises:
        MissingError: there is none.
    """
    runs = [r for r in timeline.runs(container, pod) if begin_of(r) <= stretch.end_ns]
    if not runs:
        reason = blind(timeline, Stretch(0, stretch.end_ns, None), container, pod)
        raise MissingError(f"{container} was not seen to run{f' ({reason})' if reason else ''}")
    return runs[-1]


def _end(run: Run) -> Instant | None:
    return run.last_line.instant if run.last_line else run.exit


def _over_when_told(timeline: Timeline, run: Run, signal: Record) -> bool | None:
    """Tell whether a run had ended when a signal came to another container; None when the evidence cannot tell."""
    end = _end(run)
    if end is not None:
        answer = end.before(signal.instant)
        if answer is None and run.exit is not None:
            answer = run.exit.before(signal.instant)
        return answer
    looking = Source.RUNTIME in run.sources and not timeline.gaps_of(
        Source.RUNTIME, after_ns=begin_of(run), until_ns=signal.t_ns
    )
    return False if looking else None


def _expired_ns(timeline: Timeline, pod: str) -> int:
    """Return when the grace period of a deleted Pod is over, 0 when it is not deleted; the second begins there."""
    told = (shot.object["metadata"].get("deletionTimestamp") for shot in reversed(timeline.snapshots(pod)))
    return second_ns(next(filter(None, told), None))


def stopped_in_order(*groups: str | Sequence[str], after: After | None = FAULT, pod: str = "") -> Fact:
    """Every container of a group was told to stop, only after all containers of the earlier groups had ended.

    Nobody waits for another one once the grace period of a deleted Pod is over (#termination-with-sidecars): who is
    told then tells nothing of the order.
    """
    named = [(group,) if isinstance(group, str) else tuple(group) for group in groups]

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        told: list[str] = []
        earlier: list[Run] = []
        doubt = ""
        expired_ns = _expired_ns(timeline, pod)
        for position, group in enumerate(named):
            for container in group if position else ():
                signal = _signal(timeline, stretch, container, pod)
                if isinstance(signal, Found):
                    return signal
                told.append(f"{container} {at(timeline, signal.t_ns)}")
                for run in earlier:
                    over = _over_when_told(timeline, run, signal)
                    if over is False and 0 < expired_ns <= signal.t_ns:
                        doubt = doubt or f"{container} was told when the grace period was over"
                    elif over is False:
                        when = at(timeline, signal.t_ns)
                        return violated(
                            f"{container} got TERM at {when}, before {run.label} had ended", signal.t_ns
                        )
                    if over is None:
                        doubt = doubt or f"cannot tell whether {run.label} had ended when {container} got TERM"
            earlier += [_last(timeline, stretch, container, pod) for container in group]
        alive = next((run for run in earlier if _end(run) is None), None)
        if alive and not doubt:
            # its end may be known, but not to be the end of this run: so the whole of it must have been seen
            reason = blind(timeline, Stretch(0, stretch.end_ns, None), alive.container, pod)
            return inconclusive(reason) if reason else violated(f"{alive.label} did not end")
        return inconclusive(doubt) if doubt else holds(", ".join(told))

    text = ", then ".join(" and ".join(group) for group in named)
    return Fact(f"{text} stopped in this order{words(after)}", "stopped_in_order", find)


def signalled_while_running(container: str, other: str, *, after: After | None = FAULT, pod: str = "") -> Fact:
    """The container was told to stop before another one had ended: it did not wait for that."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        signal = _signal(timeline, stretch, container, pod)
        if isinstance(signal, Found):
            return signal
        run = _last(timeline, stretch, other, pod)
        over = _over_when_told(timeline, run, signal)
        if over is None:
            return inconclusive(f"cannot tell whether {run.label} had ended when {container} got TERM")
        told = f"{container} got TERM at {at(timeline, signal.t_ns)}"
        return violated(f"{told}, after {run.label} had ended", signal.t_ns) if over else holds(told)

    text = f"{container} got TERM while {other} was running{words(after)}"
    return Fact(text, "signalled_while_running", find)


def signalled_only_after_said(container: str, pattern: str, *, after: After | None = FAULT, pod: str = "") -> Fact:
    """The container wrote a line that the expression matches before it was told to stop (TERM)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        signal = _signal(timeline, stretch, container, pod)
        if isinstance(signal, Found):
            return signal
        lines = timeline.of(Kind.SAID, pod=pod or timeline.meta.pod, container=container)
        before = [r for r in lines if _within(r, stretch) and r.instant.before(signal.instant)]
        told = f"TERM at {at(timeline, signal.t_ns)}"
        if any(re.fullmatch(pattern, str(r.data["text"])) for r in before):
            return holds(told)
        gap = gap_in(timeline, stretch, Source.TRACE)
        return inconclusive(gap) if gap else violated(f"{told}, nothing of the kind said before", signal.t_ns)

    text = f"{container} got TERM only after it had said {pattern!r}{words(after)}"
    return Fact(text, "signalled_only_after_said", find)


def stopped_within(
    seconds: float, *containers: str, after: After | None = FAULT, window: str = "terminal", pod: str = ""
) -> Fact:
    """From the first TERM to the last end of the containers no more time passed (plus a window of the profile)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        allowed_s = seconds + window_s(timeline, window)
        signals = [r for c in containers for r in _signals(timeline, stretch, c, pod)]
        if gap := gap_in(timeline, stretch, *WITNESSES):
            return inconclusive(gap)
        if not signals:
            return violated("none of them got TERM")
        first_ns = min(r.t_ns for r in signals)
        runs = [_last(timeline, stretch, container, pod) for container in containers]
        alive = [run.label for run in runs if run.exit is None or not ended_in(timeline, run, stretch)]
        last_ns = timeline.end_ns if alive else max(run.exit.t_ns for run in runs if run.exit)
        took_s = (last_ns - first_ns) / 1e9
        told = f"{took_s:.1f}s from {at(timeline, first_ns)}, allowed {allowed_s:g}s"
        if took_s > allowed_s:
            late = f"{told}{f', {alive[0]} still running' if alive else ''}"
            return too_late(timeline, late, took_s=took_s, allowed_s=allowed_s, at_ns=last_ns)
        return inconclusive(f"{alive[0]} did not end, {told}") if alive else holds(told)

    text = f"{', '.join(containers)} stopped within {seconds:g} s of the first TERM{words(after)}"
    return Fact(text, "stopped_within", find)
