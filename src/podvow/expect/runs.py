"""Facts about runs of containers: how often, with which exit, which did not run (again).

Sources: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#pod-restart-reasons and
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy. `restartCount` is no evidence
here: it is no counter of runs.
"""

from __future__ import annotations

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
    worst,
)
from podvow.expect.evidence import (
    Stretch,
    at,
    began_in,
    begin_of,
    blind,
    ended_in,
    gap_in,
    observers,
    proven_runs,
    runs_in,
    snapshot_before,
    snapshots_in,
    stretch_of,
    unseen,
)
from podvow.expect.order import judge_order
from podvow.timeline import Run, Source, Timeline
from podvow.verdict import Outcome


def _often(verb: str, times: int) -> str:
    return f"never {verb}" if times == 0 else f"{verb} {_plural(times)}"


def _plural(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times} times")


def _counted(
    timeline: Timeline, stretch: Stretch, container: str, pod: str, *, least: int, most: int | None
) -> Found:
    runs = runs_in(timeline, stretch, container, pod)
    moments = tuple(begin_of(run) for run in runs)
    when = _often("ran", len(runs)) + (f", first at {at(timeline, moments[0])}" if moments else "")
    if most is not None and len(proven_runs(timeline, stretch, container, pod)) > most:
        return violated(when, *moments[most:])
    reason = blind(timeline, stretch, container, pod)
    if len(runs) < least:
        return inconclusive(f"{when}, but {reason}") if reason else violated(when, *moments)
    if most is not None and (reason or len(runs) > most):
        return inconclusive(f"{when}, but {reason or 'not all of that is certain behind a gap'}")
    return holds(when)


def ran(
    container: str,
    *,
    times: int | None = None,
    at_least: int | None = None,
    after: After | None = None,
    pod: str = "",
) -> Fact:
    """The container was started: exactly `times`, or `at_least` that often (default: once)."""

    def find(timeline: Timeline) -> Found:
        least = times if times is not None else at_least if at_least is not None else 1
        return _counted(timeline, stretch_of(timeline, after), container, pod, least=least, most=times)

    often = "ran" if at_least is None else f"ran at least {_plural(at_least)}"
    return Fact(f"{container} {often if times is None else _often('ran', times)}{words(after)}", "ran", find)


def _none(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> Found:
    """Judge that no run of a container began in a stretch: the negative rule."""
    runs = proven_runs(timeline, stretch, container, pod)
    if runs:
        moments = [begin_of(run) for run in runs]
        return violated(f"{container} {_often('ran', len(runs))}, first at {at(timeline, moments[0])}", *moments)
    if not observers(timeline, container, pod):
        return inconclusive(f"no trace and no runtime source sees the runs of {container}")
    reason = unseen(timeline, stretch, *WITNESSES, container=container, pod=pod)
    if not reason and runs_in(timeline, stretch, container, pod):
        reason = f"a run of {container} that only the status tells of, beside a gap"
    return inconclusive(reason) if reason else holds()


def never_ran(*containers: str, after: After | None = None, pod: str = "") -> Fact:
    """None of the containers was started."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        return worst([_none(timeline, stretch, container, pod) for container in containers])

    return Fact(f"{', '.join(containers)} never ran{words(after)}", "never_ran", find)


def restarted(container: str, *, times: int = 1, after: After | None = FAULT, pod: str = "") -> Fact:
    """The container had run before the fault and was started again exactly `times`."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        if after is None:
            return _counted(timeline, stretch, container, pod, least=times + 1, most=times + 1)
        _need_run_before(timeline, stretch, container, pod)
        return _counted(timeline, stretch, container, pod, least=times, most=times)

    return Fact(f"{container} restarted {_plural(times)}{words(after)}", "restarted", find)


def _need_run_before(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> None:
    before = [r for r in timeline.runs(container, pod) if begin_of(r) < stretch.begin_ns]
    if not any(not began_in(timeline, run, stretch) for run in before):
        raise MissingError(f"no run of {container} was seen before the fault")


def _again(name: str, verb: str, containers: Sequence[str], after: After | None, pod: str) -> Fact:
    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        found = []
        for container in containers:
            judged = _none(timeline, stretch, container, pod) if after else _once(timeline, stretch, container, pod)
            if after and judged == holds():
                _need_run_before(timeline, stretch, container, pod)
            found.append(judged)
        return worst(found)

    return Fact(f"{', '.join(containers)} not {verb}{words(after)}", name, find)


def _once(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> Found:
    counted = _counted(timeline, stretch, container, pod, least=1, most=1)
    reason = unseen(timeline, stretch, *WITNESSES, container=container, pod=pod)
    return inconclusive(reason) if reason and counted.at_ns == () else counted


def not_restarted(*containers: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """None of the containers, which had run before, was started again."""
    return _again("not_restarted", "restarted", containers, after, pod)


def not_rerun(*containers: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """None of the init containers, which had run before, was run again."""
    return _again("not_rerun", "run again", containers, after, pod)


def kept_running(*containers: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """The run of each container that the fault found alive neither ended nor was followed by another one."""

    def one(timeline: Timeline, stretch: Stretch, container: str) -> Found:
        _need_run_before(timeline, stretch, container, pod)
        known = [r for r in timeline.runs(container, pod) if begin_of(r) <= stretch.end_ns]
        alive = [r for r in known if not began_in(timeline, r, stretch)][-1]
        if alive.exit and alive.exit.t_ns <= stretch.end_ns:  # the next fault may well have ended it
            if alive.exit.t_ns + alive.exit.precision_ns > stretch.end_ns:
                return inconclusive(f"cannot tell whether {alive.label} had ended before the next fault")
            if ended_in(timeline, alive, stretch):
                return violated(f"{alive.label} ended at {at(timeline, alive.exit.t_ns)}", alive.exit.t_ns)
            return inconclusive(f"{alive.label} had ended before the fault")
        return _none(timeline, stretch, container, pod)

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        return worst([one(timeline, stretch, container) for container in containers])

    return Fact(f"{', '.join(containers)} kept running{words(after)}", "kept_running", find)


def reran_in_order(*inits: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """Each init container ran exactly once (again), one after the other, successfully.

    Every run is a container with an id of its own: a stale "terminated 0" under the old id is none.
    Source: when the Pod's sandbox is lost all init containers are executed again (#pod-restart-reasons).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for container in inits:
            counted = _counted(timeline, stretch, container, pod, least=1, most=1)
            if counted.outcome is not Outcome.HOLDS:
                return Found(counted.outcome, f"{container} {counted.detail}", counted.at_ns)
        judged = judge_order(timeline, stretch, inits, pod)
        last = runs_in(timeline, stretch, inits[-1], pod)[-1]
        if judged.outcome is Outcome.HOLDS and last.code not in {0, None}:
            return violated(f"{last.label} exited {last.code}", begin_of(last))
        return judged

    return Fact(f"{', '.join(inits)} ran again once each, in order{words(after)}", "reran_in_order", find)


def exited_with(container: str, code: int, *, run: int = 1, after: After | None = None, pod: str = "") -> Fact:
    """A run that ended in the stretch (1: the first, -1: the last) had this exit code."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        ended = [r for r in timeline.runs(container, pod) if _done_in(timeline, r, stretch)]
        index = run - 1 if run > 0 else len(ended) + run
        able = observers(timeline, container, pod)
        # an end can also be missed because the run's beginning fell into an earlier gap
        whole = Stretch(0, stretch.end_ns, None)
        if gap := gap_in(timeline, whole, *able, *(() if able else (Source.STATUS,))):
            return inconclusive(gap)
        if not 0 <= index < len(ended):
            if Source.RUNTIME not in able:
                return inconclusive(f"{container} was not seen to exit, without a runtime source")
            return violated(f"{container} {_often('exited', len(ended))}")
        chosen = ended[index]
        if chosen.code is None:
            return inconclusive(f"the exit code of {chosen.label} is not known")
        moment = chosen.exit.t_ns if chosen.exit else begin_of(chosen)
        told = f"{chosen.label} exited {chosen.code} at {at(timeline, moment)}"
        return holds(told) if chosen.code == code else violated(told, moment)

    which = {1: "", -1: " in the end"}.get(run, f" in run {run}")
    return Fact(f"{container} exited {code}{which}{words(after)}", "exited_with", find)


def _done_in(timeline: Timeline, run: Run, stretch: Stretch) -> bool:
    if run.exit is None:
        return run.code is not None and began_in(timeline, run, stretch)
    return ended_in(timeline, run, stretch)


def new_container(container: str, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The status names another container id than before the fault."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        old = snapshot_before(timeline, stretch, pod).container_id(container)
        shown = [s for s in snapshots_in(timeline, stretch, pod) if s.container_id(container)]
        if not old:
            return inconclusive(f"{container} had no container id before the fault")
        fresh = [s for s in shown if s.container_id(container) != old]
        if fresh:
            return holds(f"from {at(timeline, fresh[0].t_ns)}", fresh[0].t_ns)
        gaps = timeline.gaps_of(Source.STATUS, after_ns=stretch.begin_ns, until_ns=stretch.end_ns)
        if gaps:
            return inconclusive("the status source was not observing all the time")
        return violated(f"still container {old[:12]}", *(s.t_ns for s in shown[-1:]))

    return Fact(f"{container} in a new container{words(after)}", "new_container", find)
