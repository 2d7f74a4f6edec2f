"""Evidence on disk: JSON lines, first the meta line, then one line a record. Written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from podvow.errors import UsageError
from podvow.inputs import clipped, decoded, parsed
from podvow.shapes import wrong
from podvow.timeline.record import Kind, Record, Source
from podvow.timeline.shape import META, RECORD, misshapen
from podvow.timeline.timeline import Meta, Timeline

SCHEMA = 1
_WHAT = "podvow evidence"
_LINE_BYTES = 16 << 20
"""The longest line is an object of the API, which has at most 1.5 MiB."""
_FILE_BYTES = 512 << 20
CUT_OFF = "the evidence file is cut off"
_KINDS = {str(kind): kind for kind in Kind}
_SOURCES = {str(source): source for source in Source}
_META_FIELDS = {f.name for f in fields(Meta)}


def _lines(timeline: Timeline) -> Iterator[str]:
    # The number of records gives away a file that was cut off between two lines.
    meta = {"schema": SCHEMA, "records": len(timeline.records), **asdict(timeline.meta)}
    yield json.dumps(meta, separators=(",", ":"), sort_keys=True)
    for record in timeline.records:
        line: dict[str, Any] = {
            "t": record.t_ns,
            "p": record.precision_ns,
            "seq": record.seq,
            "source": record.source,
            "kind": record.kind,
        }
        for key in ("pod", "uid", "container"):
            if value := getattr(record, key):
                line[key] = value
        if record.data:
            line["data"] = record.data
        yield json.dumps(line, separators=(",", ":"))


def save(timeline: Timeline, path: Path) -> None:
    """Write a timeline; the file appears under its name only when it is complete and on the disk.

    Args:
        timeline: what to write.
        path: the file, conventionally `….jsonl`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as handle:
            handle.writelines(line + "\n" for line in _lines(timeline))
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _fields(line: Any, where: str, shape: Any) -> dict[str, Any]:
    if problem := wrong(line, shape, "line"):
        raise UsageError(f"{where}: no {_WHAT}: {problem}")
    made: dict[str, Any] = line
    return made


def _meta(line: Any, where: str) -> tuple[Meta, int | None]:
    """Return what the first line says: the meta data, and how many records there are (None: it does not say)."""
    if not isinstance(line, dict):
        raise UsageError(f"{where}: no {_WHAT}: it is no object")
    schema = line.pop("schema", None)
    if schema != SCHEMA or isinstance(schema, bool):
        raise UsageError(f"{where}: evidence of schema {clipped(repr(schema))}, this podvow reads {SCHEMA}")
    expected = _fields(line, where, META).pop("records", None)
    if unknown := line.keys() - _META_FIELDS:
        raise UsageError(f"{where}: no {_WHAT}: unknown field {clipped(', '.join(sorted(unknown)))}")
    return Meta(**line), expected


def _record(line: Any, where: str) -> Record:
    known = _fields(line, where, RECORD)
    kind, source = _KINDS.get(known["kind"]), _SOURCES.get(known["source"])
    if kind is None or source is None:
        what = f"source {known['source']!r}" if source is None else f"kind {known['kind']!r}"
        raise UsageError(f"{where}: no {_WHAT}: unknown {clipped(what)}")
    data = known.get("data", {})
    if problem := misshapen(kind, data):
        raise UsageError(f"{where}: no {_WHAT}: {problem}")
    return Record(
        t_ns=known["t"],
        precision_ns=known["p"],
        seq=known["seq"],
        source=source,
        kind=kind,
        pod=known.get("pod", ""),
        uid=known.get("uid", ""),
        container=known.get("container", ""),
        data=data,
    )


def _numbered(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a file with their places; memory is bounded by the longest one that is allowed."""
    size = 0
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: it is no plain file", hint="give an evidence file, …/evidence/*.jsonl")
        with path.open("rb") as handle:
            number = 0
            while line := handle.readline(_LINE_BYTES + 1):
                number += 1
                size += len(line)
                if len(line) > _LINE_BYTES or size > _FILE_BYTES:
                    raise UsageError(f"{path}:{number}: no {_WHAT}: larger than any that podvow writes")
                yield f"{path}:{number}", line
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: {reason}", hint="give an evidence file, …/evidence/*.jsonl") from error


def _cut(records: list[Record], expected: int | None) -> Record:
    """Return the record that says that the rest is missing: nothing can be concluded from what is not there."""
    many = f"{len(records)} records" + (f" of {expected}" if expected is not None else "")
    told = f"{CUT_OFF} after {many}"
    seq = max((r.seq for r in records if r.source is Source.HARNESS), default=0) + 1
    last = max((r.t_ns for r in records), default=0)
    return Record(last, 0, seq, Source.HARNESS, Kind.LOST, data={"reason": told})


def load(path: Path, *, whole: bool = True) -> Timeline:
    """Read a timeline back.

    Args:
        path: a file that `save` wrote.
        whole: False keeps what can be read of a file that is cut off at its end (a copy that broke off): the
            timeline then ends with a `lost` record, so that no verdict but inconclusive can follow from it.

    Returns:
        A timeline equal to the one that was written.

    Raises:
        UsageError: the file cannot be read, is cut off (in its first line, or `whole`), damaged, or of another
            schema; the line is named.
    """
    records: list[Record] = []
    meta: Meta | None = None
    expected: int | None = None
    where = f"{path}:1"
    cut = False
    for where, line in _numbered(path):
        try:
            text = decoded(line, where=where, what=_WHAT)
            value = parsed(text, where=where, what=_WHAT, unique=False)
        except UsageError:
            # `save` ends every line, so one that is broken and has no end was cut off.
            if whole or meta is None or line.endswith(b"\n"):
                raise
            cut = True
            break
        if meta is None:
            meta, expected = _meta(value, where)
        else:
            records.append(_record(value, where))
    if meta is None:
        raise UsageError(f"{path}: empty, no evidence in it")
    if expected is not None and len(records) > expected:
        raise UsageError(f"{where}: no {_WHAT}: {len(records)} records where {expected} were announced")
    if cut or (expected is not None and len(records) < expected):
        if whole:
            raise UsageError(f"{where}: cut off, {len(records)} records of {expected}")
        records.append(_cut(records, expected))
    return Timeline(meta, records)
