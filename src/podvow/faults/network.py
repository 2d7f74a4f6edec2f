"""Faults of a node's pod network: a plugin that is not there, a configuration that is gone; and its healing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.cluster.node import put_file
from podvow.cluster.profile import NodeProfile, Windows
from podvow.deadline import Deadline
from podvow.errors import InjectionError
from podvow.faults.base import FaultContext
from podvow.faults.upkeep import NodeFault, await_ready, readiness
from podvow.journal import faultpoint
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_FOLDER = "/etc/cni/net.d"
AWAY = "/etc/cni/podvow-away"
"""Where the configuration is kept while it is gone."""
BROKEN = f"{_FOLDER}/00-podvow-broken.conflist"
"""The configuration that comes first and names a plugin that does not exist."""
_PLUGIN = "podvow-no-such-plugin"
# containerd does not look when a file comes into the folder (it ignores such events), only when one goes.
_HEAL = (
    'for f in "$2"/*; do [ -e "$f" ] && mv "$f" "$3"/; done; rmdir "$2" 2>/dev/null; '
    'rm -f "$1"; touch "$3/.podvow-look" && rm -f "$3/.podvow-look"'
)
_TAKE_AWAY = 'mkdir -p "$1" && mv "$2"/* "$1"/'
_POLL_S = 0.25


@dataclass(frozen=True)
class _NetworkFault(NodeFault):
    """Common part: the undo restores the configuration before it looks at the node."""

    @property
    def target(self) -> str:
        """The pod network."""
        return "pod network of the node"

    def undo(self, context: FaultContext) -> None:
        """Restore the network's configuration and wait for the node."""
        restore(context)
        super().undo(context)


def restore(context: FaultContext) -> None:
    """Put the configuration back that was taken away, and take the broken one away; harmless when it is well."""
    context.nodes.exec(context.node, ["sh", "-c", _HEAL, "sh", BROKEN, AWAY, _FOLDER])


def _listed(context: FaultContext) -> list[str]:
    return sorted(context.nodes.exec(context.node, ["ls", _FOLDER]).stdout.decode().split())


@dataclass(frozen=True)
class BreakNetwork(_NetworkFault):
    """Let no new sandbox get an address; those that are there keep theirs.

    Attributes:
        how: `plugin` (a plugin that does not exist comes first: the node stays ready), or `configuration` (none is
            left: the node is not ready).
    """

    how: str = "plugin"
    name: str = "break_network"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Do it; the proof of the second way is the node's own word."""
        if self.how == "plugin":
            broken = {"cniVersion": "1.0.0", "name": "podvow-broken", "plugins": [{"type": _PLUGIN}]}
            put_file(context.nodes, context.node, BROKEN, json.dumps(broken).encode())
            return {"files": _listed(context), "first": BROKEN.rpartition("/")[2]}
        context.nodes.exec(context.node, ["sh", "-c", _TAKE_AWAY, "sh", AWAY, _FOLDER])
        faultpoint.midway()
        return {"files": _listed(context), "ready": dict(_await_unready(context))}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The broken configuration comes first, or none is left and the node has said so."""
        if self.how == "plugin":
            return bool(mark.facts["files"] and mark.facts["files"][0] == mark.facts["first"])
        return not mark.facts["files"] and mark.facts["ready"].get("status") == "False"


def _await_unready(context: FaultContext) -> Mapping[str, Any]:
    deadline = Deadline.after(Windows.of(NodeProfile(context.node, "")).kubelet_ready)
    while True:
        told = readiness(context)
        if told.get("status") == "False":
            return {key: str(told.get(key, "")) for key in ("status", "reason", "message")}
        if deadline.passed:
            raise InjectionError(f"{context.node} stays ready without a pod network")
        time.sleep(_POLL_S)


@dataclass(frozen=True)
class HealNetwork(_NetworkFault):
    """Restore the configuration of the pod network."""

    name: str = "heal_network"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Put everything back and wait for the node."""
        restore(context)
        return {"files": _listed(context), "ready_after_s": await_ready(context)}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """A configuration is there, and not the broken one."""
        return bool(mark.facts["files"]) and BROKEN.rpartition("/")[2] not in mark.facts["files"]


def break_network(how: str = "plugin") -> BreakNetwork:
    """Return the fault that keeps new sandboxes from getting a network."""
    return BreakNetwork(how)


def heal_network() -> HealNetwork:
    """Return the fault that restores the pod network."""
    return HealNetwork()
