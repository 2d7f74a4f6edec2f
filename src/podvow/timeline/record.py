"""One timed fact, its source and the precision of that source's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Where a record came from, in falling order of trust (docs/evidence.md)."""

    TRACE = "trace"
    RUNTIME = "runtime"
    STATUS = "status"
    EVENTS = "events"
    HARNESS = "harness"


class Kind(StrEnum):
    """What a record says. The data that belongs to each kind is named behind it."""

    # trace: written by the containers themselves
    STARTED = "started"  # n, uptime_s
    EXITED = "exited"  # n, code, uptime_s
    SIGNALLED = "signalled"  # n, signal, uptime_s
    SAID = "said"  # n, text, uptime_s
    # runtime: containerd's event stream
    CONTAINER_CREATED = "container-created"  # id, sandbox, image, attempt
    CONTAINER_STARTED = "container-started"  # id, sandbox, pid
    CONTAINER_EXITED = "container-exited"  # id, sandbox, code
    CONTAINER_DELETED = "container-deleted"  # id
    SANDBOX_STARTED = "sandbox-started"  # id, attempt
    SANDBOX_EXITED = "sandbox-exited"  # id, code
    SANDBOX_DELETED = "sandbox-deleted"  # id
    # status: the watched object, raw
    SNAPSHOT = "snapshot"  # object
    DELETED = "deleted"  # object
    OBJECT = "object"  # object: one that is not a Pod
    # events
    EVENT = "event"  # reason, message, type, count
    # harness
    APPLIED = "applied"  # object, asked_again (its creation was sent more than once)
    REACHED = "reached"  # step, condition
    MISSED = "missed"  # step, condition, waited_s, last, faults_ahead
    FAULT = "fault"  # fault, name, target, facts
    FAULT_DONE = "fault-done"  # fault, facts
    FAULT_FAILED = "fault-failed"  # fault, error
    UNDONE = "undone"  # fault
    HOLD_BEGIN = "hold-begin"  # window, seconds
    HOLD_END = "hold-end"  # window, seconds
    REJECTED = "rejected"  # object, status, body: the API server refused it
    PROBED = "probed"  # probe, facts or error: what a question of the harness found
    ANSWERED = "answered"  # case, verb, path, sent, status, reason, message, causes, dropped
    GAP = "gap"  # of (source), until_ns, reason
    LOST = "lost"  # reason: the cluster went away


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time known to lie in `[t_ns, t_ns + precision_ns)`.

    Attributes:
        t_ns: nanoseconds since the epoch, on the wall clock of the node (status and harness: of the runner).
        precision_ns: how wide the interval is, in nanoseconds.
        order: a number that decides between two instants of the same `clock`, whatever their stamps.
        clock: the name of the log that `order` counts in; empty when there is none.
    """

    t_ns: int
    precision_ns: int = 0
    order: int = 0
    clock: str = ""

    def before(self, other: Instant) -> bool | None:
        """Tell whether this instant lies before (or at) the other one; None when the evidence cannot tell."""
        if self.clock and self.clock == other.clock:
            return self.order < other.order
        if self.t_ns + self.precision_ns <= other.t_ns:
            return True
        if other.t_ns + other.precision_ns <= self.t_ns:
            return False
        return None


@dataclass(frozen=True, slots=True)
class Record:
    """One timed fact.

    Attributes:
        t_ns: nanoseconds since the epoch.
        precision_ns: the fact happened in `[t_ns, t_ns + precision_ns)`.
        seq: its place among the records of its source; a source never reorders.
        source: who says so.
        kind: what is said.
        pod: name of the Pod, empty when the record is about none.
        uid: UID of that Pod.
        container: name of the container, empty when the record is about the Pod.
        data: the details that belong to `kind`.
    """

    t_ns: int
    precision_ns: int
    seq: int
    source: Source
    kind: Kind
    pod: str = ""
    uid: str = ""
    container: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def instant(self) -> Instant:
        """When it happened. Records of one Pod's trace are ordered by the trace file itself."""
        if self.source is Source.TRACE:
            return Instant(self.t_ns, self.precision_ns, self.seq, f"trace/{self.uid}")
        if self.source is Source.RUNTIME:
            return Instant(self.t_ns, self.precision_ns, self.seq, "runtime")
        return Instant(self.t_ns, self.precision_ns)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which a source was not observing, in nanoseconds since the epoch."""

    source: Source
    from_ns: int
    until_ns: int
    reason: str
