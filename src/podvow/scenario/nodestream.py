"""Follows one node: containerd's events and the traces of fixture Pods, over a single program on the node."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from podvow.cluster.cri import Cri
from podvow.cluster.node import NodeAccess
from podvow.errors import PodvowError
from podvow.paths import FIXTURES
from podvow.scenario.recovered import missed
from podvow.timeline import Record, Source
from podvow.timeline.record import Kind
from podvow.timeline.sources import runtime, trace

_LOG = logging.getLogger(__name__)
_REOPEN_S = 0.5
_NODE_SOURCES = (Source.TRACE, Source.RUNTIME)
_RESERVED = 100_000
_RECOVERIES = 20


def _epoch_ns(epoch: str) -> int:
    """Return bash's EPOCHREALTIME (microseconds, with the locale's point) in nanoseconds since the epoch."""
    return int(epoch.replace(".", "").replace(",", "")) * 1000


class NodeSink(Protocol):
    """Takes what a node stream reads."""

    def node_record(self, namespace: str, record: Record) -> None:
        """Take a record; the namespace is empty when the stream does not know it (traces)."""

    def node_gap(self, node: str, source: Source, *, since_ns: int, reason: str) -> None:
        """A source of this node stopped observing."""

    def node_back(
        self, node: str, source: Source, *, until_ns: int, whole: Callable[[str], bool] | None = None
    ) -> None:
        """A source of this node observes again; `whole` tells of a Pod's UID that nothing of it was lost."""


class NodeStream:
    """Reads `fixtures/scripts/node_stream.sh` running on a node; opens it again when it breaks off.

    Args:
        access: way onto the node.
        node: its name.
        sink: takes records and gaps.
        pod_of: returns the name of the Pod with a UID, "" when it is not known yet.
        cri: the node's runtime, asked for its records after a time in which its events were not heard.
    """

    def __init__(
        self,
        access: NodeAccess,
        node: str,
        sink: NodeSink,
        pod_of: Callable[[str], str],
        cri: Cri | None = None,
    ) -> None:
        self.node = node
        self._access = access
        self._sink = sink
        self._pod_of = pod_of
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._beat = threading.Condition()
        self._alive_ns = 0
        self._boot_ns = 0
        self._identities: dict[str, runtime.Identity] = {}
        self._sandboxes: Counter[str] = Counter()
        self._trace_lines: Counter[str] = Counter()
        self._cri = cri
        self._sums: Counter[str] = Counter()
        self._skip: Counter[str] = Counter()
        self._again: Counter[str] = Counter()
        self._differs: set[str] = set()
        self._beats = 0
        self._heard = False
        self._back_ns = 0
        self._told: defaultdict[str, set[Kind]] = defaultdict(set)
        self._runtime_lost = False
        self._runtime_seq = 0
        self._thread = threading.Thread(target=self._run, name=f"node-{node}", daemon=True)

    def start(self) -> None:
        """Begin to follow the node."""
        self._thread.start()

    def stop(self) -> None:
        """End the program on the node and the thread."""
        self._stopped.set()
        process = self._process
        if process is not None:
            # The end of its input ends the program on the node; a signal would only end the way to it.
            with contextlib.suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
            self._thread.join(timeout=2)
            process.terminate()
        self._thread.join(timeout=5)

    def wait_beat(self, after_ns: int, timeout_s: float) -> bool:
        """Wait until the node has been heard of after a moment of its wall clock (nanoseconds since the epoch)."""
        with self._beat:
            return self._beat.wait_for(lambda: self._alive_ns > after_ns or self._stopped.is_set(), timeout_s)

    def wait_heard(self, timeout_s: float) -> bool:
        """Wait until the runtime's events are heard for the first time."""
        with self._beat:
            return self._beat.wait_for(lambda: self._heard or self._stopped.is_set(), timeout_s)

    def _run(self) -> None:
        script = (FIXTURES / "scripts" / "node_stream.sh").read_text(encoding="utf-8")
        while not self._stopped.is_set():
            reason = "the stream from the node ended"
            try:
                self._process = self._access.popen(self.node, ["bash", "-c", script])
                stdout = self._process.stdout
                assert stdout is not None  # noqa: S101 (popen was asked for a pipe)
                for raw in () if self._stopped.is_set() else stdout:
                    self._take(raw.decode(errors="replace").rstrip("\n"))
            except OSError as error:
                reason = f"the stream from the node could not be opened: {error}"
            self._end()
            if self._stopped.is_set():
                break
            since = self._alive_ns or time.time_ns()
            for source in _NODE_SOURCES:
                self._sink.node_gap(self.node, source, since_ns=since, reason=reason)
            # The new program reads every trace from its first line; what is known is skipped.
            self._skip = Counter(self._trace_lines)
            self._again.clear()
            self._differs.clear()
            self._beats, self._alive_ns, self._runtime_lost = 0, 0, True
            self._stopped.wait(_REOPEN_S)

    def _end(self) -> None:
        """Put away a program that is over, or that nobody can hear any more."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _take(self, line: str) -> None:
        tag, _, rest = line.partition(" ")
        try:
            match tag:
                case "H":
                    self._heartbeat(rest)
                case "R":
                    self._event(rest)
                case "I":
                    container_id, _, annotations = rest.partition(" ")
                    self._identities[container_id] = runtime.identity(container_id, annotations)
                case "T":
                    self._trace(rest)
                case "X":
                    self._sink.node_gap(self.node, Source.RUNTIME, since_ns=time.time_ns(), reason=rest)
                    self._runtime_lost = True
                case "E":
                    self._runtime_back(_epoch_ns(rest))
        except (ValueError, KeyError, TypeError, ArithmeticError, trace.TraceError) as error:
            _LOG.warning("node %s said what podvow cannot read: %s (%s)", self.node, line[:200], error)
            if tag == "R":
                self._unread(time.time_ns())

    def _unread(self, now_ns: int) -> None:
        """An event cannot be read: nobody knows what it said, but the runtime may still have a record of it."""
        since_ns = self._alive_ns or now_ns
        self._sink.node_gap(self.node, Source.RUNTIME, since_ns=since_ns, reason="an event could not be read")
        self._runtime_lost = True
        self._runtime_back(now_ns)

    def _heartbeat(self, rest: str) -> None:
        epoch, uptime = rest.split()
        now_ns = _epoch_ns(epoch)
        boot_ns = now_ns - round(float(uptime) * 100) * trace.PRECISION_NS
        # /proc/uptime is cut off to 10 ms, so that every reading errs to the late side: the earliest is the best.
        self._boot_ns = min(self._boot_ns, boot_ns) if self._boot_ns else boot_ns
        self._beats += 1
        if self._beats == 1:
            self._back_ns = now_ns
        elif self._beats == 2:  # noqa: PLR2004 (between the first beat and the second every trace was read)
            self._sink.node_back(self.node, Source.TRACE, until_ns=self._back_ns, whole=self._whole)
        with self._beat:
            self._alive_ns = now_ns
            self._beat.notify_all()

    def _whole(self, uid: str) -> bool:
        """Tell whether a Pod's trace is there again with all the lines that were known."""
        return self._skip[uid] == 0 and uid not in self._differs

    def _runtime_back(self, at_ns: int) -> None:
        """The runtime's events are heard again: ask it for what was missed."""
        self._sink.node_back(self.node, Source.RUNTIME, until_ns=at_ns)
        with self._beat:
            self._heard = True
            self._beat.notify_all()
        if self._runtime_lost and self._cri is not None:
            self._runtime_lost = False
            first = self._runtime_seq + 1
            self._runtime_seq += _RESERVED  # what is told now comes after what was missed
            told = {cid: set(kinds) for cid, kinds in self._told.items()}
            arguments = (self._cri, told, at_ns, first)
            threading.Thread(target=self._recover, args=arguments, name=f"recover-{self.node}", daemon=True).start()

    def _recover(self, cri: Cri, told: dict[str, set[Kind]], at_ns: int, first: int) -> None:
        found: list[tuple[str, Record]] = []
        for _ in range(_RECOVERIES):
            try:
                found = missed(cri, self.node, told, at_ns)
            except (PodvowError, OSError, KeyError, ValueError) as error:
                _LOG.info("node %s: records not read: %s", self.node, error)
                self._stopped.wait(1.0)
            else:
                break
        for seq, (namespace, record) in enumerate(found[:_RESERVED], start=first):
            data = dict(record.data)
            if record.kind is Kind.SANDBOX_STARTED:
                data["attempt"] = self._sandboxes[record.uid]
                self._sandboxes[record.uid] += 1
            self._told[str(data["id"])].add(record.kind)
            self._sink.node_record(namespace, replace(record, seq=seq, data=data))

    def _event(self, rest: str) -> None:
        event = runtime.parse(rest)
        who = self._identities.get(event.id) if event else None
        if event is None or who is None:
            return
        self._runtime_seq += 1
        record = runtime.to_record(event, who, seq=self._runtime_seq, attempt=self._sandboxes[who.uid])
        if record is None:
            return
        if event.topic == "/tasks/start" and not who.container:
            self._sandboxes[who.uid] += 1
        self._told[event.id].add(record.kind)
        self._sink.node_record(who.namespace, record)

    def _trace(self, rest: str) -> None:
        uid, _, line = rest.partition(" ")
        if self._skip[uid] > 0:
            self._skip[uid] -= 1
            self._again[uid] = zlib.crc32(line.encode(), self._again[uid])
            if self._skip[uid] == 0 and self._again[uid] != self._sums[uid]:
                self._differs.add(uid)
            return
        self._trace_lines[uid] += 1
        self._sums[uid] = zlib.crc32(line.encode(), self._sums[uid])
        record = trace.from_line(
            line, boot_ns=self._boot_ns, seq=self._trace_lines[uid], pod=self._pod_of(uid), uid=uid
        )
        self._sink.node_record("", record)
