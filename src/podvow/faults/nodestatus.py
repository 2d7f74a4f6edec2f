"""Faults on a Node's status: a made-up resource that the node offers, to count the scheduler's arithmetic with.

Nothing else in the cluster asks for it, so that a node can be full without being short of anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podvow.api import Api, ApiError
from podvow.errors import InjectionError
from podvow.faults.base import NODE_STATUS, FaultContext, PodFault
from podvow.faults.patience import NotDoneError, until_done
from podvow.journal.undo import RemoveResource
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_PATIENCE_S = 30.0
_POLL_S = 0.5
_KINDS = ("capacity", "allocatable")


def _set(api: Api, node: str, resource: str, value: str | None) -> None:
    """Write a node's capacity and allocatable amount; the kubelet keeps what it finds there."""
    status = {kind: {resource: value} for kind in _KINDS}
    api.patch(f"/api/v1/nodes/{node}/status", {"status": status})


def _status(api: Api, node: str) -> Mapping[str, Any]:
    status: Mapping[str, Any] = api.get(f"/api/v1/nodes/{node}")["status"]
    return status


def withdraw(api: Api, node: str, resource: str) -> None:
    """Remove a resource from a node's status, until it is gone; harmless when it is not there.

    Raises:
        InjectionError: it does not go.
        ApiError: the server refuses.
    """

    def once() -> None:
        status = _status(api, node)
        if any(resource in (status.get(kind) or {}) for kind in _KINDS):
            _set(api, node, resource, None)
            raise NotDoneError(f"{node} still offers {resource}")

    until_done(once, refusal=ApiError, patience_s=_PATIENCE_S, poll_s=_POLL_S)


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
    def needs(self) -> frozenset[str]:
        """The right to change the node's status."""
        return frozenset({NODE_STATUS})

    def undoing(self, node: str) -> RemoveResource:
        """Take it out of capacity and allocatable of the Node's status."""
        return RemoveResource(node, self.resource)

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Write the node's status, unless another run plays with the same resource."""
        others = list(_strangers(context, self.resource))
        if others:
            raise InjectionError(f"{self.resource} is asked for by {', '.join(others)}")
        _set(context.api, context.node, self.resource, str(self.amount))
        status = _status(context.api, context.node)
        return {kind: status[kind].get(self.resource) for kind in _KINDS}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The node's status shows the amount."""
        return mark.facts.get("allocatable") == mark.facts.get("capacity") == str(self.amount)

    def undo(self, context: FaultContext) -> None:
        """Remove the resource from the node's status, until it is gone."""
        withdraw(context.api, context.node, self.resource)


def offer(resource: str, amount: int) -> OfferResource:
    """Return the fault that makes the scenario's node offer an extended resource."""
    return OfferResource(resource, amount)
