"""Evidence on disk: JSON lines, first the meta line, then one line a record. Written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from podvow.errors import UsageError
from podvow.timeline.record import Kind, Record, Source
from podvow.timeline.timeline import Meta, Timeline

SCHEMA = 1


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


def _record(line: dict[str, Any]) -> Record:
    return Record(
        t_ns=int(line["t"]),
        precision_ns=int(line["p"]),
        seq=int(line["seq"]),
        source=Source(line["source"]),
        kind=Kind(line["kind"]),
        pod=str(line.get("pod", "")),
        uid=str(line.get("uid", "")),
        container=str(line.get("container", "")),
        data=dict(line.get("data", {})),
    )


def load(path: Path) -> Timeline:
    """Read a timeline back.

    Args:
        path: a file that `save` wrote.

    Returns:
        A timeline equal to the one that was written.

    Raises:
        UsageError: the file cannot be read, is cut off, or is of another schema; the line is named.
    """
    number = 0
    expected: int | None = None
    try:
        with path.open("rb") as handle:
            records = []
            meta: Meta | None = None
            for number, text in enumerate(handle, start=1):  # noqa: B007 (named in the error below)
                line = json.loads(text.decode())
                if meta is None:
                    schema = line.pop("schema", None)
                    if schema != SCHEMA:
                        raise UsageError(f"{path}:1: evidence of schema {schema!r}, this podvow reads {SCHEMA}")
                    expected = line.pop("records", None)
                    meta = Meta(**line)
                else:
                    records.append(_record(line))
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror or error}", hint="give an evidence file, …/evidence/*.jsonl"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UsageError(f"{path}:{number}: not podvow evidence: {error}") from error
    if meta is None:
        raise UsageError(f"{path}: empty, no evidence in it")
    if expected not in {None, len(records)}:
        raise UsageError(f"{path}:{number}: cut off, {len(records)} records of {expected}")
    return Timeline(meta, records)
