"""Reads traces from container logs, for clusters whose nodes cannot be reached.

A trace line goes to the container's log too. A log is followed from the moment the status names a container; a run
that was removed before it could be read leaves a hole in the run numbers, and such a hole is recorded as a gap.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from podvow.api import Api, ApiError
from podvow.scenario.recorder import Recorder
from podvow.timeline import Source
from podvow.timeline.sources import trace

_LOG = logging.getLogger(__name__)
_MARK = "podvow "
_SECOND_NS = 1_000_000_000
_PATIENCE_S = 3600.0
_LINES_A_TICK = 10_000
_STAMP_NS = 2 * _SECOND_NS
"""The status stamps whole seconds, and a busy node a moment after the process wrote its first line."""


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
        self._known: set[str] = set()
        self._boot_ns = 0
        self._seq = 0
        self._runs: Counter[tuple[str, str]] = Counter()
        self._open: list[Any] = []
        self._followed: dict[tuple[str, str], tuple[Mapping[str, Any], str]] = {}
        self._lines: set[tuple[str, str]] = set()
        self._stopped = False

    def take(self, pod: Mapping[str, Any]) -> None:
        """Look at a watched Pod and follow the log of every container that is new in it."""
        status = pod.get("status", {})
        for kind in ("initContainerStatuses", "containerStatuses"):
            for raw in status.get(kind) or ():
                state = raw.get("state") or {}
                details = state.get("running") or state.get("terminated") or {}
                container_id = raw.get("containerID") or ""
                with self._lock:
                    if not container_id or not details or container_id in self._known or self._stopped:
                        continue
                    self._known.add(container_id)
                    # By the Pod's name: a log request reaches whichever Pod bears it now.
                    self._followed[pod["metadata"]["name"], raw["name"]] = (
                        pod["metadata"],
                        str(details.get("startedAt", "")),
                    )
                threading.Thread(
                    target=self._follow,
                    args=(pod["metadata"], raw["name"], str(details.get("startedAt", ""))),
                    name=f"log-{raw['name']}",
                    daemon=True,
                ).start()

    def catch_up(self) -> None:
        """Read every log to its present end, so that what has been written by now has been seen."""
        with self._lock:
            followed = dict(self._followed)
        for (_, container), (metadata, started_at) in followed.items():
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
            try:
                text = self._api.text(path, params={"container": container})
            except ApiError as error:
                _LOG.info("log of %s: %s", container, error)
                continue
            for line in text.splitlines():
                self._line(line, metadata, container, started_at)

    def stop(self) -> None:
        """Close every log."""
        with self._lock:
            self._stopped = True
            streams = list(self._open)
        for stream in streams:
            stream.close()

    def _follow(self, metadata: Mapping[str, Any], container: str, started_at: str) -> None:
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
        try:
            stream = self._api.stream(path, {"container": container, "follow": "true"}, read_timeout_s=_PATIENCE_S)
            with self._lock:
                self._open.append(stream)
            with stream:
                for raw in stream:
                    self._line(raw.decode(errors="replace").rstrip("\n"), metadata, container, started_at)
        except ApiError as error:
            if not self._stopped:
                _LOG.info("log of %s: %s", container, error)

    def _line(self, line: str, metadata: Mapping[str, Any], container: str, started_at: str) -> None:
        if not line.startswith(_MARK):
            return
        with self._lock:
            if (metadata["uid"], line) in self._lines:
                return
            self._lines.add((metadata["uid"], line))
            try:
                record = trace.from_line(
                    line.removeprefix(_MARK),
                    boot_ns=0,
                    seq=self._seq,
                    pod=metadata["name"],
                    uid=metadata["uid"],
                )
            except trace.TraceError:
                return
            self._seq += 1
            self._boot_ns = self._boot_ns or _epoch_ns(started_at) - record.t_ns
            # Logs of several containers arrive in any order; the node's uptime tells the true one.
            order = round(record.data["uptime_s"] * 100) * _LINES_A_TICK + self._seq % _LINES_A_TICK
            record = replace(
                record, t_ns=self._boot_ns + record.t_ns, seq=order, precision_ns=_STAMP_NS + trace.PRECISION_NS
            )
            key = (metadata["uid"], container)
            run = int(record.data["n"])
            missed = run > self._runs[key] + 1
            self._runs[key] = max(self._runs[key], run)
        if missed:
            self._recorder.open_gap(
                Source.TRACE, since_ns=record.t_ns, reason=f"a run of {container} ended unread", where=container
            )
            self._recorder.close_gap(Source.TRACE, until_ns=time.time_ns(), where=container)
        self._recorder.add(record)


def _epoch_ns(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp()) * _SECOND_NS if stamp else time.time_ns()
