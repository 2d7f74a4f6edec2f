"""Trace source: what fixture containers wrote about themselves (fixtures/scripts/trace.sh)."""

from __future__ import annotations

from typing import Any

from podvow.errors import PodvowError
from podvow.timeline.record import Kind, Record, Source

PRECISION_NS = 10_000_000
"""Resolution of /proc/uptime (proc(5))."""
_MIN_FIELDS = 4
_KINDS = {"start": Kind.STARTED, "exit": Kind.EXITED, "signal": Kind.SIGNALLED, "say": Kind.SAID}


class TraceError(PodvowError):
    """A line that no fixture container wrote."""


def from_line(line: str, *, boot_ns: int, seq: int, pod: str, uid: str) -> Record:
    """Turn one line of a trace into a record.

    Args:
        line: `uptime container run what [rest]`, uptime in seconds.
        boot_ns: the node's boot on its wall clock, nanoseconds since the epoch.
        seq: the line's place in the file.
        pod: name of the Pod.
        uid: UID of the Pod.

    Raises:
        TraceError: the line is not one of these.
    """
    fields = line.split(" ", 4)
    if len(fields) < _MIN_FIELDS or fields[3] not in _KINDS:
        raise TraceError(f"not a trace line: {line!r}")
    uptime, container, run, what = fields[:4]
    rest = fields[4] if len(fields) > _MIN_FIELDS else ""
    try:
        data: dict[str, Any] = {"n": int(run), "uptime_s": float(uptime)}
        if what == "exit":
            data["code"] = int(rest)
        # /proc/uptime has two decimals; cutting the product off would make one reading in fifteen a tick too early.
        t_ns = boot_ns + round(float(uptime) * 100) * PRECISION_NS
    except (ValueError, OverflowError) as error:
        raise TraceError(f"not a trace line: {line!r}") from error
    if what == "signal":
        data["signal"] = rest
    elif what == "say":
        data["text"] = rest
    return Record(
        t_ns, PRECISION_NS, seq, Source.TRACE, _KINDS[what], pod=pod, uid=uid, container=container, data=data
    )
