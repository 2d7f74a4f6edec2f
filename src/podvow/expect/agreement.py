"""Where the sources contradict each other: a finding of its own, whoever is wrong, no verdict about the cluster.

Not every difference is a contradiction. A container that is killed or fails before the script's first line has no
trace; one that lives for an instant can be gone before the node stream has read who it is; one that never started
has an id in the status but no life in the runtime; a kill may strike between a script's last line and its end; some
terminations are the kubelet's own invention and say so. Statuses arrive late: what a status does not say yet is
judged by what the same status does say already. (docs/decisions/0005-disagreement.md)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podvow.expect.evidence import at, begin_of, pods
from podvow.timeline import Run, Snapshot, Source, Timeline
from podvow.timeline.record import Kind, Record
from podvow.verdict import Finding

_SHORT_S = 2.0
_SETTLED_S = 10.0
_PUBLISH_S = 10.0
"""How much older than the newest thing that a status shows an end may be that it does not show yet."""
_START_ERRORS = frozenset({"StartError", "ContainerCannotRun", "ContainerStatusUnknown"})
_INVENTED = _START_ERRORS | {"Unknown", "RestartingAllContainers"}
"""Reasons of terminations whose exit code no runtime has told."""
_LAST_OWN_CODE = 128
"""Above it a process was ended from outside: the script may have written another code an instant before."""


def disagreements(timeline: Timeline) -> tuple[Finding, ...]:
    """Return the contradictions between status, runtime and trace, in the order in which they came up.

    Args:
        timeline: the evidence. One that was cut off with its cluster says nothing.
    """
    if timeline.of(Kind.LOST) or not timeline.has(Source.RUNTIME):
        return ()
    try:
        found = list(_all(timeline))
    except Exception as error:  # noqa: BLE001 (a checker's bug must not cost the verdict, nor be kept silent)
        return (
            Finding("comparison-failed", f"the sources could not be compared: {type(error).__name__}: {error}"),
        )
    return tuple(sorted(found, key=lambda f: (f.at_ns, f.kind, f.text)))


def _finding(timeline: Timeline, kind: str, text: str, t_ns: int, *, unreliable: bool = False) -> Finding:
    return Finding(kind, text, t_ns, round(timeline.at_s(t_ns), 3), unreliable)


def _all(timeline: Timeline) -> Iterator[Finding]:
    whole = not timeline.gaps_of(Source.RUNTIME)
    traced = whole and timeline.has(Source.TRACE) and not timeline.gaps_of(Source.TRACE)
    lives = _Lives(timeline)
    for pod in pods(timeline):
        uids = {r.uid for r in timeline.of(pod=pod) if r.source is Source.RUNTIME}
        yield from _stale(timeline, pod, lives)
        yield from _status_codes(timeline, pod, lives)
        if whole:
            yield from _unknown_ids(timeline, pod, uids, lives)
        if traced:
            seen = uids & {r.uid for r in timeline.of(Kind.STARTED, pod=pod)}
            yield from _one_sided(timeline, pod, seen)
            yield from _trace_codes(timeline, pod, seen)


class _Lives:
    """What the runtime told of every container id."""

    def __init__(self, timeline: Timeline) -> None:
        self.starts: dict[str, Record] = {}
        self.exits: dict[str, list[Record]] = {}
        self.known: set[str] = set()
        for record in timeline.records:
            if record.source is Source.RUNTIME:
                cid = str(record.data.get("id", ""))
                self.known.add(cid)
                if record.kind is Kind.CONTAINER_STARTED:
                    self.starts[cid] = record
                elif record.kind is Kind.CONTAINER_EXITED:
                    self.exits.setdefault(cid, []).append(record)

    def code(self, cid: str) -> int | None:
        """Return the exit code of a container that ran, None when it is not known for certain."""
        codes = {int(r.data["code"]) for r in self.exits.get(cid, ())}
        return codes.pop() if cid in self.starts and len(codes) == 1 else None

    def shown_until(self, shot: Snapshot, container: str) -> int:
        """Return the latest moment in the life of a container that a status shows; 0 when it shows none."""
        state, details = shot.state(container)
        cid = shot.container_id(container)
        if state == "running" and cid in self.starts:
            return self.starts[cid].t_ns
        if state == "terminated" and details.get("reason") not in _INVENTED and cid in self.exits:
            return self.exits[cid][0].t_ns
        return 0


def _stale(timeline: Timeline, pod: str, lives: _Lives) -> Iterator[Finding]:
    """Yield containers shown as running in a status that shows what happened long after their end."""
    told: set[str] = set()
    for shot in timeline.snapshots(pod):
        newest, by = max(((lives.shown_until(shot, c), c) for c in shot.containers), default=(0, ""))
        for container in shot.containers:
            cid = shot.container_id(container)
            ended = lives.exits.get(cid)
            if shot.state(container)[0] != "running" or not ended or cid in told:
                continue
            late_s = (newest - ended[-1].t_ns) / 1e9
            if late_s > _PUBLISH_S:
                told.add(cid)
                text = (
                    f"the status of {at(timeline, shot.t_ns)} shows {pod}/{container} running, the runtime saw it"
                    f" exit at {at(timeline, ended[-1].t_ns)}, {late_s:.1f} s before what is shown of {by}"
                )
                yield _finding(timeline, "status-stale", text, shot.t_ns)


def _terminations(shot: Snapshot, container: str) -> Iterator[Mapping[str, Any]]:
    raw = shot.containers[container]
    for key in ("state", "lastState"):
        ended = (raw.get(key) or {}).get("terminated")
        if ended:
            yield ended


def _status_codes(timeline: Timeline, pod: str, lives: _Lives) -> Iterator[Finding]:
    """Yield exit codes in the status that are not those that the runtime told of the same container."""
    told: set[str] = set()
    for shot in timeline.snapshots(pod):
        for container in shot.containers:
            for ended in _terminations(shot, container):
                cid = str(ended.get("containerID") or "").rpartition("//")[2]
                code = lives.code(cid)
                if code is None or cid in told or ended.get("reason") in _INVENTED or "exitCode" not in ended:
                    continue
                if int(ended["exitCode"]) != code:
                    told.add(cid)
                    text = (
                        f"the status of {at(timeline, shot.t_ns)} says that {pod}/{container} {cid[:12]} exited"
                        f" {ended['exitCode']}, the runtime says {code}"
                    )
                    yield _finding(timeline, "status-exit-code", text, shot.t_ns)


def _unknown_ids(timeline: Timeline, pod: str, uids: set[str], lives: _Lives) -> Iterator[Finding]:
    """Yield containers that the status shows running for a while and the runtime never had."""
    first_shown: dict[str, int] = {}
    reported: set[str] = set()
    for shot in timeline.snapshots(pod):
        if shot.uid not in uids:
            continue
        for container in shot.containers:
            cid = shot.container_id(container)
            state, details = shot.state(container)
            if not cid or cid in lives.known or cid in reported or details.get("reason") in _START_ERRORS:
                continue
            if state == "running":
                since = first_shown.setdefault(cid, shot.t_ns)
                if (shot.t_ns - since) / 1e9 >= _SHORT_S:
                    reported.add(cid)
                    text = (
                        f"the status of {at(timeline, since)} names container {cid[:12]} of {pod}/{container},"
                        " the runtime never had it"
                    )
                    yield _finding(timeline, "status-unknown-container", text, since)


def _lasted_s(timeline: Timeline, run: Run) -> float:
    """Return how long a run is known to have lasted; short of the end of the evidence when it goes on."""
    if run.start is None:
        return 0.0
    if run.exit is None:
        return (timeline.end_ns - run.start.t_ns) / 1e9 - _SETTLED_S
    return (run.exit.t_ns - run.start.t_ns - run.start.precision_ns) / 1e9


def _containers(timeline: Timeline, pod: str) -> Iterator[str]:
    for container in timeline.containers(pod):
        if timeline.is_traced(container, pod):
            yield container


def _one_sided(timeline: Timeline, pod: str, uids: set[str]) -> Iterator[Finding]:
    """Yield runs that one witness saw and the other must have seen."""
    for container in _containers(timeline, pod):
        for run in timeline.runs(container, pod):
            if run.uid not in uids or _lasted_s(timeline, run) < _SHORT_S:
                continue
            who, when = f"{pod}/{run.label}", at(timeline, begin_of(run))
            if Source.TRACE in run.sources and Source.RUNTIME not in run.sources:
                text = f"the trace has {who} at {when}, the runtime never saw it"
                yield _finding(timeline, "run-unknown-to-runtime", text, begin_of(run), unreliable=True)
            elif Source.RUNTIME in run.sources and Source.TRACE not in run.sources and run.code in {0, None}:
                text = f"the runtime ran {who} at {when}, its trace is silent"
                yield _finding(timeline, "run-without-trace", text, begin_of(run), unreliable=True)


def _trace_codes(timeline: Timeline, pod: str, uids: set[str]) -> Iterator[Finding]:
    """Yield exit codes that a container wrote down itself and the runtime told otherwise.

    Which line belongs to which container is told by times; where a run lacks its lines they are not compared.
    """
    for container in _containers(timeline, pod):
        runs = [run for run in timeline.runs(container, pod) if run.uid in uids]
        if not all({Source.TRACE, Source.RUNTIME} <= run.sources for run in runs):
            continue
        for run in runs:
            own = int(run.last_line.data["code"]) if run.last_line else None
            if own is None or run.code is None or run.exit is None or run.code > _LAST_OWN_CODE or own == run.code:
                continue
            text = f"{pod}/{run.label} wrote that it exited {own}, the runtime says {run.code}"
            yield _finding(timeline, "witness-exit-code", text, run.exit.t_ns, unreliable=True)
