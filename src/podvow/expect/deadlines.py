"""Facts about a Pod whose time is up: `activeDeadlineSeconds`, counted from `status.startTime`.

Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior.
"""

from __future__ import annotations

from podvow.expect.base import Fact, Found, holds, inconclusive, violated
from podvow.expect.evidence import COARSE_NS, gap_in, second_ns, snapshots_in, stretch_of
from podvow.expect.windows import too_late, window_s
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Instant, Kind


def _begun_ns(timeline: Timeline, pod: str) -> int:
    """Return the first start time that was shown, the second that begins there; 0 where none was."""
    shown = (shot.status.get("startTime") for shot in snapshots_in(timeline, stretch_of(timeline, None), pod))
    return second_ns(next(filter(None, shown), None))


def _signs(timeline: Timeline, pod: str, *, due_ns: int) -> list[Instant]:
    """Return what shows that the kubelet has noticed a deadline: its event, and ends of containers from then on."""
    told = timeline.of(Kind.EVENT, pod=pod or timeline.meta.pod)
    events = [r.instant for r in told if r.data["reason"] == "DeadlineExceeded"]
    names = (*timeline.inits(pod), *timeline.apps(pod))
    exits = [run.exit for name in names for run in timeline.runs(name, pod) if run.exit and run.exit.t_ns >= due_ns]
    return [*events, *exits]


def _in_time(timeline: Timeline, what: str, when: Instant, *, begun_ns: int, due_s: int, allowed_s: float) -> Found:
    """Judge a moment: no sooner than it was due, no later than is allowed, both counted from the start time."""
    least = (when.t_ns + when.precision_ns - begun_ns) / 1e9
    most = (when.t_ns - begun_ns - COARSE_NS) / 1e9
    told = f"{what} {most:.1f}s after the start time"
    if least < due_s:
        return violated(f"{told}, {due_s}s were due", when.t_ns)
    if most <= allowed_s:
        return holds(told)
    return too_late(timeline, f"{told}, allowed {allowed_s:g}s", took_s=most, allowed_s=allowed_s, at_ns=when.t_ns)


def deadline_noticed(seconds: int, window: str = "deadline", *, pod: str = "") -> Fact:
    """The kubelet noticed that the deadline had passed no sooner than it had, and within a window of it.

    It says so by an event as soon as it looks (kubernetes/pkg/kubelet/active_deadline.go), if that is not lost.
    On a busy node the containers are told to end some looks later, so their ends tell it late.
    """

    def find(timeline: Timeline) -> Found:
        allowed = seconds + window_s(timeline, window)
        begun = _begun_ns(timeline, pod)
        if not begun:
            return inconclusive("no start time was shown")
        signs = _signs(timeline, pod, due_ns=begun + seconds * COARSE_NS)
        if not signs:
            return inconclusive("no event and no end of a container told when the deadline was noticed")
        first = min(signs, key=lambda sign: sign.t_ns)
        return _in_time(timeline, "first sign of it", first, begun_ns=begun, due_s=seconds, allowed_s=allowed)

    return Fact(f"deadline of {seconds}s noticed within the window {window}", "deadline_noticed", find)


def deadline_ended(container: str, seconds: int, window: str, *, pod: str = "") -> Fact:
    """The container ran until the Pod's deadline, counted from its start time, and ended within a window of it.

    Both are told by the node's clock; the start time is known to the second. The window is one of several looks at
    the Pod: the kubelet notices, then has its containers stopped.
    """

    def find(timeline: Timeline) -> Found:
        allowed = seconds + window_s(timeline, window)
        begun = _begun_ns(timeline, pod)
        ended = [run for run in timeline.runs(container, pod) if run.exit]
        if not begun or not ended or ended[-1].exit is None:
            gap = gap_in(timeline, stretch_of(timeline, None), Source.STATUS, Source.RUNTIME)
            unknown = "" if begun else "no start time was shown"
            missing = (
                gap or unknown or ("" if timeline.runs(container, pod) else f"{container} was not seen to run")
            )
            return inconclusive(missing) if missing else violated(f"{container} did not end")
        what = f"{ended[-1].label} ended"
        return _in_time(timeline, what, ended[-1].exit, begun_ns=begun, due_s=seconds, allowed_s=allowed)

    return Fact(f"{container} ended {seconds}s after the Pod's start time", "deadline_ended", find)
