"""Facts about what the fixture containers said: lines of the trace, often `key=value`."""

from __future__ import annotations

import re

from podvow.expect.base import After, Fact, Found, MissingError, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    COARSE_NS,
    Stretch,
    at,
    began_in,
    field_of,
    gap_in,
    runs_in,
    snapshots_in,
    stretch_of,
    unseen,
)
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Kind


def _lines(
    timeline: Timeline, stretch: Stretch, container: str, pod: str, run: int | None = None
) -> tuple[Record, ...]:
    """Return what a container said in a stretch, in all runs or in one (by its number in the trace, -1: last)."""
    name = pod or timeline.meta.pod
    said_all = timeline.of(Kind.SAID, pod=name, container=container)
    lines = tuple(r for r in said_all if _said_in(timeline, r, stretch, name))
    if run is None:
        return lines
    starts = [r for r in timeline.of(Kind.STARTED, pod=name, container=container) if r.t_ns <= stretch.end_ns]
    numbers = [int(r.data["n"]) for r in (*starts, *lines)]
    wanted = max(numbers, default=0) if run == -1 else run
    return tuple(r for r in lines if int(r.data["n"]) == wanted)


def _said_in(timeline: Timeline, line: Record, stretch: Stretch, pod: str) -> bool:
    """Tell whether a line belongs to a stretch; one whose coarse time lies on both sides goes with its run."""
    if line.t_ns >= stretch.begin_ns or line.precision_ns < COARSE_NS:
        return line.t_ns in stretch
    if line.t_ns + line.precision_ns <= stretch.begin_ns:
        return False
    for run in timeline.runs(line.container, pod):
        first = run.first_line
        if first and (first.uid, first.data["n"]) == (line.uid, line.data["n"]):
            return began_in(timeline, run, stretch)
    return False


def _deaf(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> str:
    """Say why a line could have been missed, empty when none could."""
    if not timeline.has(Source.TRACE):
        return "no trace source"
    if not timeline.is_traced(container, pod):
        return f"{container} writes no trace"
    # killed before its first line, or its log had not been read yet when the scenario ended
    silent = [r.label for r in runs_in(timeline, stretch, container, pod) if r.first_line is None]
    return gap_in(timeline, stretch, Source.TRACE) or (f"the trace does not tell of {silent[0]}" if silent else "")


def said(
    container: str, pattern: str, *, after: After | None = None, run: int | None = None, pod: str = ""
) -> Fact:
    """The container wrote a line that the regular expression matches as a whole (in its n-th run, -1: the last)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        lines = _lines(timeline, stretch, container, pod, run)
        if run == -1 and (gap := gap_in(timeline, stretch, Source.TRACE)):
            return inconclusive(gap)
        for record in lines:
            if re.fullmatch(pattern, str(record.data["text"])):
                return holds(f"{record.data['text']!r} at {at(timeline, record.t_ns)}", record.t_ns)
        if reason := _deaf(timeline, stretch, container, pod):
            return inconclusive(reason)
        told = dict.fromkeys(repr(str(r.data["text"])) for r in lines)
        return violated(f"said {', '.join(told) or 'nothing'}", *(r.t_ns for r in lines[-1:]))

    which = {None: "", -1: " in its last run"}.get(run, f" in run {run}")
    return Fact(f"{container} said {pattern!r}{which}{words(after)}", "said", find)


def never_said(container: str, pattern: str, *, after: After | None = None, pod: str = "") -> Fact:
    """The container wrote no line that the regular expression matches as a whole."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for record in _lines(timeline, stretch, container, pod):
            if re.fullmatch(pattern, str(record.data["text"])):
                return violated(f"{record.data['text']!r} at {at(timeline, record.t_ns)}", record.t_ns)
        reason = _deaf(timeline, stretch, container, pod) or unseen(timeline, stretch, Source.TRACE)
        return inconclusive(reason) if reason else holds()

    return Fact(f"{container} never said {pattern!r}{words(after)}", "never_said", find)


def _values(timeline: Timeline, stretch: Stretch, container: str, key: str, pod: str) -> dict[str, Record]:
    """Return the values that a container gave for a key, with the first line of each."""
    found: dict[str, Record] = {}
    for record in _lines(timeline, stretch, container, pod):
        name, sign, value = str(record.data["text"]).partition("=")
        if sign and name.strip() == key:
            found.setdefault(value.strip(), record)
    if not found:
        reason = _deaf(timeline, stretch, container, pod)
        raise MissingError(f"{container} said no {key}=…{f', but {reason}' if reason else ''}")
    return found


def same_value(
    container_a: str,
    key_a: str,
    container_b: str,
    key_b: str = "",
    *,
    after: After | None = None,
    pod: str = "",
) -> Fact:
    """Two containers gave one and the same value for a key (`key=value` lines)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        one = _values(timeline, stretch, container_a, key_a, pod)
        other = _values(timeline, stretch, container_b, key_b or key_a, pod)
        if one.keys() == other.keys() and len(one) == 1:
            return holds(next(iter(one)))
        moments = [r.t_ns for r in (*one.values(), *other.values())]
        return violated(f"{container_a}: {', '.join(one)}; {container_b}: {', '.join(other)}", *moments)

    keys = key_a if key_b in {"", key_a} else f"{key_a} and {key_b}"
    return Fact(f"{container_a} and {container_b} said the same {keys}{words(after)}", "same_value", find)


def said_value_matches_status(
    container: str, key: str, field: str = "podIP", *, after: After | None = None, pod: str = ""
) -> Fact:
    """Every value that the container gave for a key is one that the status shows in a field (`podIP`, `hostIP`, …).

    Source: "the kubelet delays running init containers until the networking and storage are ready"
    (init-containers#detailed-behavior).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        values = _values(timeline, stretch, container, key, pod)
        path = field if "/" in field else f"status/{field}"
        snapshots = snapshots_in(timeline, stretch, pod)
        for value, record in values.items():
            # from then on: what an earlier sandbox had may be shown for a while after its end
            shown = {each for s in snapshots if s.t_ns >= record.t_ns and (each := field_of(s, path))}
            if not shown:
                return inconclusive(f"the status showed no {field} after {container} had said it")
            if value not in shown:
                return violated(f"said {value}, the status shows {', '.join(sorted(shown))}", record.t_ns)
        return holds(", ".join(values))

    return Fact(
        f"{container} said the {field} of the status as {key}{words(after)}", "said_value_matches_status", find
    )
