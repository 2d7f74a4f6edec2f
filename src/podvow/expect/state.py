"""Facts about the Pod as a whole: sandbox, identity, phase, conditions.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ (#pod-phase, #pod-conditions) and
https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior. The status is sampled: that a
state was shown proves it, that it was not shown proves nothing by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    TERMINAL,
    Stretch,
    at,
    field_of,
    gap_in,
    need_status,
    snapshot_before,
    snapshots_in,
    stretch_of,
    uids,
    unseen,
)
from podvow.timeline import Sandbox, Source, Timeline
from podvow.timeline.record import Kind


def _status_gap(timeline: Timeline, stretch: Stretch) -> str:
    return gap_in(timeline, stretch, Source.STATUS)


def _constant(timeline: Timeline, stretch: Stretch, pod: str, what: str, read: Mapping[str, str]) -> Found:
    """Judge that a field of the status stays what it was before the stretch, where it is set at all."""
    path = read[what]
    if stretch.after is None:
        shown = snapshots_in(timeline, stretch, pod)
        old = next((value for s in shown if (value := field_of(s, path))), "")
    else:
        old = field_of(snapshot_before(timeline, stretch, pod), path)
        shown = snapshots_in(timeline, stretch, pod)
    if not old:
        return inconclusive(f"no {what} was shown")
    for shot in shown:
        value = field_of(shot, path)
        if value and value != old:
            return violated(f"{what} {old} → {value} at {at(timeline, shot.t_ns)}", shot.t_ns)
    if gap := _status_gap(timeline, stretch):
        return inconclusive(gap)
    return holds(f"{what} {old}")


_FIELDS = {"UID": "metadata/uid", "Pod IP": "status/podIP", "start time": "status/startTime"}


def kept_uid(after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The Pod object is the same one: it keeps its UID for its lifetime (pod-lifecycle#pod-lifetime)."""
    return Fact(
        f"UID kept{words(after)}",
        "kept_uid",
        lambda timeline: _constant(timeline, stretch_of(timeline, after), pod, "UID", _FIELDS),
    )


def kept_ip(after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The Pod kept its IP, hence its network namespace."""
    return Fact(
        f"Pod IP kept{words(after)}",
        "kept_ip",
        lambda timeline: _constant(timeline, stretch_of(timeline, after), pod, "Pod IP", _FIELDS),
    )


def start_time_kept(after: After | None = FAULT, *, pod: str = "") -> Fact:
    """`status.startTime` did not change: the kubelet took the Pod on once."""
    return Fact(
        f"start time kept{words(after)}",
        "start_time_kept",
        lambda timeline: _constant(timeline, stretch_of(timeline, after), pod, "start time", _FIELDS),
    )


def _exit_excused(timeline: Timeline, sandbox: Sandbox, pod: str) -> bool:
    """Tell whether a sandbox ended because its Pod was deleted or had come to its end."""
    if sandbox.exit is None:
        return True
    shots = timeline.snapshots(pod)
    if any(s.object.get("metadata", {}).get("deletionTimestamp") and s.t_ns <= sandbox.exit.t_ns for s in shots):
        return True
    if not shots or shots[-1].phase not in TERMINAL:
        return False
    names = (*timeline.inits(pod), *timeline.apps(pod))
    runs = [r for name in names for r in timeline.runs(name, pod) if r.sandbox_id == sandbox.id]
    return all(r.exit is not None and r.exit.before(sandbox.exit) for r in runs)


def kept_sandbox(after: After | None = FAULT, *, pod: str = "") -> Fact:
    """No new sandbox was started, the old one lived on, the Pod IP stayed: the Pod was not restarted."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        known = timeline.sandboxes(pod)
        fresh = [s for s in known if s.start.t_ns in stretch]
        fresh = fresh if after else fresh[1:]
        if fresh:
            return violated(
                f"new sandbox {fresh[0].id[:12]} at {at(timeline, fresh[0].start.t_ns)}", fresh[0].start.t_ns
            )
        for sandbox in known:
            if sandbox.exit and sandbox.exit.t_ns in stretch and not _exit_excused(timeline, sandbox, pod):
                when = sandbox.exit.t_ns
                if not timeline.has(Source.STATUS) or _status_gap(timeline, stretch):
                    return inconclusive(
                        "a sandbox ended, and the status source cannot tell whether its Pod did too"
                    )
                return violated(f"sandbox {sandbox.id[:12]} ended at {at(timeline, when)}", when)
        address = _constant(timeline, stretch, pod, "Pod IP", _FIELDS)
        if address.outcome == "violated":
            return address
        if reason := unseen(timeline, stretch, Source.RUNTIME):
            return inconclusive(reason)
        return holds(f"sandbox {known[-1].id[:12]}") if known else inconclusive("no sandbox was seen")

    return Fact(f"same sandbox{words(after)}", "kept_sandbox", find)


def new_sandbox(times: int = 1, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The Pod got that many new sandboxes.

    Source: "the Pod infrastructure container is restarted" as a reason for a Pod restart (#pod-restart-reasons).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        fresh = [s for s in timeline.sandboxes(pod) if s.start.t_ns in stretch]
        told = ", ".join(f"{s.id[:12]} at {at(timeline, s.start.t_ns)}" for s in fresh) or "no new sandbox"
        if len(fresh) > times:
            return violated(told, *(s.start.t_ns for s in fresh[times:]))
        if not timeline.has(Source.RUNTIME):
            return inconclusive("no runtime source")
        if gap := gap_in(timeline, stretch, Source.RUNTIME):
            return inconclusive(gap)
        return holds(told) if len(fresh) == times else violated(told, *(s.start.t_ns for s in fresh))

    many = "a new sandbox" if times == 1 else f"{times} new sandboxes"
    return Fact(f"{many}{words(after)}", "new_sandbox", find)


def phase_reached(phase: str, after: After | None = None, *, pod: str = "") -> Fact:
    """A snapshot shows the phase."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = snapshots_in(timeline, stretch, pod)
        for shot in shown:
            if shot.phase == phase:
                return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
        if gap := _status_gap(timeline, stretch):
            return inconclusive(gap)
        last = shown[-1] if shown else snapshot_before(timeline, stretch, pod)
        passing = {"Pending": ("Running", *TERMINAL), "Running": TERMINAL}.get(phase, ())
        if last.phase in passing and shown:
            return inconclusive(f"not shown, but the status is sampled (phase {last.phase} in the end)")
        return violated(f"phase {last.phase} in the end", last.t_ns)

    return Fact(f"phase {phase} reached{words(after)}", "phase_reached", find)


def phase_stayed(phase: str, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """Every snapshot shows the phase, from the one that the fault found."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = list(snapshots_in(timeline, stretch, pod))
        if after is not None:
            shown.insert(0, snapshot_before(timeline, stretch, pod))
        for shot in shown:
            if shot.phase != phase:
                return violated(f"phase {shot.phase} at {at(timeline, shot.t_ns)}", shot.t_ns)
        if reason := unseen(timeline, stretch, Source.STATUS):
            return inconclusive(reason)
        return holds(f"{len(shown)} snapshots") if shown else inconclusive("no status of the Pod")

    return Fact(f"phase {phase} all the time{words(after)}", "phase_stayed", find)


def phase_never(*phases: str, after: After | None = None, pod: str = "") -> Fact:
    """No snapshot shows one of the phases."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for shot in snapshots_in(timeline, stretch, pod):
            if shot.phase in phases:
                return violated(f"phase {shot.phase} at {at(timeline, shot.t_ns)}", shot.t_ns)
        reason = unseen(timeline, stretch, Source.STATUS)
        return inconclusive(reason) if reason else holds()

    return Fact(f"phase never {' or '.join(phases)}{words(after)}", "phase_never", find)


def phase_while_initialising(phase: str, after: After | None = None, *, pod: str = "") -> Fact:
    """Every snapshot that shows a regular init container running has this phase.

    Source: "A Pod that is initializing is in the Pending state" (init-containers#detailed-behavior).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        inits = timeline.inits(pod)
        shown = [
            s for s in snapshots_in(timeline, stretch, pod) if any(s.state(init)[0] == "running" for init in inits)
        ]
        for shot in shown:
            if shot.phase != phase:
                return violated(f"phase {shot.phase} at {at(timeline, shot.t_ns)}", shot.t_ns)
        return holds(f"{len(shown)} snapshots") if shown else inconclusive("no snapshot shows an init running")

    return Fact(
        f"phase {phase} while an init container was running{words(after)}", "phase_while_initialising", find
    )


def pod_failed(reason: str = "", after: After | None = None, *, pod: str = "") -> Fact:
    """The Pod ended in phase Failed (with this `status.reason`)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = snapshots_in(timeline, stretch, pod)
        for shot in shown:
            if shot.phase == "Failed":
                said = str(shot.status.get("reason", ""))
                if reason and said != reason:
                    return violated(f"Failed with reason {said!r}", shot.t_ns)
                return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
        if gap := _status_gap(timeline, stretch):
            return inconclusive(gap)
        last = shown[-1] if shown else snapshot_before(timeline, stretch, pod)
        return violated(f"phase {last.phase} in the end", last.t_ns)

    return Fact(f"Pod failed{f' with {reason}' if reason else ''}{words(after)}", "pod_failed", find)


def pod_gone(after: After | None = None, *, pod: str = "") -> Fact:
    """The watch said that the Pod object was deleted."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        need_status(timeline)
        name = pod or timeline.meta.pod
        for record in timeline.of(Kind.DELETED, pod=name):
            if record.t_ns in stretch:
                return holds(f"at {at(timeline, record.t_ns)}", record.t_ns)
        gap = _status_gap(timeline, stretch)
        return inconclusive(gap) if gap else violated("still there")

    return Fact(f"Pod gone{words(after)}", "pod_gone", find)


def recreated_with_new_uid(*, pod: str = "") -> Fact:
    """The Pod was deleted, and one of the same name but with another UID took its place."""

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        name = pod or timeline.meta.pod
        known = uids(timeline, name)
        if len(known) < 2:  # noqa: PLR2004 (the old one and the new one)
            gap = _status_gap(timeline, stretch_of(timeline, None))
            return inconclusive(gap) if gap else violated(f"one UID only: {', '.join(known) or 'none'}")
        gone = [r.t_ns for r in timeline.of(Kind.DELETED, pod=name) if r.uid == known[0]]
        second = next(s.t_ns for s in timeline.snapshots(name) if s.uid == known[1])
        if not gone:
            return inconclusive("the old Pod was not seen to go")
        if gone[0] > second:
            return violated("the new Pod appeared before the old one had gone", second, gone[0])
        return holds(f"{known[0]} → {known[1]} at {at(timeline, second)}", second)

    return Fact("Pod recreated with a new UID", "recreated_with_new_uid", find)


def generation_observed(after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The spec changed, and the kubelet says that it has seen it (`status.observedGeneration`, 1.34 and later)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        before = snapshot_before(timeline, stretch, pod)
        old = int(before.object["metadata"].get("generation") or 0)
        shown = snapshots_in(timeline, stretch, pod)
        newest = max((int(s.object["metadata"].get("generation") or 0) for s in shown), default=old)
        told = [s for s in shown if s.status.get("observedGeneration") is not None]
        if newest > old:
            for shot in told:
                if int(shot.status["observedGeneration"]) >= newest:
                    return holds(f"generation {old}→{newest} observed at {at(timeline, shot.t_ns)}", shot.t_ns)
        if gap := _status_gap(timeline, stretch):
            return inconclusive(gap)
        if newest <= old:
            return violated(f"generation stayed {old}")
        if not told:
            return inconclusive("this kubelet does not tell status.observedGeneration")
        return violated(f"generation {newest}, observed {told[-1].status['observedGeneration']}", told[-1].t_ns)

    return Fact(f"new generation observed by the kubelet{words(after)}", "generation_observed", find)


def qos(cls: str, *, pod: str = "") -> Fact:
    """`status.qosClass`; init containers count (pod-qos)."""

    def find(timeline: Timeline) -> Found:
        shown = [s for s in snapshots_in(timeline, stretch_of(timeline, None), pod) if s.status.get("qosClass")]
        if not shown:
            return inconclusive("no QoS class was shown")
        other = [s for s in shown if s.status["qosClass"] != cls]
        return violated(f"QoS class {other[0].status['qosClass']}", other[0].t_ns) if other else holds(cls)

    return Fact(f"QoS class {cls}", "qos", find)
