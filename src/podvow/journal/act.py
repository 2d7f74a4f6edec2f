"""Carrying out an undo. Each can be repeated, and does nothing where nothing is to be done."""

from __future__ import annotations

from dataclasses import dataclass

from podvow.api import Api, ApiError
from podvow.cluster.cri import Cri
from podvow.cluster.node import NodeAccess
from podvow.errors import ClusterUnusableError
from podvow.faults import deadman, network, nodestatus, othercomponent, otherkubelet, static, upkeep
from podvow.faults.base import FaultContext, NodeLostError
from podvow.journal.undo import (
    DisarmTimer,
    NodeUndo,
    RemoveResource,
    RemoveStatic,
    RestoreComponent,
    RestoreKubelet,
)
from podvow.timeline import Meta, Timeline

_NOT_FOUND = 404


@dataclass(frozen=True)
class Site:
    """Where changes were made.

    Attributes:
        api: the API server.
        access: way onto the nodes, None without one.
    """

    api: Api
    access: NodeAccess | None

    def context(self, node: str) -> FaultContext:
        """Return what the healing side of a fault needs; it belongs to no scenario."""
        empty = Timeline(Meta("recover"), [])
        cri = Cri(self.access) if self.access else None
        return FaultContext(self.api, "", node, cri, self.access, lambda: empty, lambda m: m, lambda _: None)


def act(undo: NodeUndo, site: Site) -> str:
    """Carry out an undo on a node.

    Returns:
        What was done, in words.

    Raises:
        ClusterUnusableError: there is no way onto the node.
        PodvowError: it could not be done.
    """
    try:
        site.api.get(f"/api/v1/nodes/{undo.node}")
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return f"node {undo.node} is not there any more"
        # An API server that does not answer may be the very thing that is to be taken back.
        if not isinstance(undo, RestoreComponent):
            raise
    if isinstance(undo, RemoveResource):
        nodestatus.withdraw(site.api, undo.node, undo.resource)
        return f"removed {undo.resource} from node {undo.node}"
    if site.access is None:
        raise ClusterUnusableError(
            f"no way onto node {undo.node}, which is needed to {undo.words}",
            hint="recover on the machine that the node's container runs on",
        )
    context = site.context(undo.node)
    upkeep.rouse(context)
    if isinstance(undo, RemoveStatic):
        static.remove_path(context, undo.path)
        return f"removed {undo.path} from node {undo.node}"
    if isinstance(undo, DisarmTimer):
        deadman.disarm(site.access, undo.node, undo.run)
        return f"disarmed the dead-man timer of node {undo.node}"
    if isinstance(undo, RestoreKubelet):
        return otherkubelet.restore(context)
    if isinstance(undo, RestoreComponent):
        return othercomponent.restore(context, undo.component)
    return _heal(context)


def _heal(context: FaultContext) -> str:
    """Put right whatever any fault may have done to the node; which one it was does not matter."""
    network.restore(context)
    how = "healed"
    try:
        upkeep.heal(context)
    except NodeLostError as error:
        how = upkeep.repair(context)
        if "repaired it" not in how:
            raise NodeLostError(f"{error.message}; {how}") from error
    # A node that came back at another address while the harness was dead: the others' routes do not know yet.
    upkeep.reroute(context)
    # Last: until here the timer is the second string to the bow.
    deadman.disarm(context.nodes, context.node)
    return f"node {context.node}: {how}"
