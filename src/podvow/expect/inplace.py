"""Facts about a restart of all containers in place.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-all-containers.
"""

from __future__ import annotations

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    at,
    began_in,
    begin_of,
    ended_in,
    gap_in,
    observers,
    snapshots_in,
    spec_of,
    stretch_of,
)
from podvow.timeline import Source, Timeline

_DEFAULT_GRACE_S = 30


def ended_before_grace(container: str, *, after: After = FAULT, pod: str = "") -> Fact:
    """The run that the fault found alive ended before the Pod's own grace period was over.

    Use it with a container that does not obey TERM and with a grace period that is much longer than anything else.
    Source: "the configured terminationGracePeriodSeconds is not respected" (#restart-all-containers).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        before = [r for r in timeline.runs(container, pod) if r.start and not began_in(timeline, r, stretch)]
        if not before:
            return inconclusive(f"no run of {container} was seen before the fault")
        run = before[-1]
        if run.exit and not ended_in(timeline, run, stretch):
            return inconclusive(f"{run.label} had ended before the fault")
        spec = spec_of(timeline, pod or timeline.meta.pod, run.uid)
        grace_s = int(spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_S))
        end_ns = run.exit.t_ns if run.exit else stretch.end_ns
        took_s = (end_ns - stretch.begin_ns) / 1e9
        told = f"{run.label} {'ended' if run.exit else 'alive'} after {took_s:.1f}s, the grace period is {grace_s}s"
        if run.exit and took_s < grace_s:
            return holds(told)
        if gap := gap_in(timeline, stretch, *observers(timeline, container, pod)):
            return inconclusive(gap)
        return violated(told, end_ns) if took_s >= grace_s else inconclusive(told)

    return Fact(f"{container} ended before its grace period was over{words(after)}", "ended_before_grace", find)


def phase_while_condition(kind: str, phase: str, *, after: After | None = FAULT, pod: str = "") -> Fact:
    """Every snapshot that shows the condition True has this phase."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = [s for s in snapshots_in(timeline, stretch, pod) if s.has_condition(kind)]
        for shot in shots:
            if shot.phase != phase:
                return violated(f"phase {shot.phase} at {at(timeline, shot.t_ns)}", shot.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        return holds(f"{len(shots)} snapshots") if shots else inconclusive(f"{kind} was never shown True")

    return Fact(f"phase {phase} while {kind} was True{words(after)}", "phase_while_condition", find)


def held_back(container: str, *, run: int, at_least_s: float, pod: str = "") -> Fact:
    """From the end of a run's predecessor to its own start passed at least that many seconds.

    Source: the back-off of restarts doubles from 10 s (pod-lifecycle#restart-policy): 40 s before the fifth run.
    """

    def find(timeline: Timeline) -> Found:
        runs = timeline.runs(container, pod)
        stretch = stretch_of(timeline, None)
        if gap := gap_in(timeline, stretch, *observers(timeline, container, pod)):
            return inconclusive(gap)
        if len(runs) < run - 1 or run < 2 or (end := runs[run - 2].exit) is None:  # noqa: PLR2004 (the first has none)
            return inconclusive(f"the run of {container} before run {run} was not seen to end")
        begin_ns = begin_of(runs[run - 1]) if len(runs) >= run else timeline.end_ns
        passed_s = (begin_ns - end.t_ns) / 1e9
        told = f"{passed_s:.1f}s from the end of {runs[run - 2].label}"
        if passed_s >= at_least_s:
            return holds(told)
        return violated(told, begin_ns) if len(runs) >= run else inconclusive(f"{told} to the end of the evidence")

    return Fact(f"{container} was held back for {at_least_s:g}s before run {run}", "held_back", find)
