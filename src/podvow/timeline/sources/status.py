"""Status source: raw objects as the watch delivered them, never typed models (they drop unknown fields)."""

from __future__ import annotations

from typing import Any

from podvow.redact import blanked
from podvow.timeline.record import Kind, Record, Source

_NOISE = ("managedFields",)


def slim(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the object without what says nothing about behaviour; the data of Secrets is blanked."""
    metadata = {k: v for k, v in raw.get("metadata", {}).items() if k not in _NOISE}
    slimmed = {**raw, "metadata": metadata}
    return dict(blanked(slimmed)) if raw.get("kind") == "Secret" else slimmed


def from_object(raw: dict[str, Any], *, received_ns: int, seq: int, deleted: bool = False) -> Record:
    """Turn a watched object into a record.

    Args:
        raw: the object; lists leave out its kind, then it is a Pod.
        received_ns: when it arrived, nanoseconds since the epoch on the runner's clock.
        seq: its place in the watch's order.
        deleted: whether the watch said that it is gone.
    """
    metadata = raw["metadata"]
    if raw.get("kind", "Pod") != "Pod":
        return Record(
            received_ns, 0, seq, Source.STATUS, Kind.OBJECT, data={"object": slim(raw), "deleted": deleted}
        )
    return Record(
        received_ns,
        0,
        seq,
        Source.STATUS,
        Kind.DELETED if deleted else Kind.SNAPSHOT,
        pod=metadata["name"],
        uid=metadata["uid"],
        data={"object": slim(raw)},
    )
