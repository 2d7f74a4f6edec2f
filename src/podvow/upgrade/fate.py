"""What happened to a node between two snapshots, from what both show; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from podvow.upgrade.snapshot import NodeSeen, Snapshot


class Kind(StrEnum):
    """Things that happen to nodes."""

    NONE = "none"
    KUBELET = "kubelet-replaced"
    RUNTIME = "runtime-replaced"
    DRAINED = "drained"
    REBOOTED = "rebooted"
    MACHINE = "machine-replaced"


_WORDS = {
    Kind.NONE: "nothing happened to it",
    Kind.RUNTIME: "its container runtime was replaced",
    Kind.DRAINED: "it was drained",
    Kind.REBOOTED: "it was rebooted",
    Kind.MACHINE: "it was replaced by another machine, or removed",
}


@dataclass(frozen=True)
class Fate:
    """What happened to a node.

    Attributes:
        node: its name.
        kinds: what happened, the least first; `NONE` alone when nothing did.
        before: version of its kubelet before.
        after: version of its kubelet after; empty when it is gone.
    """

    node: str
    kinds: tuple[Kind, ...]
    before: str
    after: str

    @property
    def words(self) -> str:
        """It, for people."""
        told = [_WORDS.get(kind) or f"its kubelet went from {self.before} to {self.after}" for kind in self.kinds]
        return ", ".join(told)


def fates(before: Snapshot, after: Snapshot) -> Mapping[str, Fate]:
    """Return what happened to every node that was there before."""
    return {node.name: _fate(node, before, after) for node in before.nodes}


def _fate(node: NodeSeen, before: Snapshot, after: Snapshot) -> Fate:
    now = after.node(node.name)
    if now is None:
        return Fate(node.name, (Kind.MACHINE,), node.kubelet, "")
    kinds = []
    if now.kubelet != node.kubelet:
        kinds.append(Kind.KUBELET)
    if now.runtime != node.runtime:
        kinds.append(Kind.RUNTIME)
    if _drained(node.name, before, after):
        kinds.append(Kind.DRAINED)
    if now.boot_id != node.boot_id:
        kinds.append(Kind.REBOOTED)
    if now.uid != node.uid and now.machine_id != node.machine_id:
        kinds = [Kind.MACHINE]
    return Fate(node.name, tuple(kinds) or (Kind.NONE,), node.kubelet, now.kubelet)


def _drained(node: str, before: Snapshot, after: Snapshot) -> bool:
    """Whether every Pod is gone that a drain would take, and none came to stand in its place.

    One that stayed shows that it was no drain, and then the others were not to go either.
    """
    there = {pod.uid for pod in after.pods if not pod.leaving}
    alone = [pod for pod in before.pods if pod.node == node and not pod.owner]
    return bool(alone) and not any(pod.uid in there for pod in alone)


def left_behind(before: Snapshot, after: Snapshot) -> list[str]:
    """Return a sentence for every node whose kubelet is not of the API server's version after an upgrade."""
    if before.server == after.server:
        return []
    return [
        f"node {node.name} was left behind: its kubelet is {node.kubelet}, the API server is {after.server}"
        for node in after.nodes
        if node.kubelet != after.server
    ]


def nothing_changed(before: Snapshot, after: Snapshot) -> bool:
    """Whether every version is what it was."""
    versions = {node.name: node.kubelet for node in before.nodes}
    return before.server == after.server and all(versions.get(n.name, n.kubelet) == n.kubelet for n in after.nodes)
