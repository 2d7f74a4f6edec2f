"""Facts about the order of containers: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise, product

from podvow.expect.base import After, Fact, Found, MissingError, holds, inconclusive, violated, words
from podvow.expect.evidence import Stretch, at, begin_of, blind, ended_before, proven_runs, runs_in, stretch_of
from podvow.timeline import Run, Timeline

_TOO_MANY = 5000


def _some_runs(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> tuple[Run, ...] | Found:
    """Return a container's runs, or the finding that it has none."""
    runs = proven_runs(timeline, stretch, container, pod)
    if runs:
        return runs
    if reason := blind(timeline, stretch, container, pod):
        return inconclusive(f"{container} not seen to run, but {reason}")
    return violated(f"{container} never ran")


def _success(runs: Sequence[Run]) -> Run | Found:
    """Return the first run that exited with 0, or the finding that there is none."""
    for run in runs:
        if run.code == 0:
            return run
        if run.code is None and run is not runs[-1]:
            return inconclusive(f"the exit code of {run.label} is not known")
    last = runs[-1]
    if last.code is None:
        return inconclusive(f"{last.label} was not seen to end")
    return violated(f"{last.container} never succeeded; {last.label} exited {last.code}", begin_of(last))


def judge_order(timeline: Timeline, stretch: Stretch, containers: Sequence[str], pod: str) -> Found:
    """Judge that every container but the last succeeded before any run of the next one started."""
    told: list[str] = []
    before: Run | None = None
    for position, container in enumerate(containers):
        runs = _some_runs(timeline, stretch, container, pod)
        if isinstance(runs, Found):
            return runs
        if before is not None:
            for run in runs:
                ended = ended_before(timeline, before, run)
                if ended is None:
                    return inconclusive(f"cannot tell whether {before.label} had ended when {run.label} started")
                if not ended:
                    when = begin_of(run)
                    return violated(
                        f"{run.label} started at {at(timeline, when)}, before {before.label} had succeeded", when
                    )
        told.append(f"{runs[0].label} {at(timeline, begin_of(runs[0]))}")
        if position < len(containers) - 1:
            success = _success(runs)
            if isinstance(success, Found):
                return success
            before = success
    return holds(", ".join(told))


def ran_in_order(*containers: str, after: After | None = None, pod: str = "") -> Fact:
    """Each container ran, and succeeded before any run of the next one started; the last need not have ended.

    Source: "each init container must complete successfully before the next one starts" (init-containers).
    """

    def find(timeline: Timeline) -> Found:
        return judge_order(timeline, stretch_of(timeline, after), containers, pod)

    return Fact(f"{', '.join(containers)} ran in this order{words(after)}", "ran_in_order", find)


def _overlap(timeline: Timeline, one: Run, other: Run) -> bool | None:
    apart = (ended_before(timeline, one, other), ended_before(timeline, other, one))
    if True in apart:
        return False
    return None if None in apart else True


def never_overlapped(*containers: str, after: After | None = None, pod: str = "") -> Fact:
    """No two runs of the containers overlapped at any time.

    Source: "init containers run one at a time, in order" (init-containers#understanding-init-containers).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        runs: list[Run] = []
        doubts: list[str] = []
        for container in containers:
            found = _some_runs(timeline, stretch, container, pod)
            if isinstance(found, Found):
                doubts.append(found.detail)
            else:
                runs.extend(found)
                doubts.append(blind(timeline, stretch, container, pod))
        for one, other in combinations(sorted(runs, key=begin_of), 2):
            overlapped = _overlap(timeline, one, other)
            if overlapped:
                return violated(
                    f"{other.label} started at {at(timeline, begin_of(other))} while {one.label} was running",
                    begin_of(one),
                    begin_of(other),
                )
            if overlapped is None:
                doubts.append(f"cannot tell whether {one.label} and {other.label} overlapped")
        shown = _seen_together(timeline, stretch, containers, pod, at_least=2)
        if shown:
            return violated(f"the status shows two of them running at {at(timeline, shown)}", shown)
        doubts = [doubt for doubt in doubts if doubt]
        return inconclusive(doubts[0]) if doubts else holds(f"{len(runs)} runs, one at a time")

    return Fact(f"{', '.join(containers)} never overlapped{words(after)}", "never_overlapped", find)


def _seen_together(
    timeline: Timeline, stretch: Stretch, containers: Sequence[str], pod: str, *, at_least: int
) -> int:
    """Return when a snapshot shows that many of the containers running at once, 0 when none does.

    A snapshot may be stale: a container counts only if no witness saw its end before the snapshot arrived.
    """
    exits = {r.container_id: r.exit for c in containers for r in timeline.runs(c, pod) if r.container_id}
    for shot in timeline.snapshots(pod):
        alive = 0
        for container in containers:
            end = exits.get(shot.container_id(container))
            alive += shot.state(container)[0] == "running" and (
                end is None or end.t_ns + end.precision_ns > shot.t_ns
            )
        if alive >= at_least and shot.t_ns in stretch:
            return shot.t_ns
    return 0


def started_only_after(container: str, *earlier: str, after: After | None = None, pod: str = "") -> Fact:
    """The container's first run began after each of the earlier ones had exited with 0.

    Source: app containers start only after all init containers have completed
    (init-containers#differences-from-regular-containers).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        runs = _some_runs(timeline, stretch, container, pod)
        if isinstance(runs, Found):
            return runs
        first = runs[0]
        doubt = ""
        for name in earlier:
            before = runs_in(timeline, stretch, name, pod)
            answers = [ended_before(timeline, run, first) for run in before if run.code == 0]
            if True in answers:
                continue
            unsure = None in answers or any(
                run.code is None and ended_before(timeline, run, first) is not False for run in before
            )
            reason = blind(timeline, stretch, name, pod)
            if unsure or reason:
                doubt = (
                    doubt or f"cannot tell whether {name} had succeeded when {first.label} started {reason}".strip()
                )
            else:
                when = at(timeline, begin_of(first))
                return violated(f"{first.label} started at {when}, before {name} had succeeded", begin_of(first))
        return inconclusive(doubt) if doubt else holds(f"{first.label} started at {at(timeline, begin_of(first))}")

    text = f"{container} started only after {', '.join(earlier)} had succeeded{words(after)}"
    return Fact(text, "started_only_after", find)


def overlapped(*containers: str, after: After | None = None, pod: str = "") -> Fact:
    """At some time all the containers were running together.

    Source: app containers are started in parallel (init-containers#using-init-containers).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = _seen_together(timeline, stretch, containers, pod, at_least=len(containers))
        if shown:
            return holds(f"all running in the status at {at(timeline, shown)}", shown)
        all_runs: list[tuple[Run, ...]] = []
        for container in containers:
            runs = _some_runs(timeline, stretch, container, pod)
            if isinstance(runs, Found):
                return runs
            all_runs.append(runs)
        return _together(timeline, all_runs)

    return Fact(f"{', '.join(containers)} were running together{words(after)}", "overlapped", find)


def _together(timeline: Timeline, all_runs: Sequence[Sequence[Run]]) -> Found:
    """Judge that some choice of one run per container overlaps pairwise; then there is a moment common to all."""
    unsure = False
    for number, chosen in enumerate(product(*all_runs)):
        if number > _TOO_MANY:
            raise MissingError("too many runs to compare")
        answers = [_overlap(timeline, one, other) for one, other in combinations(chosen, 2)]
        if all(answers):
            return holds(f"together from {at(timeline, max(begin_of(r) for r in chosen))}")
        unsure = unsure or (None in answers and False not in answers)
    if unsure:
        return inconclusive("cannot tell whether they were running together")
    first = [runs[0] for runs in all_runs]
    for one, other in pairwise(sorted(first, key=begin_of)):
        if _overlap(timeline, one, other) is False:
            moments = (begin_of(one), begin_of(other))
            return violated(f"{one.label} and {other.label} did not run together", *moments)
    return violated("never all running together", begin_of(first[0]))
