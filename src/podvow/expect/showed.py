"""Facts about any field that the status source shows of a Pod: messages, generations, times of conditions.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/. The status is sampled: use
these facts for fields that last for seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from podvow.expect.base import FAULT, After, Fact, Found, MissingError, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    TERMINAL,
    Stretch,
    at,
    gap_in,
    need_status,
    second_ns,
    snapshot_before,
    snapshots_in,
    stretch_of,
)
from podvow.timeline import Snapshot, Source, Timeline
from podvow.timeline.lookup import lookup


def _some_shot(timeline: Timeline, after: After | None, pod: str, path: str, test: Callable[[Any], bool]) -> Found:
    stretch = stretch_of(timeline, after)
    shots = snapshots_in(timeline, stretch, pod)
    seen: dict[str, None] = {}
    for shot in shots:
        value = lookup(shot.object, path)
        if test(value):
            return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
        seen[repr(value)[:120]] = None
    if gap := gap_in(timeline, stretch, Source.STATUS):
        return inconclusive(gap)
    if not shots:
        return inconclusive(f"no status of the Pod{words(after)}")
    return violated(f"seen: {', '.join(seen)}", shots[-1].t_ns)


def pod_showed(path: str, value: Any, *, after: After | None = None, pod: str = "") -> Fact:
    """A snapshot shows a value in a field of the Pod, e.g. `("metadata/generation", 2)`."""
    return Fact(
        f"{path} was {value!r}{words(after)}",
        "pod_showed",
        lambda timeline: _some_shot(timeline, after, pod, path, lambda found: bool(found == value)),
    )


def pod_showed_text(path: str, text: str, *, after: After | None = None, pod: str = "") -> Fact:
    """A snapshot shows a text that contains another one in a field of the Pod."""
    return Fact(
        f"{path} contained {text!r}{words(after)}",
        "pod_showed_text",
        lambda timeline: _some_shot(
            timeline, after, pod, path, lambda found: isinstance(found, str) and text in found
        ),
    )


def pod_showed_last(path: str, value: Any, *, after: After | None = None, pod: str = "") -> Fact:
    """The last snapshot of the stretch shows this value in a field of the Pod (None: the field is not set)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = snapshots_in(timeline, stretch, pod)
        if not shots:
            return inconclusive(f"no status of the Pod{words(after)}")
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        found = lookup(shots[-1].object, path)
        when = at(timeline, shots[-1].t_ns)
        return holds(f"at {when}") if found == value else violated(f"{found!r} at {when}", shots[-1].t_ns)

    return Fact(f"{path} was {value!r} in the end{words(after)}", "pod_showed_last", find)


def ended_with_the_same(*containers: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """The final status of a Pod that has ended names the container ids that it had before the fault.

    For ended Pods: their volumes go, and the trace with them. A status may be late, but not a final one.
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        old = snapshot_before(timeline, stretch, pod)
        shots = snapshots_in(timeline, stretch, pod)
        for shot in shots:
            for name in containers:
                cid = shot.container_id(name)
                if cid and cid != old.container_id(name):
                    when = at(timeline, shot.t_ns)
                    return violated(f"{name} had another container at {when}", shot.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not shots or shots[-1].phase not in TERMINAL:
            return inconclusive(f"the Pod was not seen to end{words(after)}")
        if nameless := [name for name in containers if not shots[-1].container_id(name)]:
            return inconclusive(f"the final status names no container of {', '.join(nameless)}")
        return holds(f"{shots[-1].phase} at {at(timeline, shots[-1].t_ns)}")

    return Fact(f"{', '.join(containers)} ended as the same containers{words(after)}", "ended_with_the_same", find)


def _first_true(timeline: Timeline, kind: str, pod: str) -> Snapshot | None:
    return next((shot for shot in timeline.snapshots(pod) if shot.has_condition(kind)), None)


def _gap_before(timeline: Timeline, shot: Snapshot) -> str:
    """Say why a snapshot may not be the first of its kind; empty when it is."""
    return gap_in(timeline, Stretch(0, shot.t_ns, None), Source.STATUS)


def _since_ns(timeline: Timeline, kind: str, pod: str) -> int:
    """Return the second in which a condition became True for the first time.

    Raises:
        MissingError: it was never shown True, or that may have been later than the first time.
    """
    need_status(timeline)
    shot = _first_true(timeline, kind, pod)
    if shot is None:
        raise MissingError(f"{kind} was never shown True")
    if gap := _gap_before(timeline, shot):
        raise MissingError(gap)
    return second_ns(shot.condition(kind)["lastTransitionTime"])


def conditions_came_in_order(*kinds: str, pod: str = "") -> Fact:
    """The conditions became True one after the other, by their transition times; within a second any order will do.

    No status shows one of them True before it or another one showed the condition before it.

    Source: the list of conditions of a Pod (pod-lifecycle#pod-conditions).
    """

    def find(timeline: Timeline) -> Found:
        for one, other in pairwise(kinds):
            earlier, shot = (_first_true(timeline, kind, pod) for kind in (one, other))
            if shot and (earlier is None or shot.t_ns < earlier.t_ns):
                if gap := _gap_before(timeline, shot):
                    return inconclusive(gap)
                return violated(f"{other} was True at {at(timeline, shot.t_ns)}, {one} not yet", shot.t_ns)
        stamps = [(kind, _since_ns(timeline, kind, pod)) for kind in kinds]
        for (one, first), (other, second) in pairwise(stamps):
            if second < first:
                return violated(f"{other} became True {(first - second) / 1e9:g}s before {one}", second, first)
        return holds(", ".join(f"{kind} {at(timeline, since)}" for kind, since in stamps))

    return Fact(f"conditions came in the order {', '.join(kinds)}", "conditions_came_in_order", find)


def condition_true_before(kind: str, container: str, *, pod: str = "") -> Fact:
    """The condition's transition to True carries no later second than the start of the container's first run.

    Source: PodReadyToStartContainers is set when sandbox and network are ready (pod-lifecycle#pod-has-network).
    """

    def find(timeline: Timeline) -> Found:
        since = _since_ns(timeline, kind, pod)
        first = next((r for r in timeline.runs(container, pod) if r.start), None)
        if first is None or first.start is None:
            return inconclusive(f"{container} was not seen to start")
        told = f"{kind} {at(timeline, since)}, {first.label} {at(timeline, first.start.t_ns)}"
        late = since >= first.start.t_ns + max(first.start.precision_ns, 1)
        return violated(told, since, first.start.t_ns) if late else holds(told)

    return Fact(f"{kind} was True before {container} started", "condition_true_before", find)
