"""Faults on a Node's status: a made-up resource that the node offers, to count the scheduler's arithmetic with.

Nothing else in the cluster asks for it, so that a node can be full without being short of anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podvow.api import ApiError
from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, PodFault
from podvow.faults.patience import NotDoneError, until_done
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_PATIENCE_S = 30.0
_POLL_S = 0.5
_KINDS = ("capacity", "allocatable")


def _set(context: FaultContext, resource: str, value: str | None) -> None:
    """Write a node's capacity and allocatable amount; the kubelet keeps what it finds there."""
    status = {kind: {resource: value} for kind in _KINDS}
    context.api.patch(f"/api/v1/nodes/{context.node}/status", {"status": status})


def _status(context: FaultContext) -> Mapping[str, Any]:
    status: Mapping[str, Any] = context.api.get(f"/api/v1/nodes/{context.node}")["status"]
    return status


def _strangers(context: FaultContext, resource: str) -> Iterator[str]:
    """Yield the Pods of other namespaces that ask this node for it: another run plays the same scenario."""
    for pod in context.api.get("/api/v1/pods").get("items") or ():
        spec, namespace = pod["spec"], pod["metadata"]["namespace"]
        nodes = {spec.get("nodeName"), (spec.get("nodeSelector") or {}).get("kubernetes.io/hostname")}
        listed = [*(spec.get("initContainers") or ()), *spec["containers"]]
        asks = any(resource in ((c.get("resources") or {}).get("limits") or {}) for c in listed)
        if asks and context.node in nodes and namespace != context.namespace:
            yield f"{namespace}/{pod['metadata']['name']}"


@dataclass(frozen=True)
class OfferResource(PodFault):
    """Let the scenario's node offer an amount of an extended resource, until the scenario is over.

    It reaches one scenario only: nobody else asks for the resource.
    """

    resource: str
    amount: int
    name: str = "offer_resource"

    @property
    def target(self) -> str:
        """Resource and amount."""
        return f"{self.resource} = {self.amount}"

    @property
    def undoing(self) -> str:
        """What is left on the node."""
        return f"remove {self.resource} from capacity and allocatable of the Node's status"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Write the node's status, unless another run plays with the same resource."""
        others = list(_strangers(context, self.resource))
        if others:
            raise InjectionError(f"{self.resource} is asked for by {', '.join(others)}")
        _set(context, self.resource, str(self.amount))
        status = _status(context)
        return {kind: status[kind].get(self.resource) for kind in _KINDS}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The node's status shows the amount."""
        return mark.facts.get("allocatable") == mark.facts.get("capacity") == str(self.amount)

    def undo(self, context: FaultContext) -> None:
        """Remove the resource from the node's status, until it is gone."""
        until_done(lambda: self._remove(context), refusal=ApiError, patience_s=_PATIENCE_S, poll_s=_POLL_S)

    def _remove(self, context: FaultContext) -> None:
        status = _status(context)
        if any(self.resource in status[kind] for kind in _KINDS):
            _set(context, self.resource, None)
            raise NotDoneError(f"{context.node} still offers {self.resource}")


def offer(resource: str, amount: int) -> OfferResource:
    """Return the fault that makes the scenario's node offer an extended resource."""
    return OfferResource(resource, amount)
