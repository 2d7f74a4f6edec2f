"""Who is served first where all nodes of a cluster share a few cores: the control plane, then every kubelet.

A real control plane has machines of its own. In kind, each container that starts on a worker takes CPU from the API
server, and a kubelet whose requests wait tells of its Pods one after another, many seconds late: states that last
for seconds are never seen (docs/decisions/0004-busy-limit.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from podvow.cluster.process import run
from podvow.pool import at_once

if TYPE_CHECKING:
    from podvow.cluster.node import NodeAccess

_SHARES = 8192
"""Of the engine, for a container with a control plane; any other one has 1024."""
_WEIGHTS = {"kubelet.service": 1000, "kubelet.slice": 400}
"""Of systemd on a node, where everything else has 100. kind's images give the kubelet and all Pods that slice."""


def grant(access: NodeAccess, control: Iterable[str], nodes: Iterable[str]) -> None:
    """Let control planes and kubelets go first; it lasts as long as the nodes' containers, reboots included.

    Args:
        access: the way onto the nodes.
        control: names of the nodes with a control plane.
        nodes: names of all nodes.
    """
    run(["docker", "update", f"--cpu-shares={_SHARES}", *control], timeout_s=30)

    def weigh(node: str) -> None:
        for unit, weight in _WEIGHTS.items():
            access.exec(node, ["systemctl", "set-property", unit, f"CPUWeight={weight}"])

    at_once(weigh, nodes, name="precedence")
