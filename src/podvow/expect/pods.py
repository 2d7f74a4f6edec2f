"""Facts about the Pods of a workload, whose names and number nobody knew before.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/#pod-templates and
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees.
"""

from __future__ import annotations

from collections.abc import Sequence

from podvow.expect.base import FAULT, After, Expectation, Fact, Found, holds, inconclusive, violated, words, worst
from podvow.expect.evidence import Stretch, at, gap_in, need_status, stretch_of, unseen
from podvow.timeline import Source, Timeline
from podvow.timeline.lives import Life, lives
from podvow.verdict import Outcome


def _judge_each(timeline: Timeline, chosen: Sequence[Life], facts: Sequence[Expectation]) -> Found:
    found: list[Found] = []
    for life in chosen:
        view = life.view(timeline)
        for fact in facts:
            judged = fact.judge(view)
            told = f"{life.pod}: {judged.text}: {judged.detail}" if judged.outcome != "holds" else life.pod
            found.append(Found(judged.outcome, told, judged.at_ns))
    return worst(found) if facts else holds(", ".join(life.pod for life in chosen))


def _shown(life: Life, timeline: Timeline) -> str:
    return f"{life.pod} at {at(timeline, life.born_ns)}"


def _of_these(
    timeline: Timeline, chosen: Sequence[Life], facts: Sequence[Expectation], count: int | None, stretch: Stretch
) -> Found:
    """Judge facts of every one of some Pods, and how many they are; there must be one at least."""
    sure = gap_in(timeline, Stretch(0, stretch.end_ns, None), Source.STATUS) == ""
    if count is not None and len(chosen) > count and (sure or stretch.after is None):
        told = f"{len(chosen)} Pods: {', '.join(_shown(life, timeline) for life in chosen)}"
        return violated(told, *(life.born_ns for life in chosen[count:]))
    if not sure:
        # behind a gap a Pod can have been missed, and an old one be taken for a new one
        return inconclusive(gap_in(timeline, Stretch(0, stretch.end_ns, None), Source.STATUS))
    if len(chosen) < (1 if count is None else count):
        return violated(f"{len(chosen)} Pods: {', '.join(_shown(life, timeline) for life in chosen)}")
    judged = _judge_each(timeline, chosen, facts) if chosen else holds("no Pod")
    if count is not None and judged.outcome is Outcome.HOLDS and (why := unseen(timeline, stretch, Source.STATUS)):
        return inconclusive(f"more Pods may have come: {why}")
    return judged


def _each(name: str, which: str, facts: Sequence[Expectation], count: int | None, ending: str) -> str:
    many = which if count is None else f"{count} {which}s, each" if count != 1 else f"one {which}"
    what = "; ".join(fact.text for fact in facts)
    return f"{many}{ending}{': ' if what else ''}{what}" or name


def each_pod(*facts: Expectation, count: int | None = None) -> Fact:
    """Every Pod of the scenario bears out the facts; they were `count` (default: one at least).

    The facts are those of a single Pod, without `pod=`; a Pod is a name under one UID.
    """

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        return _of_these(timeline, tuple(lives(timeline)), facts, count, stretch_of(timeline, None))

    return Fact(_each("each_pod", "Pod", facts, count, ""), "each_pod", find)


def each_new_pod(*facts: Expectation, count: int | None = None, after: After = FAULT) -> Fact:
    """Every Pod that appeared after the fault bears out the facts; they were `count` (default: one at least)."""

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        stretch = stretch_of(timeline, after)
        chosen = tuple(life for life in lives(timeline) if life.born_ns in stretch)
        return _of_these(timeline, chosen, facts, count, stretch)

    return Fact(_each("each_new_pod", "new Pod", facts, count, words(after)), "each_new_pod", find)


def each_old_pod(*facts: Expectation, count: int | None = None, after: After = FAULT) -> Fact:
    """Every Pod that was there before the fault bears out the facts; they were `count` (default: one at least)."""

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        stretch = stretch_of(timeline, after)
        chosen = tuple(life for life in lives(timeline) if life.born_ns < stretch.begin_ns)
        gap = gap_in(timeline, Stretch(0, stretch.end_ns, None), Source.STATUS)
        if gap:
            return inconclusive(gap)
        if len(chosen) != count and (count is not None or not chosen):
            return violated(f"{len(chosen)} Pods: {', '.join(_shown(life, timeline) for life in chosen)}")
        return _judge_each(timeline, chosen, facts)

    return Fact(_each("each_old_pod", "old Pod", facts, count, words(after)), "each_old_pod", find)


def _born(timeline: Timeline, pod: str, stretch: Stretch) -> Life | None:
    return next((life for life in lives(timeline) if life.pod == pod and life.born_ns in stretch), None)


def _readied(timeline: Timeline, pod: str, stretch: Stretch) -> int:
    """Return when a Pod was first shown ready in a stretch, 0 when it never was."""
    for shot in timeline.snapshots(pod):
        if shot.t_ns in stretch and shot.has_condition("Ready"):
            return shot.t_ns
    return 0


def created_only_after_ready(pod: str, *earlier: str, after: After | None = None) -> Fact:
    """The Pod appeared only after each of the earlier ones had been shown ready: one watch tells of all of them.

    Source: "before a scaling operation is applied to a Pod, all of its predecessors must be Running and Ready".
    """

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        stretch = stretch_of(timeline, after)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        life = _born(timeline, pod, stretch)
        if life is None:
            return violated(f"{pod} was never created")
        for name in earlier:
            since = _readied(timeline, name, Stretch(0, stretch.end_ns, after))
            if not since or since > life.born_ns:
                later = f"at {at(timeline, since)}" if since else "never"
                return violated(f"{_shown(life, timeline)}, {name} ready {later}", life.born_ns)
        return holds(_shown(life, timeline), life.born_ns)

    text = f"{pod} created only after {', '.join(earlier)} had become ready{words(after)}"
    return Fact(text, "created_only_after_ready", find)


def created_before_ready(pod: str, other: str, *, after: After | None = None) -> Fact:
    """The Pod appeared before the other one had been shown ready: nobody waited for that."""

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        stretch = stretch_of(timeline, after)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        life = _born(timeline, pod, stretch)
        since = _readied(timeline, other, stretch)
        if life is None:
            return violated(f"{pod} was never created")
        if since and since < life.born_ns:
            return violated(
                f"{_shown(life, timeline)}, {other} ready at {at(timeline, since)}", since, life.born_ns
            )
        return holds(_shown(life, timeline), life.born_ns)

    return Fact(f"{pod} created before {other} was ready{words(after)}", "created_before_ready", find)


def never_created(*pods: str, after: After | None = None) -> Fact:
    """None of the Pods was created (again)."""

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        stretch = stretch_of(timeline, after)
        for pod in pods:
            life = _born(timeline, pod, stretch)
            if life is not None:
                return violated(_shown(life, timeline), life.born_ns)
        reason = unseen(timeline, stretch, Source.STATUS)
        return inconclusive(reason) if reason else holds()

    return Fact(f"{', '.join(pods)} never created{words(after)}", "never_created", find)
