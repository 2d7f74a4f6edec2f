"""Facts about the scheduler: a Pod that fits nowhere, one that was given a node.

Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
("scheduling is done based on effective requests/limits").
"""

from __future__ import annotations

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import at, gap_in, snapshots_in, stretch_of, unseen
from podvow.timeline import Snapshot, Source, Timeline


def _refusal(shot: Snapshot) -> str:
    condition = shot.condition("PodScheduled")
    refused = condition.get("status") == "False" and condition.get("reason") == "Unschedulable"
    return str(condition.get("message", "")) if refused else ""


def stayed_unschedulable(why: str, *, after: After | None = None, pod: str = "") -> Fact:
    """The scheduler said that the Pod fits nowhere, for this reason, and gave it no node."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = snapshots_in(timeline, stretch, pod)
        for shot in shots:
            if node := shot.object["spec"].get("nodeName"):
                return violated(f"scheduled to {node} at {at(timeline, shot.t_ns)}", shot.t_ns)
        known = [s for s in timeline.snapshots(pod) if s.t_ns <= stretch.end_ns]
        told = dict.fromkeys(message for shot in known if (message := _refusal(shot)))
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not known:
            return inconclusive("no status of the Pod")
        if not any(why in message for message in told):
            return violated(f"the scheduler said {'; '.join(told) or 'nothing'}")
        reason = unseen(timeline, stretch, Source.STATUS)
        return inconclusive(reason) if reason else holds(next(message for message in told if why in message))

    name = f"{pod or 'the Pod'} stayed unschedulable: {why}{words(after)}"
    return Fact(name, "stayed_unschedulable", find)


def scheduled(*, after: After | None = FAULT, pod: str = "") -> Fact:
    """The Pod had no node before the stretch and was given one in it."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for shot in timeline.snapshots(pod):
            if shot.object["spec"].get("nodeName") and shot.t_ns < stretch.begin_ns:
                return violated(f"scheduled already at {at(timeline, shot.t_ns)}", shot.t_ns)
        for shot in snapshots_in(timeline, stretch, pod):
            if node := shot.object["spec"].get("nodeName"):
                return holds(f"to {node} at {at(timeline, shot.t_ns)}", shot.t_ns)
        gap = gap_in(timeline, stretch, Source.STATUS)
        return inconclusive(gap) if gap else violated("it was given no node")

    return Fact(f"{pod or 'the Pod'} was scheduled{words(after)}", "scheduled", find)
