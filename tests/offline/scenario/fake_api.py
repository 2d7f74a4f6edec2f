"""An API server in this process: enough of one for a scenario, with a kubelet that the test makes up."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Self

from podvow.api import ApiError, UnreachableError
from podvow.scenario.manifest import merge_patch

Raw = dict[str, Any]
SERVER = "https://127.0.0.1:6443"
_PLURALS = {"Pod": "pods", "Namespace": "namespaces", "ResourceQuota": "resourcequotas", "ConfigMap": "configmaps"}


class _Lines:
    """An open watch."""

    def __init__(self, plural: str) -> None:
        self.plural = plural
        self.queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.queue.get()) is not None:
            yield line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.queue.put(None)


class FakeApi:
    """Objects by plural, namespace and name; every change is told to the open watches.

    Args:
        kubelet: called after a Pod was created; may change its status.

    Attributes:
        refuse: status with which the creation of a kind is refused.
        keep: plurals of which nothing is ever deleted.
        swallow: plurals whose changes no watch is told of.
        down: nothing is answered any more.
        before_post: called with every object before it is created.
        asked_again: UIDs of objects whose creation is said to have been sent twice.
        uid: UID of kube-system.
        server_address: where it would be.
    """

    def __init__(self, kubelet: Callable[[FakeApi, Raw], None] = lambda _api, _pod: None) -> None:
        self.kubelet = kubelet
        self.refuse: dict[str, int] = {}
        self.keep: set[str] = set()
        self.swallow: set[str] = set()
        self.down = False
        self.uid = "uid-of-this-cluster"
        self.server_address = SERVER
        self.before_post: Callable[[Raw], None] = lambda _: None
        self.requests: dict[str, int] = {}
        self.asked_again: set[str] = set()
        self.objects: dict[tuple[str, str, str], Raw] = {}
        self._lock = threading.RLock()
        self._version = count(1)
        self._log: list[tuple[int, str, bytes]] = []
        self._open: list[_Lines] = []

    # what a test does

    def go_down(self) -> None:
        """Answer nothing from now on."""
        with self._lock:
            self.down = True
            for lines in self._open:
                lines.close()

    def show(self, pod: Raw, **status: Any) -> Raw:
        """Give a Pod a status."""
        return self._put("pods", "MODIFIED", {**pod, "status": {**pod.get("status", {}), **status}})

    def run(self, pod: Raw, *, ready: bool = True) -> Raw:
        """Let all containers of a Pod run."""
        names = [c["name"] for c in pod["spec"]["containers"]]
        return self.show(
            pod,
            phase="Running",
            conditions=[{"type": "Ready", "status": str(ready)}],
            containerStatuses=[
                {"name": name, "containerID": f"containerd://{name}", "state": {"running": {}}} for name in names
            ],
        )

    def come_up(self) -> None:
        """Answer again."""
        self.down = False

    # what the harness calls

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> Raw:
        """Return an object or a list."""
        del params, retry  # one list serves all, and nothing here is ever busy
        self._answer("GET", path)
        namespace, plural, name = _parts(path)
        with self._lock:
            if name:
                return self._find(plural, namespace, name, path)
            items = [o for (p, n, _), o in self.objects.items() if p == plural and namespace in {"", n}]
            return {"kind": "List", "items": items, "metadata": {"resourceVersion": str(next(self._version))}}

    def answers(self, read_s: float) -> None:
        """Say that it is there."""
        assert read_s > 0
        self._answer("GET", "/version")

    def text(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> str:
        """Return a log: none was written."""
        del params, retry  # one list serves all, and nothing here is ever busy
        self._answer("GET", path)
        return ""

    def stream(self, path: str, params: Mapping[str, str] | None = None, *, read_timeout_s: float) -> _Lines:
        """Open a watch (or an empty log)."""
        assert read_timeout_s > 0
        self._answer("WATCH", path)
        lines = _Lines(_parts(path)[1])
        if path.endswith("/log"):
            lines.close()
            return lines
        with self._lock:
            since = int((params or {}).get("resourceVersion", "0"))
            for version, plural, line in self._log:
                if plural == lines.plural and version > since:
                    lines.queue.put(line)
            self._open.append(lines)
        return lines

    def post(self, path: str, body: Mapping[str, Any]) -> Raw:
        """Create an object."""
        self.before_post(dict(body))
        self._answer("POST", path)
        kind = body["kind"]
        if kind in self.refuse:
            message = {"kind": "Status", "message": f"{kind} refused"}
            raise ApiError(self.refuse[kind], "Invalid", message, request=f"POST {path}")
        namespace, plural, _ = _parts(path)
        uid = f"uid-{kind.lower()}-{body['metadata']['name']}"
        made = {**body, "metadata": {**body["metadata"], "uid": uid, "namespace": namespace}}
        with self._lock:
            made = self._put(plural, "ADDED", made)
        if kind == "Pod":
            self.kubelet(self, made)
        return made

    def patch(self, path: str, body: Mapping[str, Any], *, content_type: str = "") -> Raw:
        """Patch an object."""
        assert content_type in {"", "application/merge-patch+json"}
        self._answer("PATCH", path)
        namespace, plural, name = _parts(path)
        with self._lock:
            return self._put(plural, "MODIFIED", merge_patch(self._find(plural, namespace, name, path), dict(body)))

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> Raw:
        """Delete an object, a namespace with what is in it."""
        assert body is None or body["propagationPolicy"] == "Background"
        self._answer("DELETE", path)
        namespace, plural, name = _parts(path)
        with self._lock:
            self._find(plural, namespace, name, path)
            for key in list(self.objects):
                hit = key == (plural, namespace, name) or (plural == "namespaces" and key[1] == name)
                if hit and key[0] not in self.keep:
                    self._put(key[0], "DELETED", self.objects.pop(key))
        return {}

    # how it works

    def _answer(self, verb: str, path: str) -> None:
        self.requests[verb] = self.requests.get(verb, 0) + 1
        if self.down:
            raise UnreachableError("refused", "nobody listens", request=f"{verb} {path}", sent=False)

    def _find(self, plural: str, namespace: str, name: str, path: str) -> Raw:
        if plural == "version":
            return {"gitVersion": "v1.37.2"}
        if (plural, namespace, name) not in self.objects:
            if (plural, name) == ("namespaces", "kube-system"):  # it need not be in the way of what a test counts
                return {"metadata": {"name": name, "uid": self.uid}}
            raise ApiError(404, "NotFound", f"nothing at {path}", request=path)
        return self.objects[plural, namespace, name]

    def _put(self, plural: str, what: str, raw: Raw) -> Raw:
        with self._lock:
            version = next(self._version)
            raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(version)}}
            if what != "DELETED":
                namespace = "" if plural == "namespaces" else raw["metadata"]["namespace"]
                self.objects[plural, namespace, raw["metadata"]["name"]] = raw
            if plural in self.swallow:
                return raw
            line = json.dumps({"type": what, "object": raw}).encode()
            self._log.append((version, plural, line))
            for lines in self._open:
                if lines.plural == plural:
                    lines.queue.put(line)
            return raw


def _parts(path: str) -> tuple[str, str, str]:
    """Return namespace, plural and name of a path."""
    words = path.strip("/").split("/")
    if words == ["version"]:
        return "", "version", "version"
    words = words[2:] if words[0] == "api" else words[3:]
    if words[0] == "namespaces" and len(words) > 2:
        return words[1], words[2], "/".join(words[3:4])
    return "", words[0], "/".join(words[1:])
