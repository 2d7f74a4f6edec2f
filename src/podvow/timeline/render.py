"""A timeline as text for people: one line a fact, with its source; snapshots show only what changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podvow.timeline.record import Instant, Kind, Record, Source
from podvow.timeline.timeline import Timeline
from podvow.timeline.views import Run, Snapshot

_WIDTH = 46
_COARSE_NS = 1_000_000_000
_MERGED = frozenset({Kind.CONTAINER_STARTED, Kind.CONTAINER_EXITED, Kind.STARTED, Kind.EXITED})
"""Kinds that several sources tell of one run; they become one line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rendered timeline.

    Attributes:
        t_ns: the moment that it tells.
        moments: all moments that it stands for.
        text: what happened.
        sources: who says so.
        coarse: whether its clock tells whole seconds only; then it is told at the end of its second.
    """

    t_ns: int
    moments: tuple[int, ...]
    text: str
    sources: str
    coarse: bool = False

    def shown(self, start_ns: int, marks: Collection[int]) -> str:
        """Return the line as it is printed, with `>` before it when one of its moments is marked."""
        mark = ">" if any(t in marks for t in self.moments) else " "
        seconds = (self.t_ns - start_ns) / 1e9
        moment = f"~{seconds:+.0f}s" if self.coarse else f"{seconds:+.3f}s"
        return f"   {mark} {moment:>9}  {self.text:<{_WIDTH}} {self.sources}".rstrip()


def _names(sources: Collection[Source]) -> str:
    return ", ".join(source for source in Source if source in sources)


def _containers(timeline: Timeline) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for record in timeline.records:
        if record.pod and record.container and record.source is not Source.EVENTS:
            found[record.pod, record.container] = None
        elif record.kind in {Kind.SNAPSHOT, Kind.DELETED}:
            for name in Snapshot(record, record.data["object"]).containers:
                found[record.pod, name] = None
    return list(found)


def _run_lines(timeline: Timeline, pod: str, run: Run) -> Iterator[Line]:
    where = "" if pod == timeline.meta.pod else f"{pod} "
    sources = _names(run.sources)
    if run.start:
        moments = {run.start.t_ns, run.seen_ns, *((run.first_line.t_ns,) if run.first_line else ())}
        yield _line(run.start, tuple(moments), f"{where}{run.label} started", sources)
    if run.exit:
        moments = {run.exit.t_ns, *((run.last_line.t_ns,) if run.last_line else ())}
        code = "" if run.code is None else f" {run.code}"
        yield _line(run.exit, tuple(moments), f"{where}{run.label} exited{code}", sources)


def _state(shot: Snapshot, container: str) -> str:
    state, details = shot.state(container)
    reason = details.get("reason", "")
    code = f" {details['exitCode']}" if state == "terminated" and "exitCode" in details else ""
    return f"{state or 'none'} {reason}".rstrip() + code


def _facts(shot: Snapshot) -> dict[str, str]:
    """Return what a reader wants to know of a snapshot, by name."""
    metadata: Mapping[str, Any] = shot.object.get("metadata") or {}
    facts = {
        "phase": shot.phase,
        "reason": str(shot.status.get("reason") or ""),
        "IP": str(shot.status.get("podIP") or ""),
        "generation": str(metadata.get("generation") or ""),
        "observedGeneration": str(shot.status.get("observedGeneration") or ""),
        "deletionTimestamp": str(metadata.get("deletionTimestamp") or ""),
    }
    for name, raw in shot.containers.items():
        facts[f"status {name}"] = _state(shot, name)
        facts[f"{name} id"] = shot.container_id(name)[:12]
        facts[f"{name} restartCount"] = str(raw.get("restartCount") or 0)
    for condition in shot.status.get("conditions") or ():
        message = condition.get("message", "") if condition.get("type") == "Initialized" else ""
        facts[f"condition {condition['type']}"] = f"{condition.get('status')} {message}".rstrip()
    return facts


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        before, now = old.get(name, ""), new.get(name, "")
        if before != now:
            default = "0" if name.endswith("restartCount") else ""
            if before != default or now != default:
                yield f"{name} {before} → {now}" if before else f"{name} {now}"


def _snapshot_lines(timeline: Timeline, record: Record, known: dict[str, dict[str, str]]) -> Iterator[Line]:
    where = "" if record.pod == timeline.meta.pod else f"{record.pod} "
    if record.kind is Kind.DELETED:
        known.pop(record.uid, None)
        yield Line(record.t_ns, (record.t_ns,), f"{where}Pod gone", "status")
        return
    facts = _facts(Snapshot(record, record.data["object"]))
    old = known.get(record.uid)
    if old is None:
        yield Line(record.t_ns, (record.t_ns,), f"{where}Pod {record.pod} seen, UID {record.uid[:8]}", "status")
    changes = list(_changes(old or {}, facts))
    for change in changes:
        yield Line(record.t_ns, (record.t_ns,), f"{where}{change}", "status")
    if old is not None and not changes:
        yield Line(record.t_ns, (record.t_ns,), f"{where}status unchanged", "status")
    known[record.uid] = facts


def _pairs(data: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in data.items() if value not in ("", None, {}, []))


_HARNESS: dict[Kind, Callable[[Mapping[str, Any]], str]] = {
    Kind.APPLIED: lambda d: f"applied {_name_of(d.get('object') or {})}",
    Kind.REACHED: lambda d: f"reached: {d.get('condition', '')}{' (control)' if d.get('control') else ''}",
    Kind.MISSED: lambda d: f"not reached in {d.get('waited_s', '?')}s: {d.get('condition', '')}",
    Kind.FAULT: lambda d: f"fault: {d.get('name', '')}({d.get('target', '')})",
    Kind.FAULT_DONE: lambda d: f"fault took place {_pairs(d.get('facts') or {})}".rstrip(),
    Kind.FAULT_FAILED: lambda d: f"fault failed: {d.get('error', '')}",
    Kind.HOLD_BEGIN: lambda d: f"observing for {d.get('seconds', '?')}s ({d.get('window', '')})",
    Kind.HOLD_END: lambda _: "observed",
    Kind.REJECTED: lambda d: f"refused {d.get('status', '')}: {(d.get('body') or {}).get('message', '')}",
    Kind.ANSWERED: lambda d: f"{d.get('case', '')} answered {d.get('status', '')}: {d.get('message', '')}",
    Kind.GAP: lambda d: f"gap: {d.get('of', '')} not observing, {d.get('reason', '')}",
}


def _name_of(raw: Mapping[str, Any]) -> str:
    return f"{raw.get('kind', '')} {(raw.get('metadata') or {}).get('name', '')}".strip()


def _harness_text(record: Record) -> str:
    told = _HARNESS.get(record.kind)
    return f"-- {told(record.data) if told else f'{record.kind} {_pairs(record.data)}'.rstrip()} --"


def _single_line(timeline: Timeline, record: Record) -> Line:
    where = "" if record.pod in {"", timeline.meta.pod} else f"{record.pod} "
    data = record.data
    moments = (record.t_ns,)
    if record.source is Source.HARNESS:
        return Line(record.t_ns, moments, _harness_text(record), "")
    match record.kind:
        case Kind.SAID:
            text = f"{record.container} said {data.get('text', '')!r}"
        case Kind.SIGNALLED:
            text = f"{record.container} got SIG{data.get('signal', '')}"
        case Kind.SANDBOX_STARTED | Kind.SANDBOX_EXITED | Kind.SANDBOX_DELETED:
            text = f"sandbox {str(data.get('id', ''))[:12]} {str(record.kind).removeprefix('sandbox-')}"
        case Kind.CONTAINER_CREATED | Kind.CONTAINER_DELETED:
            what = str(record.kind).removeprefix("container-")
            text = f"{record.container} {what} {str(data.get('id', ''))[:12]} {data.get('image', '')}".rstrip()
        case Kind.OBJECT:
            raw = data["object"]
            text = f"{_name_of(raw)} {_pairs(raw.get('status') or {})}"
        case Kind.EVENT:
            text = f"{record.container} event {data.get('reason', '')}".strip()
        case _:
            text = f"{record.container} {record.kind} {_pairs(data)}".strip()
    return _line(record.instant, moments, f"{where}{text}", str(record.source))


def _line(instant: Instant, moments: tuple[int, ...], text: str, sources: str) -> Line:
    coarse = instant.precision_ns >= _COARSE_NS
    return Line(instant.t_ns + (instant.precision_ns if coarse else 0), moments, text, sources, coarse)


def lines_of(timeline: Timeline) -> list[Line]:
    """Return the lines of a timeline in order.

    Args:
        timeline: what to render.

    Returns:
        One line a start or end of a run (whatever number of sources tell it), a change in the status, or a record
        of any other kind.
    """
    lines: list[Line] = []
    for pod, container in _containers(timeline):
        for run in timeline.runs(container, pod):
            lines.extend(_run_lines(timeline, pod, run))
    known: dict[str, dict[str, str]] = {}
    for record in timeline.records:
        if record.kind in _MERGED:
            continue
        if record.kind in {Kind.SNAPSHOT, Kind.DELETED}:
            lines.extend(_snapshot_lines(timeline, record, known))
        else:
            lines.append(_single_line(timeline, record))
    return sorted(lines, key=lambda line: line.t_ns)


def render_text(timeline: Timeline, marks: Collection[int] = ()) -> list[str]:
    """Render a whole timeline.

    Args:
        timeline: what to render.
        marks: moments of the records to mark with `>`, nanoseconds since the epoch.

    Returns:
        Its lines.
    """
    return [line.shown(timeline.start_ns, marks) for line in lines_of(timeline)]
