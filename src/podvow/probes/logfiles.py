"""Question to a node's disk: which logs of a Pod's containers the kubelet keeps there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.errors import InjectionError
from podvow.faults.base import NODE_ACCESS, FaultContext

_SCRIPT = 'cd /var/log/pods/*_"$1" && for file in */*.log; do echo "$file"; done'


@dataclass(frozen=True)
class ListLogs:
    """List the log files of the Pod: for each container the numbers of the runs whose logs are kept."""

    name: str = "log files on the node"

    @property
    def needs(self) -> frozenset[str]:
        """Commands on the node."""
        return frozenset({NODE_ACCESS})

    def look(self, context: FaultContext) -> Mapping[str, Any]:
        """Look into the Pod's folder, which is named after its UID."""
        shots = context.timeline().snapshots()
        if not shots:
            raise InjectionError("the Pod was not seen yet")
        answer = context.nodes.exec(context.node, ["sh", "-c", _SCRIPT, "sh", shots[-1].uid]).stdout.decode()
        kept: dict[str, list[str]] = {}
        for line in sorted(answer.split()):
            container, _, file = line.partition("/")
            kept.setdefault(container, []).append(file.removesuffix(".log"))
        return {"kept": {container: " ".join(numbers) for container, numbers in kept.items()}}


def list_logs() -> ListLogs:
    """Return the probe that lists the Pod's log files; its facts are `kept`, numbers by container."""
    return ListLogs()
