"""List and watch one kind of object, with every hole in the observation made explicit.

A closed or broken stream is resumed at the last resourceVersion: the API server then replays what was missed
and nothing is lost. What cannot be resumed (410 Gone), could not be read (a malformed line) or could not be
asked (the server is away) is reported as a `gap`, which a later `relisted` closes. Between the two nothing
can be said about what did *not* happen, unless that `relisted` is `lossless`: then the resume succeeded after
all and everything in between was delivered.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from podvow.api import ApiError, UnreachableError
from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LOG = logging.getLogger(__name__)
_KINDS: dict[str, Literal["added", "modified", "deleted"]] = {
    "ADDED": "added",
    "MODIFIED": "modified",
    "DELETED": "deleted",
}
_PAGE = "500"
_GONE = 410
_STALE = frozenset({400, _GONE})
"""Answers that say: this resourceVersion will not do."""
_PERMANENT = frozenset({400, 401, 403, 404, 405})
_CONFIRM_S = 2
_POISONED = 2

Kind = Literal["added", "modified", "deleted", "listed", "bookmark", "gap", "relisted"]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One thing that a watch saw, or that it could not see.

    Attributes:
        kind: what happened; `listed` is an object of a list, `gap` opens and `relisted` closes a hole.
        object: the object's raw JSON (the last known one for a `deleted` that was noticed at a relist).
        received_ns: `time.time_ns()` at arrival.
        reason: why there is a gap, how it was closed, or how a deletion was noticed.
        since_ns: of a `gap` and of its `relisted`: when the source was last known to observe.
        lossless: of a `relisted`: the server replayed everything, the gap hides nothing.
    """

    kind: Kind
    object: dict[str, Any] | None
    received_ns: int
    reason: str = ""
    since_ns: int = 0
    lossless: bool = False


class Lines(Protocol):
    """An open stream of lines; `close` may be called from any thread."""

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the lines."""

    def close(self) -> None:
        """End the iteration."""


class Lister(Protocol):
    """The part of `podvow.api.Api` that a watch needs."""

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> dict[str, Any]:
        """Return the JSON object at `path`."""

    def stream(self, path: str, params: Mapping[str, str] | None = None, *, read_timeout_s: float) -> Lines:
        """Open a stream."""


class _MalformedError(Exception):
    """A line of the stream could not be understood."""


class Watch:
    """One thread that lists and watches, and never ends silently.

    Args:
        api: the connection.
        path: the collection, e.g. `/api/v1/pods`.
        label_selector: only objects with these labels.
        field_selector: only objects with these fields.
        sink: called with every event, from one thread at a time, never after `stop` has returned.
        name: name of the thread, and of the source in messages.
        backoff_s: first and longest pause between attempts to reach the server.
        server_timeout_s: after this time the server ends a stream; it is resumed.
    """

    def __init__(
        self,
        api: Lister,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        sink: Callable[[WatchEvent], None],
        name: str,
        backoff_s: tuple[float, float] = (0.05, 2.0),
        server_timeout_s: int = 60,
    ) -> None:
        self.name = name
        self._api = api
        self._path = path
        self._selectors = {
            key: value
            for key, value in (("labelSelector", label_selector), ("fieldSelector", field_selector))
            if value
        }
        self._sink = sink
        self._backoff_s = backoff_s
        self._server_timeout_s = server_timeout_s
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._delivery = threading.RLock()
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)
        self._stream: Lines | None = None
        self._version: str | None = None
        self._known: dict[str, dict[str, Any]] = {}
        self._seen_ns = time.time_ns()
        self._gap: WatchEvent | None = None
        self._refusal: ApiError | None = None
        self._failures = 0
        self._malformed = 0
        self._broken_off = False

    def start(self, *, ready_timeout_s: float = 10.0) -> None:
        """Start watching; return once every object that exists has been delivered.

        Args:
            ready_timeout_s: how long to wait for the first list.

        Raises:
            ClusterUnusableError: there was no first list; the watch is stopped.
        """
        self._thread.start()
        in_time = self._ready.wait(ready_timeout_s)
        if in_time and self._refusal is None:
            return
        self.stop()
        reason = self._refusal.message if self._refusal else self._gap.reason if self._gap else "no answer"
        hint = self._refusal.hint if self._refusal else "the API server does not answer in time"
        raise ClusterUnusableError(f"watch {self.name}: no first list: {reason}", hint=hint)

    def resume(self) -> None:
        """Break the open stream off, so that the server tells again what may have been lost on the way.

        For whoever knows better than the watch that it does not tell everything (a half-open connection).
        """
        with self._delivery:
            stream = self._stream
            self._broken_off = stream is not None
        if stream is not None:
            stream.close()

    def stop(self) -> None:
        """End the watch; no event is delivered afterwards."""
        with self._delivery:
            self._stopping.set()
            stream = self._stream
        if stream is not None:
            stream.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turn()

    def _turn(self) -> None:
        """Take one step: one list, or one stream from its opening to its end."""
        try:
            if self._version is None:
                self._list()
            else:
                self._follow(self._version)
        except _MalformedError as error:
            self._malformed += 1
            if self._malformed >= _POISONED:
                self._version = None  # the same version brings the same line again
            self._open_gap(f"malformed line: {error}")
            self._pause()
        except ApiError as error:
            self._refused(error)
        except Exception as error:  # noqa: BLE001 - a watch never ends silently, whatever went wrong
            _LOG.warning("watch %s goes on after an unexpected error", self.name, exc_info=True)
            self._version = None
            self._open_gap(f"unexpected {type(error).__name__}: {error}")
            self._pause()

    def _list(self) -> None:
        """Deliver every object that exists, and what vanished since the last time."""
        asked_ns = time.time_ns()
        found: dict[str, dict[str, Any]] = {}
        params = {**self._selectors, "limit": _PAGE}
        while True:
            page = self._api.get(self._path, params=params, retry=False)
            kind = str(page.get("kind", "")).removesuffix("List")
            for item in page.get("items") or ():
                # the items of a list carry neither; an object of a watch event has both
                typed = {"kind": kind, "apiVersion": page.get("apiVersion", ""), **item}
                found[_key(typed)] = typed
            metadata = page["metadata"]
            if not metadata.get("continue"):
                break
            params["continue"] = metadata["continue"]
        for item in found.values():
            self._emit("listed", item)
        for key in [key for key in self._known if key not in found]:
            self._emit("deleted", self._known[key], "seen gone at relist")
            del self._known[key]
        self._known = found
        self._version = str(metadata["resourceVersion"])
        self._seen_ns = asked_ns
        self._close_gap("listed again" if self._ready.is_set() else "listed")
        self._refusal = None
        self._ready.set()

    def _follow(self, version: str) -> None:
        """Watch from a version on until the stream ends."""
        # after an outage a short stream confirms soon that the server accepts the old version
        timeout_s = _CONFIRM_S if self._gap else self._server_timeout_s
        params = {
            **self._selectors,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(timeout_s),
        }
        opened_s = time.monotonic()
        stream = self._api.stream(self._path, params, read_timeout_s=timeout_s + 15.0)
        with self._delivery:
            self._stream = stream
        if self._stopping.is_set():
            stream.close()
        try:
            for line in stream:
                self._take(line)
                if self._version is None:
                    return
        except UnreachableError:
            # broken, not refused: what it had not delivered yet is replayed when it is resumed
            if time.monotonic() - opened_s < 1.0:
                self._pause()
            return
        finally:
            with self._delivery:
                self._stream = None
            stream.close()
        with self._delivery:
            broken_off, self._broken_off = self._broken_off, False
        if broken_off or self._stopping.is_set():
            return
        self._progress(time.time_ns())
        self._close_gap("resumed at the same resourceVersion", lossless=True)
        if time.monotonic() - opened_s < 1.0:
            self._failures += 1
            self._pause()

    def _take(self, line: bytes) -> None:
        received_ns = time.time_ns()
        try:
            event = json.loads(line)
            kind, item = event["type"], event["object"]
            metadata = item.get("metadata") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _MalformedError(f"{error} in {line[:80]!r}") from error
        if kind == "ERROR":
            self._version = None
            self._open_gap(f"{item.get('code', '?')} {item.get('reason', '')}: {item.get('message', '')}")
            self._expired(gone=item.get("code") == _GONE)
            return
        version = metadata.get("resourceVersion")
        if not version or (kind not in _KINDS and kind != "BOOKMARK"):
            raise _MalformedError(f"no event with an object: {line[:80]!r}")
        self._close_gap("resumed at the same resourceVersion", lossless=True, at_ns=received_ns)
        if kind == "BOOKMARK":
            self._emit("bookmark", item, received_ns=received_ns)
        else:
            self._emit(_KINDS[kind], item, received_ns=received_ns)
            if kind == "DELETED":
                self._known.pop(_key(item), None)
            else:
                self._known[_key(item)] = item
        self._version = str(version)
        self._progress(received_ns)

    def _refused(self, error: ApiError) -> None:
        """Go on after a request that was not granted."""
        if not self._ready.is_set() and error.status in _PERMANENT:
            self._refusal = error
            if not error.by_authorizer:  # a server that has not read its roles yet says so to everybody
                self._ready.set()
        stale = error.status in _STALE or "resource version" in error.message.lower()
        if stale:
            self._version = None
        self._open_gap(error.message)
        self._expired(gone=error.status == _GONE, asked_s=error.retry_after_s)

    def _expired(self, *, gone: bool, asked_s: float | None = None) -> None:
        """List again at once after the first 410, with pauses when it does not help."""
        if gone and not self._failures:
            self._failures = 1
        else:
            self._pause(asked_s)

    def _progress(self, now_ns: int) -> None:
        self._seen_ns = now_ns
        self._failures = 0
        self._malformed = 0

    def _pause(self, asked_s: float | None = None) -> None:
        first, longest = self._backoff_s
        own = min(longest, first * 2 ** min(self._failures, 16)) * random.uniform(0.8, 1.2)  # noqa: S311
        self._failures += 1
        self._stopping.wait(own if asked_s is None else max(own, min(asked_s, 10.0)))

    def _open_gap(self, reason: str) -> None:
        if self._gap is not None:
            return
        self._gap = WatchEvent("gap", None, time.time_ns(), reason, self._seen_ns)
        try:
            self._deliver(self._gap)
        except Exception:  # noqa: BLE001 - it is still open, and `relisted` says since when
            _LOG.warning("watch %s: the sink refused a gap", self.name, exc_info=True)

    def _close_gap(self, reason: str, *, lossless: bool = False, at_ns: int = 0) -> None:
        if self._gap is None:
            return
        since_ns = self._gap.since_ns
        self._deliver(WatchEvent("relisted", None, at_ns or time.time_ns(), reason, since_ns, lossless))
        self._gap = None

    def _emit(self, kind: Kind, item: dict[str, Any], reason: str = "", *, received_ns: int = 0) -> None:
        self._deliver(WatchEvent(kind, item, received_ns or time.time_ns(), reason))

    def _deliver(self, event: WatchEvent) -> None:
        with self._delivery:
            if not self._stopping.is_set():
                self._sink(event)


def _key(item: dict[str, Any]) -> str:
    metadata = item.get("metadata") or {}
    return str(metadata.get("uid") or f"{metadata.get('namespace', '')}/{metadata.get('name', '')}")
