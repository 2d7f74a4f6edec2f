"""Facts about the time between runs: that a back-off was kept, however slow the machine is, or that there was none.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy.
"""

from __future__ import annotations

from itertools import pairwise

from podvow.expect.base import After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import at, begin_of
from podvow.expect.spacing import MARGIN_S, end_and_start, unbroken_runs
from podvow.expect.windows import too_late
from podvow.timeline import Run, Timeline


def _longest_s(one: Run, other: Run) -> float:
    end, start = end_and_start(one, other)
    return (start.t_ns + start.precision_ns - end.t_ns) / 1e9


def backed_off(container: str, *least_s: float, after: After | None = None, pod: str = "") -> Fact:
    """From each end of the container to its next start so many seconds passed, or more: how many is not judged."""

    def find(timeline: Timeline) -> Found:
        runs = unbroken_runs(timeline, after, container, pod)
        told: list[str] = []
        for (one, other), least in zip(pairwise(runs), least_s, strict=False):
            waited = _longest_s(one, other)
            told.append(f"{waited:.1f}s")
            if waited < least - MARGIN_S:
                when = at(timeline, begin_of(other))
                return violated(f"{other.label} started at {when}, after {waited:.2f}s", begin_of(other))
        if len(told) < len(least_s):
            return violated(
                f"{len(told)} restarts of {container}, not {len(least_s)}", *(begin_of(r) for r in runs)
            )
        return holds(" ".join(told))

    curve = " ".join(f"{seconds:g}s" for seconds in least_s)
    return Fact(f"gaps between runs of {container} at least {curve}{words(after)}", "backed_off", find)


def not_held_back(container: str, *, run: int, at_most_s: float, pod: str = "") -> Fact:
    """From the end of a run's predecessor to its own start passed at most that many seconds.

    Choose many more than a busy machine needs, and fewer than the back-off that is not to be.
    """

    def find(timeline: Timeline) -> Found:
        runs = unbroken_runs(timeline, None, container, pod)
        came = len(runs) >= run
        if came:
            end, start = end_and_start(runs[run - 2], runs[run - 1])
            waited_s = (start.t_ns - end.t_ns - end.precision_ns) / 1e9
        elif len(runs) == run - 1 and (exit_ := runs[-1].exit):
            waited_s = (timeline.end_ns - exit_.t_ns) / 1e9
        else:
            return inconclusive(f"{len(runs)} runs of {container} seen")
        told = f"{waited_s:.1f}s from the end of {runs[run - 2].label}{'' if came else ', and it did not come'}"
        if waited_s <= at_most_s:
            return holds(told) if came else inconclusive(told)
        return too_late(timeline, told, took_s=waited_s, allowed_s=at_most_s, at_ns=begin_of(runs[:run][-1]))

    return Fact(f"{container} was not held back for {at_most_s:g}s before run {run}", "not_held_back", find)
