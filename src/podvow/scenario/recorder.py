"""Collects the records of one scenario while it runs, and lets its driver wait for states."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from enum import StrEnum
from typing import Any

from podvow.deadline import Deadline
from podvow.redact import blanked
from podvow.scenario.conditions import Condition
from podvow.scenario.halt import Halt
from podvow.timeline import Meta, Record, Source, Timeline
from podvow.timeline.record import Kind


class Waited(StrEnum):
    """How a wait ended."""

    MET = "met"
    HOPELESS = "hopeless"
    PASSED = "deadline passed"
    STOPPED = "stopped"


class Recorder:
    """Thread-safe journal of one scenario.

    Args:
        meta: what the timeline will be about.
        stop: ends every wait when set (Ctrl-C, a dead cluster).
    """

    def __init__(self, meta: Meta, stop: Halt) -> None:
        self.meta = meta
        self._stop = stop
        self._records: list[Record] = []
        self._changed = threading.Condition()
        self._harness_seq = 0
        self._open_gaps: dict[tuple[Source, str], tuple[int, str]] = {}
        self._heard_s = time.monotonic()

    @property
    def quiet_s(self) -> float:
        """For how long no source has told anything, in seconds."""
        return time.monotonic() - self._heard_s

    def add(self, record: Record) -> None:
        """Take a record, without what is secret in it, and wake who waits."""
        data = blanked(record.data)
        if data is not record.data:
            record = replace(record, data=data)
        with self._changed:
            self._records.append(record)
            self._heard_s = time.monotonic()
            self._changed.notify_all()

    def say(self, kind: Kind, **data: Any) -> Record:
        """Record what the harness itself does, now, without what is secret in it."""
        data = blanked(data)
        with self._changed:
            self._harness_seq += 1
            record = Record(time.time_ns(), 0, self._harness_seq, Source.HARNESS, kind, data=data)
            self._records.append(record)
            self._changed.notify_all()
        return record

    def open_gap(self, source: Source, *, since_ns: int, reason: str, where: str = "") -> None:
        """Note that a source stopped observing; the first of several openings counts."""
        with self._changed:
            self._open_gaps.setdefault((source, where), (since_ns, reason))

    def close_gap(self, source: Source, *, until_ns: int, lossless: bool = False, where: str = "") -> None:
        """Note that a source observes again; a lossless gap hid nothing and is forgotten."""
        with self._changed:
            opened = self._open_gaps.pop((source, where), None)
            if opened and not lossless:
                self._write_gap(source, *opened, until_ns)
            self._changed.notify_all()

    def await_observed(self, source: Source, timeout_s: float) -> bool:
        """Wait until a source observes again, for what it may still tell; return whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: not any(of is source for of, _ in self._open_gaps), timeout_s)

    def _write_gap(self, source: Source, since_ns: int, reason: str, until_ns: int) -> None:
        self._harness_seq += 1
        data = blanked({"of": str(source), "until_ns": until_ns, "reason": reason})
        self._records.append(Record(since_ns, 0, self._harness_seq, Source.HARNESS, Kind.GAP, data=data))
        self._changed.notify_all()

    def timeline(self) -> Timeline:
        """Return what has been recorded so far."""
        with self._changed:
            records = list(self._records)
        return Timeline(self.meta, records)

    def finish(self) -> Timeline:
        """Close what is open and return the finished timeline."""
        with self._changed:
            for (source, _), (since_ns, reason) in self._open_gaps.items():
                self._write_gap(source, since_ns, reason, 0)
            self._open_gaps.clear()
        return self.timeline()

    def settle_on(self, node: str, kubelet_version: str) -> None:
        """Note on which node the scenario's Pod came to lie."""
        self.meta = replace(self.meta, node=node, kubelet_version=kubelet_version)

    def wait(self, condition: Condition, deadline: Deadline) -> Waited:
        """Wait until the records show the condition, show that it has become impossible, or the deadline passes."""
        with self._stop.waking(self._changed):
            return self._wait(condition, deadline)

    def _wait(self, condition: Condition, deadline: Deadline) -> Waited:
        seen = -1
        while True:
            with self._changed:
                while len(self._records) == seen and not deadline.passed and not self._stop.is_set():
                    self._changed.wait(deadline.left_s)
                seen = len(self._records)
            timeline = self.timeline()
            if condition.met(timeline):
                return Waited.MET
            if self._stop.is_set():
                return Waited.STOPPED
            if condition.hopeless(timeline):
                return Waited.HOPELESS
            if deadline.passed:
                return Waited.PASSED
