"""The container runtime of a node, spoken to with crictl or podvow-cri, and with ctr where CRI has no word for it.

Raw JSON in and out. Must not interpret what it reads. Note: `ctr containers rm` removes nothing that the kubelet
sees (containerd's CRI plugin keeps a store of its own); records are removed here through CRI.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podvow.cluster.node import NodeAccess

CRICTL = "crictl"
TOOLS = (CRICTL, "podvow-cri")
NAMESPACE_LABEL, POD_LABEL = "io.kubernetes.pod.namespace", "io.kubernetes.pod.name"
CONTAINER_LABEL = "io.kubernetes.container.name"
"""What the kubelet labels sandboxes and containers with (k8s.io/kubelet, pkg/types/labels.go)."""


def tool_of(access: NodeAccess, node: str) -> str:
    """Return the CRI tool that a node has, empty when it has none."""
    return next((tool for tool in TOOLS if access.exec(node, ["which", tool], check=False).code == 0), "")


def items(document: bytes, field: str) -> list[dict[str, Any]]:
    """Return the items of a listing such as `{"containers": […]}`.

    Raises:
        ClusterUnusableError: when it is no such document.
    """
    try:
        found = json.loads(document)[field]
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterUnusableError(f"the node's CRI tool answered no {field!r}: {document[:200]!r}") from error
    return [item for item in found or [] if isinstance(item, dict)]


class Cri:
    """The runtimes of a cluster's nodes.

    Args:
        access: the way onto the nodes.
    """

    def __init__(self, access: NodeAccess) -> None:
        self._access = access
        self._tools: dict[str, str] = {}
        self._lock = threading.Lock()

    def sandboxes(self, node: str) -> list[dict[str, Any]]:
        """Return all sandboxes of a node.

        Each has `id`, `metadata`, `state`, `createdAt` (ns, as text), `labels` and more.
        """
        return items(self._run(node, "pods", "-o", "json"), "items")

    def containers(self, node: str) -> list[dict[str, Any]]:
        """Return all containers of a node, exited ones too.

        Each has `id`, `podSandboxId`, `metadata`, `image`, `state`, `createdAt` (ns, as text), `labels` and more.
        """
        return items(self._run(node, "ps", "-a", "-o", "json"), "containers")

    def inspect_container(self, node: str, container_id: str) -> dict[str, Any]:
        """Return `{"status": …, "info": …}` of a container."""
        return dict(json.loads(self._run(node, "inspect", container_id)))

    def inspect_sandbox(self, node: str, sandbox_id: str) -> dict[str, Any]:
        """Return `{"status": …, "info": …}` of a sandbox."""
        return dict(json.loads(self._run(node, "inspectp", sandbox_id)))

    def create_container(
        self, node: str, sandbox_id: str, config: Mapping[str, Any], sandbox_config: Mapping[str, Any]
    ) -> str:
        """Create a container in a sandbox without starting it.

        Args:
            node: the node.
            sandbox_id: the sandbox.
            config: of the container, as `info.config` of `inspect_container` has it.
            sandbox_config: of the sandbox, as `info.config` of `inspect_sandbox` has it.

        Returns:
            Its id.
        """
        script = (
            'd=$(mktemp -d) || exit; trap \'rm -rf "$d"\' EXIT; read -r c; read -r p; printf %s "$c" >"$d/c.json"; '
            'printf %s "$p" >"$d/p.json"; "$1" create "$2" "$d/c.json" "$d/p.json"'
        )
        # A line each: JSON has no line break of its own.
        lines = "".join(f"{json.dumps(each)}\n" for each in (config, sandbox_config))
        argv = ["sh", "-c", script, "sh", self.tool(node), sandbox_id]
        return self._access.exec(node, argv, stdin=lines.encode(), timeout_s=120.0).stdout.decode().strip()

    def stop_sandbox(self, node: str, sandbox_id: str) -> None:
        """Stop a sandbox and all containers in it."""
        self._run(node, "stopp", sandbox_id)

    def remove_sandbox(self, node: str, sandbox_id: str) -> None:
        """Remove a stopped sandbox with the records of its containers."""
        self._run(node, "rmp", sandbox_id)

    def remove_container(self, node: str, container_id: str) -> None:
        """Remove the record of an exited container."""
        self._run(node, "rm", container_id)

    def kill(self, node: str, container_id: str, signal: str = "SIGKILL") -> None:
        """Send a signal to the main process of a container or of a sandbox (its pause process)."""
        self._access.exec(node, ["ctr", "-n", "k8s.io", "tasks", "kill", "-s", signal, container_id])

    def tool(self, node: str) -> str:
        """Return the CRI tool that a node has.

        Raises:
            ClusterUnusableError: when it has none.
        """
        with self._lock:
            found = self._tools.get(node)
        if found:
            return found
        if name := tool_of(self._access, node):
            with self._lock:
                self._tools[node] = name
            return name
        raise ClusterUnusableError(
            f"node {node} has neither crictl nor podvow-cri", hint="podvow up puts podvow-cri there"
        )

    def _run(self, node: str, *words: str) -> bytes:
        return self._access.exec(node, [self.tool(node), *words], timeout_s=120.0).stdout
