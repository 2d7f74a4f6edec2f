"""Follows one node: containerd's events and the traces of fixture Pods, over a single program on the node."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from podvow.cluster.node import NodeAccess
from podvow.paths import FIXTURES
from podvow.timeline import Record, Source
from podvow.timeline.sources import runtime, trace

_LOG = logging.getLogger(__name__)
_REOPEN_S = 0.5
_NODE_SOURCES = (Source.TRACE, Source.RUNTIME)


class NodeSink(Protocol):
    """Takes what a node stream reads."""

    def node_record(self, namespace: str, record: Record) -> None:
        """Take a record; the namespace is empty when the stream does not know it (traces)."""

    def node_gap(self, node: str, source: Source, *, since_ns: int, reason: str) -> None:
        """A source of this node stopped observing."""

    def node_back(self, node: str, source: Source, *, until_ns: int) -> None:
        """A source of this node observes again."""


class NodeStream:
    """Reads `fixtures/scripts/node_stream.sh` running on a node; opens it again when it breaks off.

    Args:
        access: way onto the node.
        node: its name.
        sink: takes records and gaps.
        pod_of: returns the name of the Pod with a UID, "" when it is not known yet.
    """

    def __init__(self, access: NodeAccess, node: str, sink: NodeSink, pod_of: Callable[[str], str]) -> None:
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
        self._skip: Counter[str] = Counter()
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
            self._alive_ns = 0
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
                    self._alive_ns = 0
        except (ValueError, KeyError, TypeError, ArithmeticError, trace.TraceError) as error:
            _LOG.warning("node %s said what podvow cannot read: %s (%s)", self.node, line[:200], error)

    def _heartbeat(self, rest: str) -> None:
        epoch, uptime = rest.split()
        now_ns = int(epoch.replace(".", "").replace(",", "")) * 1000
        boot_ns = now_ns - round(float(uptime) * 100) * trace.PRECISION_NS
        # /proc/uptime is cut off to 10 ms, so that every reading errs to the late side: the earliest is the best.
        self._boot_ns = min(self._boot_ns, boot_ns) if self._boot_ns else boot_ns
        if not self._alive_ns:
            for source in _NODE_SOURCES:
                self._sink.node_back(self.node, source, until_ns=now_ns)
        with self._beat:
            self._alive_ns = now_ns
            self._beat.notify_all()

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
        self._sink.node_record(who.namespace, record)

    def _trace(self, rest: str) -> None:
        uid, _, line = rest.partition(" ")
        if self._skip[uid] > 0:
            self._skip[uid] -= 1
            return
        self._trace_lines[uid] += 1
        record = trace.from_line(
            line, boot_ns=self._boot_ns, seq=self._trace_lines[uid], pod=self._pod_of(uid), uid=uid
        )
        self._sink.node_record("", record)
