"""A run's traces of itself in the cluster: a namespace with a copy of the open undos, and a lease, its pulse.

The copy is for a machine that has not the run's folder. Namespaces and what is in them are found by their labels
and need none. The lease tells a live run from a dead one where the lock on its folder cannot be asked.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from podvow.api import MERGE_PATCH, Api, ApiError
from podvow.journal.entry import Entry, Header, parse_entry, parse_header

NAME = "journal"
"""Name of ConfigMap and Lease."""
BEAT_S = 10.0
LEASE_S = 45
"""A run whose pulse is not felt for so long is dead."""
_HEADER = "header"
_PREFIX = "entry-"
_NOT_FOUND = 404
_CONFLICT = 409


def _maps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def _leases(namespace: str, name: str = "") -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases" + (f"/{name}" if name else "")


class ClusterMirror:
    """The copy of a journal's open entries in the cluster.

    Args:
        api: the API server.
        namespace: the run's own namespace, which exists.
    """

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def begin(self, header: Header, labels: Mapping[str, str]) -> None:
        """Make the ConfigMap; harmless when it is there."""
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "labels": dict(labels)},
            "data": {_HEADER: header.json},
        }
        _make(self._api, _maps(self._namespace), body)

    def put(self, entry: Entry) -> None:
        """Keep an entry.

        Raises:
            ApiError: it could not be kept.
        """
        self._patch({f"{_PREFIX}{entry.id}": entry.json})

    def drop(self, ids: Iterable[int]) -> None:
        """Forget entries.

        Raises:
            ApiError: they could not be forgotten.
        """
        self._patch({f"{_PREFIX}{each}": None for each in ids})

    def _patch(self, data: Mapping[str, str | None]) -> None:
        self._api.patch(_maps(self._namespace, NAME), {"data": dict(data)}, content_type=MERGE_PATCH)


class Pulse:
    """Renews the run's lease, from a thread of its own, until it is stopped.

    Args:
        api: the API server.
        namespace: the run's own namespace, which exists.
        beat_s: pause between two renewals, in seconds.
    """

    def __init__(self, api: Api, namespace: str, *, beat_s: float = BEAT_S) -> None:
        self._api = api
        self._namespace = namespace
        self._beat_s = beat_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self, run: str, labels: Mapping[str, str]) -> None:
        """Make the lease and keep it fresh.

        Raises:
            ApiError: it could not be made.
        """
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "labels": dict(labels)},
            "spec": {"holderIdentity": run, "leaseDurationSeconds": LEASE_S, "renewTime": _now()},
        }
        _make(self._api, _leases(self._namespace), body)
        self._thread.start()

    def stop(self) -> None:
        """Renew it no longer."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._beat_s)

    def _run(self) -> None:
        while not self._over.wait(self._beat_s):
            # A server that is away for a moment, or for good, is somebody else's matter.
            with contextlib.suppress(ApiError):
                self._api.patch(
                    _leases(self._namespace, NAME), {"spec": {"renewTime": _now()}}, content_type=MERGE_PATCH
                )


@dataclass(frozen=True)
class Mirrored:
    """What a run's namespace says.

    Attributes:
        header: the journal's header, None when there is none that can be read.
        entries: what was open when the mirror was last written, oldest first.
        broken: what could not be read, in words.
    """

    header: Header | None
    entries: tuple[Entry, ...]
    broken: tuple[str, ...] = ()


def load(api: Api, namespace: str) -> Mirrored:
    """Read a mirror; one that is not there is empty.

    Raises:
        ApiError: the server refused.
    """
    try:
        data: Mapping[str, Any] = api.get(_maps(namespace, NAME)).get("data") or {}
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        data = {}
    header: Header | None = None
    entries: list[Entry] = []
    broken: list[str] = []
    for key, text in data.items():
        try:
            if key == _HEADER:
                header = parse_header(json.loads(text))
            elif key.startswith(_PREFIX):
                entries.append(parse_entry(json.loads(text)))
        except (ValueError, TypeError, RecursionError) as error:
            broken.append(f"ConfigMap {namespace}/{NAME}, key {key}: {error}")
    return Mirrored(header, tuple(sorted(entries, key=lambda entry: entry.id)), tuple(broken))


def renewed(api: Api, namespace: str) -> str:
    """Return when a run's lease was renewed, in its own words; empty without a lease.

    Raises:
        ApiError: the server refused.
    """
    try:
        return str((api.get(_leases(namespace, NAME)).get("spec") or {}).get("renewTime") or "")
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        return ""


def beating(
    api: Api,
    namespaces: Mapping[str, str],
    *,
    within_s: float = LEASE_S,
    wait: Callable[[float], object] | None = None,
) -> frozenset[str]:
    """Tell which runs are alive, by feeling their pulses: no clock of another machine is trusted.

    Takes `within_s` seconds if a lease is there that is not obviously older than that, else no time.

    Args:
        api: the API server.
        namespaces: the runs' own namespaces, by run.
        within_s: a pulse that is not felt in this time, in seconds, is none.
        wait: waits for a number of seconds.

    Returns:
        The runs that are alive.
    """
    wait = wait or threading.Event().wait
    before = {run: renewed(api, namespace) for run, namespace in namespaces.items()}
    unsure = {run for run, text in before.items() if text and not _ancient(text, within_s)}
    alive: set[str] = set()
    passed = 0.0
    step_s = min(1.0, within_s / 10)
    while unsure - alive and passed < within_s:
        wait(step_s)
        passed += step_s
        alive |= {run for run in unsure - alive if renewed(api, namespaces[run]) not in {"", before[run]}}
    return frozenset(alive)


def _ancient(text: str, within_s: float) -> bool:
    """Whether a renewal is so long ago that no two clocks can differ so much."""
    try:
        age_s = (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
    except (ValueError, TypeError):
        return False
    return age_s > max(600.0, 10 * within_s)


def _make(api: Api, path: str, body: Mapping[str, Any]) -> None:
    try:
        api.post(path, body)
    except ApiError as error:
        if error.status != _CONFLICT:
            raise


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
