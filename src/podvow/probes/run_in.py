"""Question to the API server: whether a command can be executed in a container, as `kubectl exec` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.errors import PodvowError
from podvow.faults.base import NODE_ACCESS, FaultContext

_CONTROL_PLANE = {"labelSelector": "node-role.kubernetes.io/control-plane"}


@dataclass(frozen=True)
class RunIn:
    """Execute `echo` in a container, with the control-plane node's kubectl: exec needs an upgraded connection."""

    container: str

    @property
    def name(self) -> str:
        """The container."""
        return f"exec in {self.container}"

    @property
    def needs(self) -> frozenset[str]:
        """Commands on a node."""
        return frozenset({NODE_ACCESS})

    def look(self, context: FaultContext) -> Mapping[str, Any]:
        """Execute it; `code` is kubectl's exit code, `text` what it wrote.

        Raises:
            PodvowError: the cluster has no control-plane node that can be reached.
        """
        nodes = context.api.get("/api/v1/nodes", params=_CONTROL_PLANE)["items"]
        if not nodes:
            raise PodvowError("no control-plane node with kubectl on it")
        kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", f"--namespace={context.namespace}"]
        command = [*kubectl, "exec", context.timeline().meta.pod, "-c", self.container, "--", "echo", "been there"]
        done = context.nodes.exec(nodes[0]["metadata"]["name"], command, timeout_s=60, check=False)
        return {"code": done.code, "text": (done.stdout + done.stderr).decode(errors="replace")}


def run_in(container: str) -> RunIn:
    """Return the probe that tries to execute a command in a container."""
    return RunIn(container)
