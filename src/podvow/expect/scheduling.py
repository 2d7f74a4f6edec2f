"""Facts about the scheduler: a Pod that fits nowhere, one that was given a node, one whose time was up.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
("scheduling is done based on effective requests/limits") and #detailed-behavior (activeDeadlineSeconds).
"""

from __future__ import annotations

from datetime import datetime

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import COARSE_NS, at, gap_in, snapshots_in, stretch_of, unseen
from podvow.expect.windows import too_late, window_s
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


def _start_ns(shot: Snapshot) -> int:
    """Return when the kubelet took the Pod on, 0 when that is not told; the second that begins there."""
    told = shot.status.get("startTime")
    return int(datetime.fromisoformat(str(told)).timestamp()) * COARSE_NS if told else 0


def deadline_ended(container: str, seconds: int, window: str, *, pod: str = "") -> Fact:
    """The container ran until the Pod's deadline, counted from its start time, and ended within a window of it.

    Both are told by the node's clock; the start time is known to the second.
    """

    def find(timeline: Timeline) -> Found:
        allowed = seconds + window_s(timeline, window)
        begun = [s for shot in snapshots_in(timeline, stretch_of(timeline, None), pod) if (s := _start_ns(shot))]
        ended = [run for run in timeline.runs(container, pod) if run.exit]
        if not begun or not ended or ended[-1].exit is None:
            gap = gap_in(timeline, stretch_of(timeline, None), Source.STATUS, Source.RUNTIME)
            unknown = "" if begun else "no start time was shown"
            missing = (
                gap or unknown or ("" if timeline.runs(container, pod) else f"{container} was not seen to run")
            )
            return inconclusive(missing) if missing else violated(f"{container} did not end")
        end = ended[-1].exit
        least = (end.t_ns + end.precision_ns - begun[0]) / 1e9
        most = (end.t_ns - begun[0] - COARSE_NS) / 1e9
        told = f"{ended[-1].label} ended {most:.1f}s after the start time"
        if least < seconds:
            return violated(f"{told}, {seconds}s were due", end.t_ns)
        if most <= allowed:
            return holds(told)
        late = f"{told}, allowed {allowed:g}s"
        return too_late(timeline, late, took_s=most, allowed_s=allowed, at_ns=end.t_ns)

    return Fact(f"{container} ended {seconds}s after the Pod's start time", "deadline_ended", find)
