"""What a reader of one verdict wants beside it: texts made from its evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from podvow.redact import redacted
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Kind

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def tolerant(make: Callable[[], str]) -> str:
    """Return what is made; when that fails, say so instead: odd evidence must not cost the rest of the report."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 (whatever it is, the other verdicts are to be read)
        return f"could not be made from this evidence: {type(error).__name__}: {error}"


def manifests(timeline: Timeline) -> str:
    """Return the objects that were applied (and those that were refused) as YAML; empty when there are none."""
    objects = [redacted(r.data.get("object", {})) for r in timeline.of(Kind.APPLIED, Kind.REJECTED)]
    if not objects:
        return ""
    text: str = yaml.dump_all(objects, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    return text


def last_objects(timeline: Timeline) -> str:
    """Return the last known state of every Pod and other object as JSON; empty when none was seen."""
    last: dict[str, Any] = {}
    for record in timeline.of(Kind.SNAPSHOT, Kind.DELETED, Kind.OBJECT):
        raw = record.data.get("object", {})
        metadata = raw.get("metadata", {})
        last[f"{raw.get('kind', 'Pod')}/{metadata.get('name', '')}/{metadata.get('uid', '')}"] = raw
    return json.dumps(redacted(list(last.values())), indent=1, ensure_ascii=False) if last else ""


def excerpt(timeline: Timeline, *sources: Source) -> str:
    """Return the records of some sources as text, a line each, times in seconds since the first record."""
    return "\n".join(_lines(timeline, sources))


def _lines(timeline: Timeline, sources: tuple[Source, ...]) -> Iterator[str]:
    for record in timeline.records:
        if record.source in sources:
            yield f"+{timeline.at_s(record.t_ns):9.3f}s  {_who(record):<28} {record.kind:<18} {_details(record)}"


def _who(record: Record) -> str:
    return f"{record.pod}/{record.container}" if record.container else record.pod or "-"


def _details(record: Record) -> str:
    return " ".join(f"{key}={value}" for key, value in record.data.items() if key != "object")
