"""A cluster for tests: objects, logs, two nodes that are folders of files, and controllers that act at once."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from podvow.api import ApiError
from podvow.cluster.node import ExecResult
from podvow.upgrade.planting import Field
from tests.offline.scenario.fake_api import FakeApi, Raw
from tests.offline.upgrade.build import OLD

REFUSED: list[str] = []


class Api(FakeApi):
    """The API server.

    Attributes:
        version: of the server.
        logs: by Pod and container.
        made_by: whether controllers work.
    """

    def __init__(self) -> None:
        super().__init__()
        self.version = OLD
        self.logs: dict[tuple[str, str, str], str] = {}
        self.working = True
        for name in ("worker", "worker2"):
            self.node(name)

    def node(self, name: str, kubelet: str = OLD, boot: str = "b") -> None:
        info = {"machineID": f"m-{name}", "bootID": boot, "kubeletVersion": kubelet, "containerRuntimeVersion": "c"}
        status = {"nodeInfo": info, "conditions": [{"type": "Ready", "status": "True"}]}
        self.objects["nodes", "", name] = {"metadata": {"name": name, "uid": f"uid-{name}"}, "status": status}

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> Raw:
        if path == "/version":
            return {"gitVersion": self.version}
        found = super().get(path, params=params, retry=retry)
        selector = (params or {}).get("labelSelector", "")
        if selector:
            found["items"] = [o for o in found["items"] if selector in (o["metadata"].get("labels") or {})]
        return found

    def text(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> str:
        super().text(path, params=params, retry=retry)
        asked = params or {}
        key = (path.split("/")[-2], asked["container"], asked.get("previous", ""))
        if key not in self.logs:
            raise ApiError(400, "BadRequest", "no such log", request=path)
        return self.logs[key]

    def post(self, path: str, body: Mapping[str, Any]) -> Raw:
        if ("namespaces", "", str(body["metadata"]["name"])) in self.objects and body["kind"] == "Namespace":
            raise ApiError(409, "AlreadyExists", "there", request=path)
        made = super().post(path, body)
        if body["kind"] == "Pod" and self.working:
            self.settle(made)
        elif "template" in (body.get("spec") or {}) and self.working:
            spec = body["spec"]
            count = spec.get("replicas") or spec.get("parallelism") or 2
            for number in range(count):
                self.pod_of(path.split("/")[-2], body, number, made["metadata"]["uid"])
        return made

    def pod_of(self, namespace: str, body: Mapping[str, Any], number: int, owner: str) -> None:
        template = body["spec"]["template"]
        kind = "ReplicaSet" if body["kind"] == "Deployment" else body["kind"]
        metadata = {
            **template["metadata"],
            "name": f"{body['metadata']['name']}-{number}",
            "ownerReferences": [{"kind": kind, "uid": owner, "controller": True}],
        }
        spec = {**template["spec"], "nodeName": ("worker", "worker2")[number % 2]}
        raw = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.settle(super().post(f"/api/v1/namespaces/{namespace}/pods", raw))

    def settle(self, pod: Raw) -> None:
        """Let a Pod become what it is meant to be."""
        spec, meant = pod["spec"], (pod["metadata"].get("annotations") or {}).get("podvow.dev/steady", "ready")
        node = spec.get("nodeName") or (spec.get("nodeSelector") or {}).get("kubernetes.io/hostname", "worker")
        name = pod["metadata"]["name"]

        def statuses(field: str, state: Mapping[str, Any]) -> list[dict[str, Any]]:
            return [
                {
                    "name": c["name"],
                    "containerID": f"containerd://{name}-{c['name']}",
                    "restartCount": int(meant == "crash-looping"),
                    "state": state,
                }
                for c in spec.get(field) or ()
            ]

        ended: dict[str, Any] = {"terminated": {"exitCode": 0}}
        inits = statuses("initContainers", {"running": {}} if meant == "initialising" else ended)
        self.show(
            {**pod, "spec": {**spec, "nodeName": node}},
            phase="Succeeded" if meant == "succeeded" else "Running",
            podIP="10.0.0.1",
            conditions=[{"type": "Ready", "status": str(meant == "ready")}],
            initContainerStatuses=inits,
            containerStatuses=statuses("containers", {"running": {}}),
        )


class Nodes:
    """Nodes that are lists of files; `cat`, `rm` and writing are what is asked of them."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        del timeout_s, check
        key = (node, argv[4] if argv[0] == "sh" else argv[-1])
        if argv[0] == "cat":
            return ExecResult(0 if key in self.files else 1, self.files.get(key, b""), b"")
        if argv[0] == "rm":
            self.files.pop(key, None)
        else:
            assert argv[:2] == ["sh", "-c"]
            assert stdin is not None
            self.files[key] = stdin
        return ExecResult(0, b"", b"")

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        raise AssertionError((node, argv))


class World:
    """The cluster, and what asks before each change."""

    def __init__(self, *, nodes: bool = True) -> None:
        self.api = Api()
        self.nodes = Nodes()
        self.asked: list[str] = []
        api: Any = self.api
        self.field = Field(api, self.nodes if nodes else None, self.asked.append)
