"""Facts about how long things took, against the windows of the cluster's profile (`Meta.windows`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import at, begin_of, blind, gap_in, runs_in, snapshots_in, stretch_of
from podvow.expect.spacing import MARGIN_S, end_and_start, unbroken_runs
from podvow.expect.windows import too_late, window_s
from podvow.timeline import Run, Source, Timeline

_JITTER = 1.5
_LATE_S, _LATE_QUANTISED_S = 2.0, 17.0


def _late_s(timeline: Timeline) -> float:
    if "backoff_late" in timeline.meta.windows:
        return float(timeline.meta.windows["backoff_late"])
    return _LATE_S if timeline.meta.kubelet_since("1.35") else _LATE_QUANTISED_S


def _limits(timeline: Timeline, nominal_s: float) -> tuple[float, float]:
    windows = timeline.meta.windows
    if nominal_s <= 0:
        return 0.0, float(windows.get("restart", _late_s(timeline)))
    longest = nominal_s * float(windows.get("backoff_jitter", _JITTER)) + _late_s(timeline)
    return nominal_s - MARGIN_S, longest


def _gap_s(one: Run, other: Run) -> tuple[float, float]:
    """Return the shortest and longest time that can lie between the end of a run and the start of the next."""
    if one.last_line and other.first_line:
        exact_s = other.first_line.data["uptime_s"] - one.last_line.data["uptime_s"]
        return exact_s, exact_s + other.first_line.precision_ns / 1e9
    end, start = end_and_start(one, other)
    shortest = start.t_ns - end.t_ns - end.precision_ns
    longest = start.t_ns + start.precision_ns - end.t_ns
    return shortest / 1e9, longest / 1e9


def gaps_followed_curve(
    container: str, *, nominal: Sequence[float], after: After | None = None, pod: str = ""
) -> Fact:
    """The gaps from each end to the next start were as long as the back-off says: 10 s, doubled, capped.

    Source: "exponential back-off delay (10s, 20s, 40s, …), that is capped at 300 seconds"
    (pod-lifecycle#restart-policy). The first restart is immediate (nominal 0). The kubelet may lengthen a delay by
    half; up to 1.34 it also waits for its next sync.
    """

    def find(timeline: Timeline) -> Found:
        runs = unbroken_runs(timeline, after, container, pod)
        told: list[str] = []
        for (one, other), wanted in zip(pairwise(runs), nominal, strict=False):
            shortest, longest = _gap_s(one, other)
            least, most = _limits(timeline, wanted)
            told.append(f"{shortest:.1f}s")
            if longest < least:
                return violated(f"gap before {other.label} {longest:.2f}s, at least {wanted:g}s", begin_of(other))
            if shortest > most:
                late = f"gap before {other.label} {shortest:.2f}s, at most {most:.1f}s"
                return too_late(timeline, late, took_s=shortest, allowed_s=most, at_ns=begin_of(other))
        if len(told) < len(nominal):
            return _too_few(timeline, runs, len(told), nominal)
        return holds(" ".join(told))

    curve = " ".join(f"{seconds:g}s" for seconds in nominal)
    return Fact(f"gaps between runs of {container} followed {curve}{words(after)}", "gaps_followed_curve", find)


def _too_few(timeline: Timeline, runs: Sequence[Run], seen: int, nominal: Sequence[float]) -> Found:
    last = runs[-1] if runs else None
    if last and last.exit:
        waited = (timeline.end_ns - last.exit.t_ns) / 1e9
        _, most = _limits(timeline, nominal[seen])
        if waited > most:
            late = f"no run {waited:.1f}s after the end of {last.label}, at most {most:.1f}s"
            return too_late(timeline, late, took_s=waited, allowed_s=most, at_ns=begin_of(last))
    return inconclusive(f"{seen} gaps seen, {len(nominal)} needed")


def _since_ns(timeline: Timeline, after: After | None) -> int:
    """Return when the clock of an effect starts: when the fault was proven to be done."""
    mark = after.mark(timeline) if after else None
    if mark is None:
        return timeline.start_ns
    return mark.done.t_ns if mark.done else mark.begin.t_ns


def _came(timeline: Timeline, told: str, *, took_s: float, allowed_s: float, at_ns: int) -> Found:
    """Return the outcome of an effect that was seen."""
    if took_s <= allowed_s:
        return holds(told)
    return too_late(timeline, told, took_s=took_s, allowed_s=allowed_s, at_ns=at_ns)


def _never_came(timeline: Timeline, what: str, *, waited_s: float, allowed_s: float) -> Found:
    """Return the outcome of an effect that was not seen, while it would have been."""
    if waited_s <= allowed_s:
        return inconclusive(f"observed for {waited_s:.1f}s only, allowed are {allowed_s:g}s")
    late = f"not {what} within {waited_s:.1f}s, allowed {allowed_s:g}s"
    return too_late(timeline, late, took_s=waited_s, allowed_s=allowed_s)


def restarted_within(container: str, window: str, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The container started (again) within a window of the profile, counted from the fault."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        allowed = window_s(timeline, window)
        since = _since_ns(timeline, after)
        runs = runs_in(timeline, stretch, container, pod)
        if runs and runs[0].start:
            took = (runs[0].start.t_ns - since) / 1e9
            told = f"{max(took, 0):.2f}s, allowed {allowed:g}s"
            return _came(timeline, told, took_s=took, allowed_s=allowed, at_ns=runs[0].start.t_ns)
        if reason := blind(timeline, stretch, container, pod):
            return inconclusive(reason)
        waited = (min(stretch.end_ns, timeline.end_ns) - since) / 1e9
        return _never_came(timeline, "started", waited_s=waited, allowed_s=allowed)

    return Fact(f"{container} started within the window {window}{words(after)}", "restarted_within", find)


def phase_reached_within(phase: str, window: str, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The Pod showed the phase within a window of the profile, counted from the fault."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        allowed = window_s(timeline, window)
        since = _since_ns(timeline, after)
        for shot in snapshots_in(timeline, stretch, pod):
            if shot.phase == phase:
                took = (shot.t_ns - since) / 1e9
                told = f"{max(took, 0):.2f}s at {at(timeline, shot.t_ns)}, allowed {allowed:g}s"
                return _came(timeline, told, took_s=took, allowed_s=allowed, at_ns=shot.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        waited = (stretch.end_ns - since) / 1e9
        return _never_came(timeline, "reached", waited_s=waited, allowed_s=allowed)

    return Fact(f"phase {phase} within the window {window}{words(after)}", "phase_reached_within", find)
