"""A cluster for tests: the API server of this process with nodes, discovery and labels; and dead runs in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from podvow.api import ApiError
from podvow.journal.act import Site
from podvow.journal.log import FILE, Journal
from podvow.journal.mirror import ClusterMirror
from podvow.journal.undo import DeleteNamespace, HealNode, RemoveResource, RemoveStatic
from podvow.labels import HOLD_FINALIZER, MANAGED_LABEL, RUN_LABEL, SCENARIO_LABEL
from tests.offline.journal.nodes import Nodes
from tests.offline.scenario.fake_api import FakeApi, Raw

UID = "uid-of-the-cluster"
ABOUT = {
    "provider": "kind",
    "name": "podvow",
    "kubeconfig": "",
    "context": "",
    "identity": {"uid": UID},
}
_DISCOVERED = {
    "/apis": {"groups": [{"preferredVersion": {"groupVersion": "apps/v1"}}]},
    "/api/v1": {
        "resources": [
            {"name": name, "verbs": ["list"]} for name in ("pods", "configmaps", "namespaces", "pods/log")
        ]
    },
    "/apis/apps/v1": {"resources": [{"name": "deployments", "verbs": ["list"]}]},
}


class Api(FakeApi):
    """The API server.

    Attributes:
        canned: answers that are given instead of those of the objects, by path.
    """

    def __init__(self) -> None:
        super().__init__()
        self.canned: dict[str, Any] = dict(_DISCOVERED)
        self.closed = False
        self.node("worker")
        self.objects["namespaces", "", "kube-system"] = {"metadata": {"name": "kube-system", "uid": UID}}

    def node(self, name: str) -> None:
        """Add a node that is ready."""
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": datetime.now(UTC).isoformat()}
        self.objects["nodes", "", name] = {
            "metadata": {"name": name, "labels": {}},
            "spec": {},
            "status": {"conditions": [ready], "capacity": {"cpu": "2"}, "allocatable": {"cpu": "2"}},
        }

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> Raw:
        """Return an object, or those of a list that have the labels asked for."""
        if path in self.canned:
            self._answer("GET", path)
            return cast("Raw", self.canned[path])
        if path.startswith("/apis/") and path.count("/") == 2:
            raise refused(404, path)
        found = super().get(path, params=params, retry=retry)
        key, _, value = (params or {}).get("labelSelector", "").partition("=")
        if key:
            found["items"] = [o for o in found["items"] if (o["metadata"].get("labels") or {}).get(key) == value]
        return found

    def patch(self, path: str, body: Mapping[str, Any], *, content_type: str = "") -> Raw:
        """Patch an object or a node's status; null takes away."""
        if path.startswith("/api/v1/nodes/"):
            self._answer("PATCH", path)
            status = self.objects["nodes", "", path.split("/")[4]]["status"]
            for kind, amounts in body["status"].items():
                merged = {**status[kind], **amounts}
                status[kind] = {name: value for name, value in merged.items() if value is not None}
            return {}
        return super().patch(path, body, content_type=content_type)

    def close(self) -> None:
        """Note that nobody needs the connection any more."""
        self.closed = True


class World:
    """A cluster, its nodes, and the folder of the runs.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.api = Api()
        self.nodes = Nodes(folder / "nodes", "worker")
        self.runs = folder / "runs"
        self.site = Site(cast("Any", self.api), self.nodes)

    def journal(self, run: str) -> Journal:
        """Return a run's journal."""
        return Journal(self.runs / run / FILE, run=run, cluster=ABOUT)

    def namespace(self, run: str, key: str, *, finalizers: tuple[str, ...] = ()) -> str:
        """Make a namespace of a run, with a Pod in it."""
        name = f"podvow-{run}-{key}"
        labels = {MANAGED_LABEL: "true", RUN_LABEL: run, SCENARIO_LABEL: key}
        metadata = {"name": name, "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
        self.api.post("/api/v1/namespaces", {"kind": "Namespace", "metadata": metadata})
        pod = {"name": "web", "labels": labels, "namespace": name, "finalizers": list(finalizers)}
        self.api.post(f"/api/v1/namespaces/{name}/pods", {"kind": "Pod", "metadata": pod, "spec": {}})
        return name

    def die(self, run: str = "r1", *, of: str = "") -> None:
        """Let a run change all that a run can change, and die without taking anything back.

        Args:
            run: its label.
            of: the run of which it is a part; it itself by default.
        """
        journal = self.journal(of or run)
        own = f"podvow-{run}-journal"
        journal.open("namespace", DeleteNamespace(own, run))
        self.namespace(run, "journal")
        mirror = ClusterMirror(cast("Any", self.api), own)
        mirror.begin(journal.header, {})
        journal.mirror_to(mirror)
        for key in ("k1", "k2"):
            journal.open("namespace", DeleteNamespace(f"podvow-{run}-{key}", run))
            self.namespace(run, key, finalizers=(HOLD_FINALIZER,) if key == "k1" else ())
        journal.open("fault", DeleteNamespace(f"podvow-{run}-k1", run), fault="kill")
        path = f"/etc/kubernetes/manifests/podvow-{run}-k2.json"
        journal.open("static Pod", RemoveStatic("worker", path))
        self.nodes.write("worker", path)
        journal.open("fault", HealNode("worker"), fault="kubelet_stop")
        self.nodes.write("worker", "/units/kubelet", "inactive\n")
        journal.open("fault", RemoveResource("worker", "podvow.dev/held"), fault="offer")
        status = {"capacity": {"podvow.dev/held": "3"}, "allocatable": {"podvow.dev/held": "3"}}
        self.api.patch("/api/v1/nodes/worker/status", {"status": status})
        # as the kernel closes it: without a last word
        os.close(journal._file)
        journal._file = -1

    def state(self) -> str:
        """Return everything that a run could have changed, to be compared."""
        objects = {
            "/".join(key): {k: v for k, v in raw.items() if k != "metadata"}
            for key, raw in self.api.objects.items()
        }
        return json.dumps([objects, self.nodes.state()], sort_keys=True)


def refused(status: int, path: str) -> ApiError:
    """Return a refusal."""
    return ApiError(status, "Refused", "no", request=path)
