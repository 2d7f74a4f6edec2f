"""What the evidence can and cannot say: stretches, complete views of runs, and the rule for negative claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from podvow.expect.base import WITNESSES, After, MissingError, seen_by
from podvow.timeline import Run, Snapshot, Source, Timeline
from podvow.timeline.record import Instant, Kind

TERMINAL = ("Succeeded", "Failed")
COARSE_NS = 1_000_000_000
"""Precision of the stamps in a status."""
_OBSERVERS = (*WITNESSES, Source.STATUS)


def second_ns(stamp: object) -> int:
    """Return the second that a stamp of the API names, in nanoseconds since the epoch; 0 where there is none."""
    return int(datetime.fromisoformat(str(stamp)).timestamp()) * COARSE_NS if stamp else 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a timeline, `[begin_ns, end_ns]` in nanoseconds since the epoch."""

    begin_ns: int
    end_ns: int
    after: After | None

    def __contains__(self, t_ns: int) -> bool:
        return self.begin_ns <= t_ns <= self.end_ns


def stretch_of(timeline: Timeline, after: After | None) -> Stretch:
    """Return the stretch that a fact is about.

    Raises:
        MissingError: its fault did not take place.
    """
    if after is None:
        return Stretch(0, timeline.end_ns, None)
    mark = after.mark(timeline)
    if mark is None:
        raise MissingError("the fault was never begun")
    if mark.error:
        raise MissingError(f"the fault did not take place: {mark.error}")
    ends = [] if after.to_the_end else [f.begin.t_ns for f in timeline.faults if f.index > after.index]
    # what the harness undoes is no part of what the cluster did
    ends += [r.t_ns for r in timeline.of(Kind.UNDONE, after_ns=mark.begin.t_ns)]
    end_ns = min(ends) - 1 if ends else timeline.end_ns
    return Stretch(mark.begin.t_ns, end_ns, after)


def observers(timeline: Timeline, container: str, pod: str = "") -> tuple[Source, ...]:
    """Return the connected sources that see every run of a container."""
    return tuple(
        source
        for source in seen_by(timeline, *WITNESSES)
        if source is not Source.TRACE or timeline.is_traced(container, pod)
    )


def gap_in(timeline: Timeline, stretch: Stretch, *sources: Source) -> str:
    """Say which of the connected sources was not observing all through a stretch; empty when none was not."""
    for lost in timeline.of(Kind.LOST, after_ns=stretch.begin_ns):
        return f"the cluster was lost at +{timeline.at_s(lost.t_ns):.3f}s: {lost.data.get('reason', '')}"
    gaps = timeline.gaps_of(*seen_by(timeline, *sources), after_ns=stretch.begin_ns, until_ns=stretch.end_ns)
    if not gaps:
        return ""
    gap = gaps[0]
    return (
        f"the {gap.source} source was not observing from +{timeline.at_s(gap.from_ns):.3f}s"
        f" to +{timeline.at_s(gap.until_ns):.3f}s ({gap.reason})"
    )


def blind(timeline: Timeline, stretch: Stretch, container: str, pod: str = "") -> str:
    """Say why a run of the container could have been missed in a stretch; empty when none could."""
    able = observers(timeline, container, pod)
    if not able:
        return f"no trace and no runtime source saw the runs of {container}"
    reasons = [gap_in(timeline, stretch, source) for source in able]
    return "" if "" in reasons else reasons[0]


def unseen(timeline: Timeline, stretch: Stretch, *sources: Source, container: str = "", pod: str = "") -> str:
    """Say why it cannot be told that something did *not* happen in a stretch; empty when it can.

    Three things are needed (docs/evidence.md): sources that see the thing, without a hole in any connected source;
    an end of the stretch that is known to have been waited for; and, after a fault, a positive control that proves
    that the cluster acted and that we were looking. About the runs of a container a hole in one witness alone does
    not matter: another one without a hole that sees every run, and a status without a hole, are enough.

    Args:
        timeline: the evidence.
        stretch: where it must not have happened.
        sources: those that would have seen it; one of them suffices.
        container: the container whose run it would have been, empty when it is about something else.
        pod: that container's Pod.
    """
    if not seen_by(timeline, *sources):
        return f"no {' or '.join(sources)} source"
    if container:
        gap = blind(timeline, stretch, container, pod) or gap_in(timeline, stretch, Source.STATUS)
    else:
        gap = gap_in(timeline, stretch, *_OBSERVERS)
    if gap:
        return gap
    begun = [r for r in timeline.of(Kind.HOLD_BEGIN) if r.t_ns in stretch]
    ended = [r for r in timeline.of(Kind.HOLD_END) if r.t_ns in stretch]
    if len(ended) < len(begun):
        return "observing was cut short before the window had passed"
    if stretch.after is not None:
        reached = [r for r in timeline.of(Kind.REACHED) if r.t_ns in stretch and r.data.get("control")]
        return "" if reached else "no positive control was reached after the fault"
    if not any(r.source in sources for r in timeline.records):
        return f"no record of {' or '.join(sources)}"
    controlled = any(r.data.get("control") for r in timeline.of(Kind.REACHED))
    if not ended and not controlled and not _ended(timeline):
        return "not observed to an end (no hold window passed, no later state was reached, no Pod ended)"
    return ""


def _ended(timeline: Timeline) -> bool:
    """Tell whether every Pod of the scenario has come to its end."""
    lasts = [timeline.snapshots(pod)[-1] for pod in pods(timeline)]
    return bool(lasts) and all(s.phase in TERMINAL or s.record.kind is Kind.DELETED for s in lasts)


def pods(timeline: Timeline) -> tuple[str, ...]:
    """Return the names of the Pods that the status showed, in the order of their first snapshots."""
    return tuple(dict.fromkeys(r.pod for r in timeline.of(Kind.SNAPSHOT, Kind.DELETED) if r.pod))


def uids(timeline: Timeline, pod: str) -> tuple[str, ...]:
    """Return the UIDs that a Pod name had, in order."""
    return tuple(dict.fromkeys(s.uid for s in timeline.snapshots(pod)))


def _shown_before(timeline: Timeline, run: Run, t_ns: int, *, ended: bool) -> bool:
    """Tell whether the status had shown a run (or its end) before a moment.

    Raises:
        MissingError: that cannot be told, because the status was not observing just then or cannot name the run.
    """
    if not run.container_id:
        raise MissingError(f"cannot tell on which side of the fault {run.label} {'ended' if ended else 'started'}")
    for record in timeline.of(Kind.SNAPSHOT, until_ns=t_ns - 1):
        if record.uid != run.uid:
            continue
        raw = Snapshot(record, record.data["object"]).containers.get(run.container, {})
        terminated = [((raw.get(key) or {}).get("terminated") or {}) for key in ("state", "lastState")]
        ids = [state.get("containerID", "") for state in terminated]
        if not ended:
            ids.append(raw.get("containerID", ""))
        if any(cid.endswith(run.container_id) for cid in ids if cid):
            return True
    begin = run.exit if ended else run.start
    if begin and timeline.gaps_of(Source.STATUS, after_ns=begin.t_ns, until_ns=t_ns):
        raise MissingError(f"cannot tell whether {run.label} {'ended' if ended else 'started'} before the fault")
    return False


def _falls_in(timeline: Timeline, run: Run, stretch: Stretch, *, ended: bool) -> bool:
    """Tell whether the start or the end of a run lies in a stretch.

    A coarse stamp (whole seconds of the status; a trace from logs, whose clock is known to a second) can lie on
    both sides of the fault. Then it is decided by what the status had shown before the fault.
    """
    instant = run.exit if ended else run.start
    if instant is None:
        return not ended and run.seen_ns in stretch
    if instant.t_ns > stretch.end_ns or instant.t_ns + instant.precision_ns <= stretch.begin_ns:
        return instant.precision_ns == 0 and instant.t_ns in stretch
    if instant.t_ns >= stretch.begin_ns:
        return True
    if instant.precision_ns < COARSE_NS:
        return False  # nothing is injected within 10 ms of what it waited for
    return not _shown_before(timeline, run, stretch.begin_ns, ended=ended)


def began_in(timeline: Timeline, run: Run, stretch: Stretch) -> bool:
    """Tell whether a run began within a stretch.

    Raises:
        MissingError: the evidence cannot tell.
    """
    return _falls_in(timeline, run, stretch, ended=False)


def ended_in(timeline: Timeline, run: Run, stretch: Stretch) -> bool:
    """Tell whether a run ended within a stretch.

    Raises:
        MissingError: the evidence cannot tell.
    """
    return _falls_in(timeline, run, stretch, ended=True)


def is_timed(run: Run) -> bool:
    """Tell whether a witness told the time of a start, or at least its place among the lines of one trace."""
    return run.start is not None and (run.first_line is not None or run.start.precision_ns < COARSE_NS)


def runs_in(timeline: Timeline, stretch: Stretch, container: str, pod: str = "") -> tuple[Run, ...]:
    """Return the runs whose process started within a stretch.

    Raises:
        MissingError: that cannot be told of one of them.
    """
    started = [r for r in timeline.runs(container, pod) if r.start is not None]
    return tuple(r for r in started if began_in(timeline, r, stretch))


def proven_runs(timeline: Timeline, stretch: Stretch, container: str, pod: str = "") -> tuple[Run, ...]:
    """Return the runs in a stretch that cannot be an artefact of lost evidence.

    What trace, runtime and status say of one run is put together by ids and times. Where a gap may have hidden
    one side, a run that only the seconds of the status tell of may be the other side of a run seen already.
    """
    runs = runs_in(timeline, stretch, container, pod)
    if gap_in(timeline, Stretch(0, stretch.end_ns, None), *_OBSERVERS):
        return tuple(r for r in runs if is_timed(r))
    return runs


def begin_of(run: Run) -> int:
    """Return when a run began, in nanoseconds since the epoch."""
    return run.start.t_ns if run.start else run.seen_ns


def ended_before(timeline: Timeline, one: Run, other: Run) -> bool | None:
    """Tell whether one run had ended when the other started; None when the evidence cannot tell.

    A run whose end nobody saw counts as going on only if the runtime was looking all the time: the trace does not
    see the end of a container that is killed.
    """
    answer = one.exited_before_start_of(other)
    if answer is not False or one.exit is not None:
        return answer
    if one.start is None or other.start is None:
        return None
    if _started_before(other, one):
        return False
    looking = Source.RUNTIME in one.sources and not timeline.gaps_of(
        Source.RUNTIME, after_ns=one.start.t_ns, until_ns=other.start.t_ns
    )
    return False if looking else None


def _started_before(one: Run, other: Run) -> bool:
    if one.first_line and other.first_line:
        return one.first_line.instant.before(other.first_line.instant) is True
    first: Instant | None = one.start
    second: Instant | None = other.start
    return first is not None and second is not None and first.before(second) is True


def snapshots_in(timeline: Timeline, stretch: Stretch, pod: str = "") -> tuple[Snapshot, ...]:
    """Return the Pod's snapshots that arrived within a stretch.

    Raises:
        MissingError: the status source was not connected.
    """
    need_status(timeline)
    return tuple(s for s in timeline.snapshots(pod) if s.t_ns in stretch)


def snapshot_before(timeline: Timeline, stretch: Stretch, pod: str = "") -> Snapshot:
    """Return the last snapshot before a stretch.

    Raises:
        MissingError: there is none, or a later one may have been missed.
    """
    need_status(timeline)
    before = [s for s in timeline.snapshots(pod) if s.t_ns < stretch.begin_ns]
    if not before:
        raise MissingError("no status of the Pod before the fault")
    if timeline.gaps_of(Source.STATUS, after_ns=before[-1].t_ns, until_ns=stretch.begin_ns):
        raise MissingError("the status source was not observing right before the fault")
    return before[-1]


def need_status(timeline: Timeline) -> None:
    """Insist on the status source.

    Raises:
        MissingError: it was not connected.
    """
    if not timeline.has(Source.STATUS):
        raise MissingError("no status source")


def at(timeline: Timeline, t_ns: int) -> str:
    """Return a moment the way every detail tells it."""
    return f"+{timeline.at_s(t_ns):.3f}s"


def spec_of(timeline: Timeline, pod: str, uid: str) -> Mapping[str, Any]:
    """Return the spec of the Pod with a UID as first seen, else that of the Pod's name."""
    for shot in timeline.snapshots(pod):
        if shot.uid == uid:
            spec: Mapping[str, Any] = shot.object.get("spec") or {}
            return spec
    return timeline.spec(pod)


def field_of(shot: Snapshot, path: str) -> str:
    """Return a field of the raw object as text, e.g. `status/podIP`; empty when it is not set."""
    found: Any = shot.object
    for key in path.split("/"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return "" if found is None else str(found)
