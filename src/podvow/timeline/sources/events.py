"""Events source: Kubernetes Events about the scenario's Pods. Decoration, never a verdict's only ground."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from podvow.timeline.record import Kind, Record, Source

_FIELD = re.compile(r"\{([^}]+)\}")
_SECOND_NS = 1_000_000_000


def from_event(raw: dict[str, Any], *, received_ns: int, seq: int) -> Record:
    """Turn an Event into a record; its stamps have whole seconds unless it carries an eventTime.

    Args:
        raw: the Event (core/v1).
        received_ns: when it arrived, used when it carries no stamp.
        seq: its place in the watch's order.
    """
    involved = raw.get("involvedObject", {})
    named = _FIELD.search(str(involved.get("fieldPath", "")))
    stamp = raw.get("eventTime") or raw.get("lastTimestamp") or raw.get("firstTimestamp")
    t_ns, precision = received_ns, 0
    if stamp:
        t_ns = round(datetime.fromisoformat(stamp).timestamp() * 1e6) * 1000
        precision = 1000 if raw.get("eventTime") else _SECOND_NS
    return Record(
        t_ns,
        precision,
        seq,
        Source.EVENTS,
        Kind.EVENT,
        pod=str(involved.get("name", "")),
        uid=str(involved.get("uid", "")),
        container=named.group(1) if named else "",
        data={
            "reason": raw.get("reason", ""),
            "message": raw.get("message", ""),
            "type": raw.get("type", ""),
            "count": raw.get("count", 1),
        },
    )
