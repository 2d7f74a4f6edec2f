"""Facts about how sidecars (init containers with restartPolicy Always) come up.

Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#sidecar-containers-and-pod-lifecycle.
"""

from __future__ import annotations

import re
from itertools import pairwise

from podvow.expect.base import After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    COARSE_NS,
    Stretch,
    at,
    begin_of,
    blind,
    gap_in,
    runs_in,
    second_ns,
    snapshots_in,
    stretch_of,
    unseen,
)
from podvow.expect.order import judge_order
from podvow.timeline import Record, Run, Source, Timeline
from podvow.timeline.record import Instant, Kind


def _first_run(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> Run | Found:
    runs = runs_in(timeline, stretch, container, pod)
    if runs:
        return runs[0]
    reason = blind(timeline, stretch, container, pod)
    return (
        inconclusive(f"{container} not seen to run, but {reason}") if reason else violated(f"{container} never ran")
    )


def _created(timeline: Timeline, run: Run) -> Instant | None:
    """Return when a run's container was made, which the kubelet does after the start of the one before it."""
    made = [r for r in timeline.of(Kind.CONTAINER_CREATED) if r.data.get("id") == run.container_id]
    return made[0].instant if made and run.container_id else run.start


def _came_up_before(timeline: Timeline, one: Run, other: Run) -> bool | None:
    """Tell whether a container had been started when the next one was made; the runtime knows it best."""
    started = [r for r in timeline.of(Kind.CONTAINER_STARTED) if r.data.get("id") == one.container_id]
    made = _created(timeline, other)
    if started and one.container_id and made is not None:
        answer = started[0].instant.before(made)
        if answer is not None:
            return answer
    if one.first_line and other.first_line:
        return one.first_line.instant.before(other.first_line.instant)
    return one.start.before(other.start) if one.start and other.start else None


def initialised_in_order(*containers: str, after: After | None = None, pod: str = "") -> Fact:
    """Each container came up only when the one before it let it: a sidecar had started, an init had succeeded.

    Give the containers in spec order, an app as the last one.
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        told: list[str] = []
        for one, other in pairwise(containers):
            first = _first_run(timeline, stretch, one, pod)
            second = _first_run(timeline, stretch, other, pod)
            for found in (first, second):
                if isinstance(found, Found):
                    return found
            assert isinstance(first, Run)  # noqa: S101 (the loop has returned otherwise)
            assert isinstance(second, Run)  # noqa: S101
            told.append(f"{first.label} {at(timeline, begin_of(first))}")
            if one not in timeline.sidecars(pod):
                judged = judge_order(timeline, stretch, (one, other), pod)
                if judged.outcome != "holds":
                    return judged
                continue
            answer = _came_up_before(timeline, first, second)
            if answer is None:
                return inconclusive(f"cannot tell whether {first.label} had started before {second.label}")
            if not answer:
                when = begin_of(second)
                return violated(
                    f"{second.label} came up at {at(timeline, when)}, before {first.label} had started", when
                )
        return holds(", ".join(told))

    return Fact(f"{', '.join(containers)} came up in this order{words(after)}", "initialised_in_order", find)


def _line(timeline: Timeline, stretch: Stretch, container: str, pattern: str, pod: str) -> Record | None:
    lines = timeline.of(Kind.SAID, pod=pod or timeline.meta.pod, container=container)
    inside = [r for r in lines if r.t_ns <= stretch.end_ns and r.t_ns + r.precision_ns > stretch.begin_ns]
    found = [r for r in inside if re.fullmatch(pattern, str(r.data["text"]))]
    return found[0] if found else None


def started_only_after_said(
    container: str, other: str, pattern: str, *, after: After | None = None, pod: str = ""
) -> Fact:
    """The container's first run began after another container had written a line that the expression matches."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        first = _first_run(timeline, stretch, container, pod)
        if isinstance(first, Found):
            return first
        begin = first.first_line.instant if first.first_line else first.start
        line = _line(timeline, stretch, other, pattern, pod)
        told = f"{first.label} started at {at(timeline, begin_of(first))}"
        if line is None:
            gap = gap_in(timeline, stretch, Source.TRACE) if timeline.has(Source.TRACE) else "no trace source"
            return (
                inconclusive(gap) if gap else violated(f"{told}, {other} never said {pattern!r}", begin_of(first))
            )
        answer = line.instant.before(begin) if begin else None
        if answer is None:
            return inconclusive(f"cannot tell whether {other} had said it when {first.label} started")
        told = f"{told}, {other} said it at {at(timeline, line.t_ns)}"
        return holds(told) if answer else violated(told, begin_of(first), line.t_ns)

    text = f"{container} started only after {other} had said {pattern!r}{words(after)}"
    return Fact(text, "started_only_after_said", find)


def shown_running(container: str, *, after: After | None = None, pod: str = "", **fields: bool | int | str) -> Fact:
    """A snapshot shows the container running with these fields of its status (`started`, `ready`, `restartCount`).

    Use it for what lasts for seconds: the status is sampled.
    """
    wanted = ", ".join(f"{name} {value}" for name, value in fields.items())

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = [s for s in snapshots_in(timeline, stretch, pod) if s.state(container)[0] == "running"]
        seen: dict[str, None] = {}
        for shot in shots:
            raw = shot.containers[container]
            if all(raw.get(name) == value for name, value in fields.items()):
                return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
            seen[", ".join(f"{name} {raw.get(name)}" for name in fields)] = None
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        return violated(f"shown running with {' / '.join(seen)}" if seen else "never shown running")

    return Fact(f"{container} shown running with {wanted}{words(after)}", "shown_running", find)


def condition_never(kind: str, status: str, *, after: After | None = None, pod: str = "") -> Fact:
    """No snapshot shows the Pod's condition with this status; one that is not set yet is fine."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for shot in snapshots_in(timeline, stretch, pod):
            if shot.condition(kind).get("status") == status:
                return violated(f"{kind}={status} at {at(timeline, shot.t_ns)}", shot.t_ns)
        reason = unseen(timeline, stretch, Source.STATUS)
        return inconclusive(reason) if reason else holds()

    return Fact(f"condition {kind} never {status}{words(after)}", "condition_never", find)


def condition_only_after_said(
    kind: str, container: str, pattern: str, *, after: After | None = None, pod: str = ""
) -> Fact:
    """The Pod's condition first became True after the container had written a line that the expression matches.

    Judged by the condition's own stamp, which is the node's clock like the trace, and counts whole seconds.
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = [s for s in snapshots_in(timeline, stretch, pod) if s.has_condition(kind)]
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not shown:
            return violated(f"{kind} never became True")
        stamp = str(shown[0].condition(kind).get("lastTransitionTime", ""))
        since_ns = second_ns(stamp)
        line = _line(timeline, stretch, container, pattern, pod)
        told = f"{kind} True since {stamp or 'nobody knows when'}"
        if line is None:
            gap = gap_in(timeline, stretch, Source.TRACE) if timeline.has(Source.TRACE) else "no trace source"
            return (
                inconclusive(gap) if gap else violated(f"{told}, {container} never said {pattern!r}", shown[0].t_ns)
            )
        if not since_ns:
            return inconclusive(told)
        told = f"{told}, {container} said it at {at(timeline, line.t_ns)}"
        return violated(told, shown[0].t_ns) if since_ns + COARSE_NS <= line.t_ns else holds(told)

    text = f"condition {kind} True only after {container} had said {pattern!r}{words(after)}"
    return Fact(text, "condition_only_after_said", find)
