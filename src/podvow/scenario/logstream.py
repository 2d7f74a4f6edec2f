"""Reads traces from container logs, for clusters whose nodes cannot be reached.

A trace line goes to the container's log too. A log is followed from the moment the status names a container, again
when it breaks off, and read once more in the end. What may have been missed all the same is recorded as a gap: a
run whose number was skipped, one that the status counts and nobody read, a log that was not read to its end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from podvow.api import Api, ApiError, Stream
from podvow.scenario.recorder import Recorder
from podvow.timeline import Source
from podvow.timeline.sources import trace

_LOG = logging.getLogger(__name__)
_MARK = "podvow "
_SECOND_NS = 1_000_000_000
_SILENCE_S = 3600.0
_AGAIN_S = 0.5
_LINES_A_TICK = 10_000
_STAMP_NS = 2 * _SECOND_NS
"""The status stamps whole seconds, and a busy node a moment after the process wrote its first line."""
_NO_LOG = frozenset({400, 404})
"""Answers that say: there is no such container (any more)."""


@dataclass
class _Instance:
    """One container of the runtime.

    Attributes:
        metadata: of its Pod.
        container: its name.
        started_at: when it started, as the status stamps it.
        whole: whether its log was read to its end.
    """

    metadata: Mapping[str, Any]
    container: str
    started_at: str
    whole: bool = False

    @property
    def path(self) -> str:
        """Path of the log of whichever container of whichever Pod bears these names now."""
        return f"/api/v1/namespaces/{self.metadata['namespace']}/pods/{self.metadata['name']}/log"

    @property
    def key(self) -> tuple[str, str]:
        """UID of the Pod and name of the container."""
        return self.metadata["uid"], self.container


class LogStream:
    """Follows the logs of one scenario's containers.

    Args:
        api: the API server.
        recorder: takes the records.
    """

    def __init__(self, api: Api, recorder: Recorder) -> None:
        self._api = api
        self._recorder = recorder
        self._lock = threading.Lock()
        self._known: dict[str, _Instance] = {}
        self._newest: dict[tuple[str, str], _Instance] = {}
        self._counted: Counter[tuple[str, str]] = Counter()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._heard_ns: dict[tuple[str, str], int] = {}
        self._lines: set[tuple[str, str]] = set()
        self._boot_ns = 0
        self._seq = 0
        self._open: list[Stream] = []
        self._stopped = threading.Event()

    def take(self, pod: Mapping[str, Any]) -> None:
        """Look at a watched Pod and follow the log of every container that is new in it."""
        status = pod.get("status", {})
        for kind in ("initContainerStatuses", "containerStatuses"):
            for raw in status.get(kind) or ():
                self._note(pod["metadata"], raw)

    def _note(self, metadata: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
        state = raw.get("state") or {}
        details = state.get("running") or state.get("terminated") or {}
        instance = _Instance(metadata, raw["name"], str(details.get("startedAt") or ""))
        container_id = raw.get("containerID") or ""
        counted = int(raw.get("restartCount") or 0) + bool(instance.started_at)
        with self._lock:
            self._counted[instance.key] = max(self._counted[instance.key], counted)
            if not container_id or not details or container_id in self._known or self._stopped.is_set():
                return
            self._known[container_id] = instance
            # By the Pod's name: a log request reaches whichever Pod bears it now.
            self._newest[metadata["name"], instance.container] = instance
        name = f"log-{instance.container}"
        threading.Thread(target=self._follow, args=(instance,), name=name, daemon=True).start()

    def catch_up(self) -> None:
        """Read every log to its present end, and record what nobody can have read."""
        with self._lock:
            newest = list(self._newest.values())
        for instance in newest:
            try:
                text = self._api.text(instance.path, params={"container": instance.container})
            except ApiError as error:
                _LOG.info("log of %s: %s", instance.container, error)
                continue
            for line in text.splitlines():
                self._line(line, instance)
            instance.whole = True
        self._own_up()

    def stop(self) -> None:
        """Close every log."""
        self._stopped.set()
        with self._lock:
            streams = list(self._open)
        for stream in streams:
            stream.close()

    def _follow(self, instance: _Instance) -> None:
        """Read a log as it is written; what breaks off is read again while it is the container's newest."""
        while not self._stopped.is_set():
            try:
                self._read(instance)
            except ApiError as error:
                _LOG.info("log of %s: %s", instance.container, error)
                if error.status in _NO_LOG:
                    return
            else:
                instance.whole = not self._stopped.is_set()
                return
            if self._newest.get((instance.metadata["name"], instance.container)) is not instance:
                return
            self._stopped.wait(_AGAIN_S)

    def _read(self, instance: _Instance) -> None:
        params = {"container": instance.container, "follow": "true"}
        stream = self._api.stream(instance.path, params, read_timeout_s=_SILENCE_S)
        with self._lock:
            self._open.append(stream)
        if self._stopped.is_set():
            stream.close()
        with stream:
            for raw in stream:
                self._line(raw.decode(errors="replace").rstrip("\n"), instance)

    def _line(self, line: str, instance: _Instance) -> None:
        if not line.startswith(_MARK):
            return
        uid, container = instance.key
        with self._lock:
            if (uid, line) in self._lines:
                return
            self._lines.add((uid, line))
            try:
                record = trace.from_line(
                    line.removeprefix(_MARK), boot_ns=0, seq=self._seq, pod=instance.metadata["name"], uid=uid
                )
            except trace.TraceError:
                return
            self._seq += 1
            self._boot_ns = self._boot_ns or _epoch_ns(instance.started_at) - record.t_ns
            # Logs of several containers arrive in any order; the node's uptime tells the true one.
            order = round(record.data["uptime_s"] * 100) * _LINES_A_TICK + self._seq % _LINES_A_TICK
            record = replace(
                record, t_ns=self._boot_ns + record.t_ns, seq=order, precision_ns=_STAMP_NS + trace.PRECISION_NS
            )
            run = int(record.data["n"])
            skipped = run > self._runs[uid, container] + 1
            before_ns = self._heard_ns.get((uid, container), 0)
            self._heard_ns[uid, container] = record.t_ns
            self._runs[uid, container] = max(self._runs[uid, container], run)
        if skipped:
            self._gap(container, before_ns, record.t_ns + record.precision_ns, f"a run of {container} ended unread")
        self._recorder.add(record)

    def _own_up(self) -> None:
        """Record what may have been written without having been read."""
        with self._lock:
            broken = {i.key: i for i in self._known.values() if not i.whole}
            unread = [key for key, counted in self._counted.items() if counted > self._runs[key]]
            names = {i.metadata["uid"]: i.metadata["name"] for i in self._known.values()}
        timeline = self._recorder.timeline()
        for uid, container in dict.fromkeys((*broken, *unread)):
            if not timeline.is_traced(container, names.get(uid, "")):
                continue
            if (uid, container) in broken:
                reason = f"the log of {container} was not read to its end"
            else:
                reason = f"the status counts a run of {container} that nobody read"
            self._gap(container, self._heard_ns.get((uid, container), 0), time.time_ns(), reason)

    def _gap(self, container: str, since_ns: int, until_ns: int, reason: str) -> None:
        since_ns = since_ns or self._recorder.timeline().start_ns
        self._recorder.open_gap(Source.TRACE, since_ns=since_ns, reason=reason, where=container)
        self._recorder.close_gap(Source.TRACE, until_ns=until_ns, where=container)


def _epoch_ns(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp()) * _SECOND_NS if stamp else time.time_ns()
