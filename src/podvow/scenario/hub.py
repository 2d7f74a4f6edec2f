"""Connects the shared sources of a run (watches, node streams) with the recorder of each scenario."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Literal

from podvow.api import Api, ApiError
from podvow.cluster.cri import Cri
from podvow.cluster.node import NodeAccess
from podvow.labels import RUN_LABEL, SCENARIO_LABEL
from podvow.scenario.freshness import Freshness
from podvow.scenario.logstream import LogStream
from podvow.scenario.nodestream import NodeStream
from podvow.scenario.recorder import Recorder
from podvow.timeline import Record, Source
from podvow.timeline.record import Kind
from podvow.timeline.sources import events, status
from podvow.watch import Watch, WatchEvent

WATCHABLE = {
    "DaemonSet": "/apis/apps/v1/daemonsets",
    "Deployment": "/apis/apps/v1/deployments",
    "Job": "/apis/batch/v1/jobs",
    "ResourceQuota": "/api/v1/resourcequotas",
    "Service": "/apis/discovery.k8s.io/v1/endpointslices",
    "StatefulSet": "/apis/apps/v1/statefulsets",
}
"""What is watched for a scenario that deploys an object of a kind; a Service is followed by its EndpointSlices."""
_OF_KIND = {"Service": "EndpointSlice"}
_PODS = "/api/v1/pods"
_KEPT_UNKNOWN = 2000
_LAG_S = 0.5
"""What a watch that is well may be behind."""
_AGAIN_S = 3.0
"""How long the server may take to tell again what was lost."""


class Hub:
    """One shared watch per kind and one stream per node, handing every record to the scenario that it is about.

    Args:
        api: the API server.
        run_id: value of the run label that the watches select.
        access: way onto the nodes, None when there is none.
        nodes: names of the nodes to follow.
        kinds: kinds besides Pod that some scenario needs watched.
    """

    def __init__(
        self, api: Api, run_id: str, access: NodeAccess | None, nodes: Iterable[str], kinds: Iterable[str]
    ) -> None:
        self._lock = threading.Lock()
        self._recorders: dict[str, Recorder] = {}
        self._by_namespace: dict[str, str] = {}
        self._by_uid: dict[str, tuple[str, str]] = {}
        self._unknown: defaultdict[str, list[Record]] = defaultdict(list)
        self._seq = 0
        self._down: dict[tuple[Source, str], tuple[int, str]] = {}
        self._api = api
        self._logs: dict[str, LogStream] = {}
        self._selector = f"{RUN_LABEL}={run_id}"
        paths = {"Pod": _PODS, **{k: WATCHABLE[k] for k in sorted(set(kinds))}}
        self._paths = {_OF_KIND.get(kind, kind): path for kind, path in paths.items()}
        self._objects = {
            kind: Watch(api, path, label_selector=self._selector, sink=partial(self._status, kind), name=kind)
            for kind, path in self._paths.items()
        }
        about_pods = "involvedObject.kind=Pod"
        event_watch = Watch(api, "/api/v1/events", field_selector=about_pods, sink=self._event, name="events")
        self._watches = [*self._objects.values(), event_watch]
        self._fresh = Freshness()
        self._kinds: dict[str, frozenset[str]] = {}
        self._gone: set[str] = set()
        self.streams: dict[str, NodeStream] = {}
        if access:
            cri = Cri(access)
            self.streams = {node: NodeStream(access, node, self, self._pod_of, cri) for node in nodes}

    def start(self) -> None:
        """Start every source; returns once the first lists are done and every node was heard of.

        Raises:
            ClusterUnusableError: a list is refused or the API server is away.
        """
        for stream in self.streams.values():
            stream.start()
        for watch in self._watches:
            watch.start()
        for stream in self.streams.values():
            stream.wait_beat(0, 10)
            stream.wait_heard(10)

    def stop(self) -> None:
        """Stop every source."""
        for stream in self.streams.values():
            stream.stop()
        for watch in self._watches:
            watch.stop()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that are connected."""
        node = (Source.TRACE, Source.RUNTIME) if self.streams else (Source.TRACE,)
        return tuple(str(s) for s in (*node, Source.STATUS, Source.EVENTS))

    def attach(self, key: str, namespace: str, recorder: Recorder, kinds: Iterable[str] = ()) -> None:
        """Hand this scenario's records to its recorder from now on.

        Args:
            key: short name of the scenario.
            namespace: its namespace.
            recorder: takes the records.
            kinds: kinds of the objects that it deploys.
        """
        with self._lock:
            self._recorders[key] = recorder
            self._kinds[key] = frozenset({"Pod", *(_OF_KIND.get(k, k) for k in kinds)}) & self._paths.keys()
            self._by_namespace[namespace] = key
            if not self.streams:
                self._logs[key] = LogStream(self._api, recorder)
            for (source, where), (since_ns, reason) in self._down.items():
                if recorder in self._touched(source, where):
                    recorder.open_gap(source, since_ns=since_ns, reason=reason, where=where)

    def detach(self, key: str) -> None:
        """Stop recording a scenario."""
        with self._lock:
            self._recorders.pop(key, None)
            self._kinds.pop(key, None)
            log = self._logs.pop(key, None)
        self._fresh.forget(key)
        if log is not None:
            log.stop()

    def settle(self, key: str, node: str, after_ns: int, timeout_s: float = 5.0) -> None:
        """Let what happened up to a moment arrive: hear of the node, or read the logs to their end.

        Then look past the watches whether they told everything.
        """
        stream = self.streams.get(node)
        if stream is not None:
            stream.wait_beat(after_ns, timeout_s)
        elif key in self._logs:
            self._logs[key].catch_up()
        self._recorders[key].await_observed(Source.STATUS, timeout_s)
        try:
            self.look_past(key)
        except ApiError as error:
            since_ns = self._recorders[key].timeline().start_ns
            self._unsure(key, "", since_ns, f"nobody could look past the watches: {error.message}")

    def look_past(self, key: str) -> None:
        """Look at a scenario's objects past the watches; what these do not tell even when asked again is a gap.

        Raises:
            ApiError: the API server does not answer.
        """
        with self._lock:
            namespace = next((name for name, other in self._by_namespace.items() if other == key), "")
        for kind in sorted(self._kinds[key]):
            self._look_past(key, kind, namespace)

    def _look_past(self, key: str, kind: str, namespace: str) -> None:
        known = self._fresh.live(key, kind)
        collection, _, plural = self._paths[kind].rpartition("/")
        params = {"labelSelector": self._selector}
        found = self._api.get(f"{collection}/namespaces/{namespace}/{plural}", params=params)["items"]

        def told() -> bool:
            return not self._fresh.late(key, kind, found, known)

        if self._fresh.await_told(told, _LAG_S):
            return
        self._objects[kind].resume()
        if self._fresh.await_told(told, _AGAIN_S):
            return
        late = self._fresh.late(key, kind, found, known)
        if not late:
            return
        since_ns = min(each.since_ns for each in late) or self._recorders[key].timeline().start_ns
        self._unsure(key, kind, since_ns, f"the watch of {kind} did not tell of {len(late)} change(s)")
        for each in late:
            how: Literal["deleted", "listed"] = "deleted" if each.gone else "listed"
            self._status(kind, WatchEvent(how, dict(each.raw), time.time_ns(), "seen past the watch"))

    def _unsure(self, key: str, kind: str, since_ns: int, reason: str) -> None:
        """Record that a watch was blind up to now."""
        where = f"past the watch of {kind}"
        recorder = self._recorders[key]
        recorder.open_gap(Source.STATUS, since_ns=since_ns, reason=reason, where=where)
        recorder.close_gap(Source.STATUS, until_ns=time.time_ns(), where=where)

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _status(self, kind: str, event: WatchEvent) -> None:
        if event.kind == "gap":
            self._gap(Source.STATUS, kind, event.since_ns or event.received_ns, event.reason)
        elif event.kind == "relisted":
            self._back(Source.STATUS, kind, event.received_ns, lossless=event.lossless)
        if event.object is None or event.kind not in {"added", "modified", "deleted", "listed"}:
            return
        raw = {"kind": kind, **event.object}
        key = str(raw["metadata"].get("labels", {}).get(SCENARIO_LABEL, ""))
        deleted = event.kind == "deleted"
        if key in self._kinds and not self._fresh.took(key, kind, raw, event.received_ns, deleted=deleted):
            return
        with self._lock:
            recorder = self._recorders.get(key)
            log = self._logs.get(key)
            record = status.from_object(raw, received_ns=event.received_ns, seq=self._next(), deleted=deleted)
            held: list[Record] = []
            if record.kind is Kind.DELETED:
                self._gone.add(record.uid)
            if record.uid and record.uid not in self._by_uid:
                self._by_uid[record.uid] = (key, record.pod)
                held = self._unknown.pop(record.uid, [])
        if log is not None and record.uid:
            log.take(raw)
        if recorder:
            recorder.add(record)
            for early in held:
                recorder.add(replace(early, pod=record.pod))

    def _event(self, event: WatchEvent) -> None:
        if event.kind == "gap":
            self._gap(Source.EVENTS, "", event.since_ns or event.received_ns, event.reason)
        elif event.kind == "relisted":
            self._back(Source.EVENTS, "", event.received_ns, lossless=event.lossless)
        if event.object is None or event.kind not in {"added", "modified", "listed"}:
            return
        namespace = str(event.object.get("involvedObject", {}).get("namespace", ""))
        with self._lock:
            recorder = self._recorders.get(self._by_namespace.get(namespace, ""))
            if recorder is None:
                return
            record = events.from_event(event.object, received_ns=event.received_ns, seq=self._next())
        recorder.add(record)

    def _pod_of(self, uid: str) -> str:
        return self._by_uid.get(uid, ("", ""))[1]

    def node_record(self, namespace: str, record: Record) -> None:
        """Take a record of a node stream; a trace may come before the watch has told whose it is."""
        with self._lock:
            if namespace:
                key = self._by_namespace.get(namespace, "")
                if record.uid and record.uid not in self._by_uid and key:
                    self._by_uid[record.uid] = (key, record.pod)
                    early = self._unknown.pop(record.uid, [])
                else:
                    early = []
            else:
                key, name = self._by_uid.get(record.uid, ("", ""))
                record = replace(record, pod=name)
                early = []
                if not key:
                    if sum(map(len, self._unknown.values())) < _KEPT_UNKNOWN:
                        self._unknown[record.uid].append(record)
                    return
            recorder = self._recorders.get(key)
        if recorder:
            recorder.add(record)
            for held in early:
                recorder.add(replace(held, pod=record.pod))

    def node_gap(self, node: str, source: Source, *, since_ns: int, reason: str) -> None:
        """A source of a node stopped observing."""
        self._gap(source, node, since_ns, f"{node}: {reason}")

    def node_back(
        self, node: str, source: Source, *, until_ns: int, whole: Callable[[str], bool] | None = None
    ) -> None:
        """A source of a node observes again; a scenario whose Pods lost nothing has no gap."""
        self._back(source, node, until_ns, lossless=False, whole=whole)

    def _touched(self, source: Source, where: str) -> list[Recorder]:
        """Return the recorders that a source is about: those of a node, or those that watch a kind."""
        if source is Source.STATUS:
            return [r for key, r in self._recorders.items() if where in self._kinds.get(key, {where})]
        on_node = source in {Source.TRACE, Source.RUNTIME}
        return [r for r in self._recorders.values() if not on_node or not r.meta.node or r.meta.node == where]

    def _gap(self, source: Source, where: str, since_ns: int, reason: str) -> None:
        with self._lock:
            self._down.setdefault((source, where), (since_ns, reason))
            for recorder in self._touched(source, where):
                recorder.open_gap(source, since_ns=since_ns, reason=reason, where=where)

    def _back(
        self,
        source: Source,
        where: str,
        until_ns: int,
        *,
        lossless: bool,
        whole: Callable[[str], bool] | None = None,
    ) -> None:
        with self._lock:
            self._down.pop((source, where), None)
            for recorder in self._touched(source, where):
                kept = lossless or (whole is not None and self._kept(recorder, whole))
                recorder.close_gap(source, until_ns=until_ns, lossless=kept, where=where)

    def _kept(self, recorder: Recorder, whole: Callable[[str], bool]) -> bool:
        """Tell whether nothing was lost of any Pod of a scenario; of one that is gone nobody can tell any more."""
        keys = {key for key, other in self._recorders.items() if other is recorder}
        uids = [uid for uid, (key, _) in self._by_uid.items() if key in keys]
        return all(whole(uid) and uid not in self._gone for uid in uids)
