"""Readings of a timeline: runs of containers, sandboxes, snapshots of a Pod. Pure functions over records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from podvow.timeline.record import Instant, Kind, Record, Source

_SLACK_NS = 250_000_000
"""The runtime stamps a start when it publishes it: possibly after the process wrote its first line."""
_LATE_NS = 3_000_000_000
"""How late the runtime may stamp all there is to tell of a run, on a busy node: its shim tells one thing after the
other (seen: a creation 0.7 s after the first line, with an end 0.5 s after the last)."""
_FIRST_LINE_NS = 10_000_000_000
"""How long after the second in which it started a container may take to write its first line."""
_ZERO_TIMES_S = 1_000_000_000
_NEVER_STARTED = frozenset({"StartError", "ContainerCannotRun", "ContainerStatusUnknown"})


@dataclass(frozen=True, slots=True)
class Run:
    """The n-th run of one container (`name #n`), from every source that saw it.

    Attributes:
        container: name of the container.
        n: 1 for the first run seen.
        uid: UID of the Pod it ran in.
        start: when its process started; None when only its creation or its end was seen.
        exit: when it ended; None while it runs (or when the end was not seen).
        code: its exit code, None when unknown.
        seen_ns: when it was first noticed by anybody (created, started, or shown in a status).
        container_id: the runtime's id, empty when unknown.
        sandbox_id: the sandbox that it ran in, empty when unknown.
        image: image reference or digest as the runtime or the status tell it.
        sources: who saw it.
        first_line: the trace's record of the start, when there is one.
        last_line: the trace's record of the end, when there is one.
    """

    container: str
    n: int
    uid: str = ""
    start: Instant | None = None
    exit: Instant | None = None
    code: int | None = None
    seen_ns: int = 0
    container_id: str = ""
    sandbox_id: str = ""
    image: str = ""
    sources: frozenset[Source] = frozenset()
    first_line: Record | None = None
    last_line: Record | None = None

    @property
    def label(self) -> str:
        """How a reader calls it."""
        return f"{self.container} #{self.n}"

    def exited_before_start_of(self, other: Run) -> bool | None:
        """Tell whether this run had ended when the other one started; None when the evidence cannot tell."""
        if self.last_line and other.first_line:
            return self.last_line.instant.before(other.first_line.instant)
        if self.exit is None or other.start is None:
            return None if other.start is None else (False if self.start is not None else None)
        return self.exit.before(other.start)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One sandbox of a Pod, as the runtime saw it."""

    id: str
    uid: str
    attempt: int
    start: Instant
    exit: Instant | None = None


@dataclass(frozen=True)
class Snapshot:
    """One watched state of a Pod: the raw object and when it arrived.

    Attributes:
        record: the record that carries it.
        object: the Pod, raw JSON.
    """

    record: Record
    object: Mapping[str, Any]

    @property
    def t_ns(self) -> int:
        """When it arrived, nanoseconds since the epoch."""
        return self.record.t_ns

    @property
    def status(self) -> Mapping[str, Any]:
        """The Pod's status."""
        status: Mapping[str, Any] = self.object.get("status", {})
        return status

    @property
    def phase(self) -> str:
        """The Pod's phase, empty when unset."""
        return str(self.status.get("phase", ""))

    @property
    def uid(self) -> str:
        """The Pod's UID."""
        return str(self.object.get("metadata", {}).get("uid", ""))

    @cached_property
    def containers(self) -> dict[str, Mapping[str, Any]]:
        """Raw container statuses of every kind by container name."""
        kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        return {c["name"]: c for kind in kinds for c in self.status.get(kind) or ()}

    def state(self, container: str) -> tuple[str, Mapping[str, Any]]:
        """Return (`waiting`|`running`|`terminated`|`` and its details) of a container."""
        state = self.containers.get(container, {}).get("state") or {}
        for name in ("running", "terminated", "waiting"):
            if name in state:
                return name, state[name] or {}
        return "", {}

    def container_id(self, container: str) -> str:
        """Return the container's id without its scheme, empty when it has none."""
        return str(self.containers.get(container, {}).get("containerID") or "").rpartition("//")[2]

    def condition(self, kind: str) -> Mapping[str, Any]:
        """Return one condition of the Pod, empty when it is not set."""
        return next((c for c in self.status.get("conditions") or () if c.get("type") == kind), {})

    def has_condition(self, kind: str, status: str = "True") -> bool:
        """Tell whether a condition of the Pod has a status."""
        return bool(self.condition(kind).get("status") == status)


@dataclass
class _RunBuilder:
    """Collects what each source says of one run before it is frozen."""

    container: str
    uid: str
    facts: dict[str, Any] = field(default_factory=dict)
    sources: set[Source] = field(default_factory=set)

    @property
    def begin_ns(self) -> int:
        """When it began at the earliest: its creation, where that was seen."""
        start: Instant | None = self.facts.get("start")
        created = self.facts.get("created_ns")
        return int(created) if created else start.t_ns if start else 0

    def freeze(self, n: int) -> Run:
        facts = {key: value for key, value in self.facts.items() if key != "created_ns"}
        start, end = facts.get("start"), facts.get("exit")
        if start and end and end.t_ns < start.t_ns < end.t_ns + end.precision_ns:
            # a coarse stamp of the end, made narrower by what is known of the start
            facts["exit"] = replace(end, t_ns=start.t_ns, precision_ns=end.t_ns + end.precision_ns - start.t_ns)
        seen_ns = int(self.facts.get("created_ns", 0)) or self.begin_ns
        return Run(self.container, n, self.uid, seen_ns=seen_ns, sources=frozenset(self.sources), **facts)


def _runtime_runs(records: Sequence[Record], container: str) -> list[_RunBuilder]:
    builders: dict[str, _RunBuilder] = {}
    for record in records:
        if record.source is not Source.RUNTIME or record.container != container:
            continue
        cid = str(record.data["id"])
        if record.kind in {Kind.CONTAINER_CREATED, Kind.CONTAINER_STARTED}:
            builder = builders.setdefault(cid, _RunBuilder(container, record.uid))
            builder.sources.add(Source.RUNTIME)
            builder.facts.setdefault("created_ns", record.t_ns)
            builder.facts["container_id"] = cid
            for key, fact in (("sandbox", "sandbox_id"), ("image", "image")):
                if record.data.get(key):
                    builder.facts[fact] = record.data[key]
            if record.kind is Kind.CONTAINER_STARTED:
                builder.facts["start"] = record.instant
        elif record.kind is Kind.CONTAINER_EXITED and cid in builders:
            builders[cid].facts["exit"] = record.instant
            builders[cid].facts["code"] = int(record.data["code"])
    return list(builders.values())


def _add_trace(builders: list[_RunBuilder], records: Sequence[Record], container: str) -> None:
    """Give every traced run to the run of the runtime that it is, else it is a run of its own."""
    runtime = list(builders)
    traced: dict[tuple[str, int], _RunBuilder] = {}
    lines = [r for r in records if r.source is Source.TRACE and r.container == container]
    starts = [r for r in lines if r.kind is Kind.STARTED]
    for record in lines:
        key = (record.uid, int(record.data["n"]))
        if record.kind is Kind.STARTED:
            free = [b for b in runtime if b.uid == record.uid and "first_line" not in b.facts]
            builder = _begun_by(free, record) or _told_late(free, record, starts)
            if builder is None:
                builder = _RunBuilder(container, record.uid)
                builders.append(builder)
                builder.facts["start"] = record.instant
            traced[key] = builder
            builder.facts["first_line"] = record
            told = builder.facts.setdefault("start", record.instant)
            # On a busy node the runtime publishes a start later than the process writes its first line.
            if record.t_ns < told.t_ns:
                builder.facts["start"] = record.instant
            builder.sources.add(Source.TRACE)
        elif record.kind is Kind.EXITED and key in traced:
            facts = traced[key].facts
            facts["last_line"] = record
            facts.setdefault("exit", record.instant)
            facts.setdefault("code", int(record.data["code"]))


def _begun_by(free: Sequence[_RunBuilder], line: Record) -> _RunBuilder | None:
    """Return the latest of the runs that had begun when a first line was written, and had not ended."""
    open_ = [
        b
        for b in free
        if b.begin_ns <= line.t_ns + line.precision_ns + _SLACK_NS
        and ("exit" not in b.facts or b.facts["exit"].t_ns + _SLACK_NS >= line.t_ns)
    ]
    return open_[-1] if open_ else None


def _told_late(free: Sequence[_RunBuilder], line: Record, starts: Sequence[Record]) -> _RunBuilder | None:
    """Return the first of the runs that the runtime told of only some time after a first line was written.

    Args:
        free: the runs of the runtime that may be it.
        line: the first line.
        starts: all first lines. What ended only after the next one is that one's run.
    """
    after_ns = next((r.t_ns for r in starts if r.uid == line.uid and r.t_ns > line.t_ns), None)
    for b in free:
        ended: Instant | None = b.facts.get("exit")
        over = after_ns is None or (ended and ended.t_ns <= after_ns)
        if over and line.t_ns < b.begin_ns <= line.t_ns + _LATE_NS:
            return b
    return None


def _stamp(text: object) -> Instant | None:
    """Read a whole-second stamp of the API; None for none and for the zero times that runtimes report."""
    try:
        seconds = int(datetime.fromisoformat(str(text)).timestamp())
    except ValueError:
        return None
    return Instant(seconds * 1_000_000_000, 1_000_000_000) if seconds > _ZERO_TIMES_S else None


@dataclass
class _Shown:
    """What the status told of one container id, over all snapshots."""

    snapshot: Snapshot
    facts: dict[str, Any] = field(default_factory=dict)


def _read_state(shown: _Shown, state: Mapping[str, Any]) -> None:
    details = state.get("terminated") or state.get("running") or {}
    started = _stamp(details.get("startedAt"))
    if started and details.get("reason") not in _NEVER_STARTED:
        shown.facts.setdefault("start", started)
    if "terminated" in state and details.get("reason") != "ContainerStatusUnknown":
        shown.facts.setdefault("code", int(details.get("exitCode", -1)))
        if finished := _stamp(details.get("finishedAt")):
            shown.facts.setdefault("exit", finished)


def _shown_ids(snapshots: Iterable[Snapshot], container: str) -> dict[str, _Shown]:
    """Collect what the status tells of every container id, in the order in which the ids were first shown."""
    found: dict[str, _Shown] = {}
    for snapshot in snapshots:
        raw = snapshot.containers.get(container)
        if not raw:
            continue
        # the last termination is older than the current state; its id may never have been current in a snapshot
        for key in ("lastState", "state"):
            state = raw.get(key) or {}
            ended = state.get("terminated") or {}
            cid = str(ended.get("containerID") or "").rpartition("//")[2]
            if key == "state":
                cid = cid or snapshot.container_id(container)
            if not cid:
                continue
            shown = found.setdefault(cid, _Shown(snapshot))
            _read_state(shown, state)
            if key == "state" and raw.get("imageID") and cid == snapshot.container_id(container):
                shown.facts["image"] = str(raw["imageID"])
    return found


def _add_status(builders: list[_RunBuilder], snapshots: Iterable[Snapshot], container: str) -> None:
    """Add what the status tells of runs: ids that nobody else saw, exit codes, images, whole-second times."""
    known = {b.facts.get("container_id"): b for b in builders if b.facts.get("container_id")}
    shown_ids = _shown_ids(snapshots, container)
    for cid, shown in shown_ids.items():
        builder = known.get(cid) or _traced_without_id(builders, shown, shown_ids.values())
        if builder is None:
            builder = _RunBuilder(container, shown.snapshot.uid)
            builder.facts["created_ns"] = shown.snapshot.t_ns
            builders.append(builder)
        builder.facts["container_id"] = cid
        builder.sources.add(Source.STATUS)
        for key, value in shown.facts.items():
            if key == "image":
                builder.facts[key] = value
            else:
                builder.facts.setdefault(key, value)


def _traced_without_id(
    builders: Sequence[_RunBuilder], shown: _Shown, others: Iterable[_Shown]
) -> _RunBuilder | None:
    """Find the traced run that an id belongs to: its first line was written while that container was the latest."""
    start: Instant | None = shown.facts.get("start")
    end: Instant | None = shown.facts.get("exit")
    if start is None:
        return None
    later = [o.facts["start"].t_ns for o in others if "start" in o.facts and o.facts["start"].t_ns > start.t_ns]
    # A container that ran for moments may be said to have ended in the second before it started (on a busy node).
    over = [max(s.t_ns + s.precision_ns for s in (start, end))] if end else []
    until_ns = min([*later, start.t_ns + _FIRST_LINE_NS, *over])
    for builder in builders:
        line: Record | None = builder.facts.get("first_line")
        if line is None or builder.uid != shown.snapshot.uid or builder.facts.get("container_id"):
            continue
        if start.t_ns - _SLACK_NS <= line.t_ns + line.precision_ns and line.t_ns <= until_ns + _SLACK_NS:
            return builder
    return None


def runs_of(records: Sequence[Record], snapshots: Sequence[Snapshot], container: str) -> tuple[Run, ...]:
    """Return the runs of one container in the order in which they began.

    Args:
        records: merged records of one scenario (of one Pod).
        snapshots: the Pod's snapshots in order.
        container: its name.

    Returns:
        The runs, numbered from 1.
    """
    builders = _runtime_runs(records, container)
    _add_trace(builders, records, container)
    _add_status(builders, snapshots, container)
    builders.sort(key=lambda b: b.begin_ns)
    return tuple(builder.freeze(n) for n, builder in enumerate(builders, start=1))


def sandboxes_of(records: Sequence[Record]) -> tuple[Sandbox, ...]:
    """Return the sandboxes that the runtime saw, in order of their start."""
    found: dict[str, Sandbox] = {}
    for record in records:
        if record.source is not Source.RUNTIME:
            continue
        sid = str(record.data.get("id", ""))
        if record.kind is Kind.SANDBOX_STARTED:
            found[sid] = Sandbox(sid, record.uid, int(record.data.get("attempt", 0)), record.instant)
        elif record.kind is Kind.SANDBOX_EXITED and sid in found:
            found[sid] = replace(found[sid], exit=record.instant)
    return tuple(found.values())
