"""What a fault is: a value that can be injected, whose taking place can be proven, and that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

from podvow.api import Api
from podvow.cluster.cri import Cri
from podvow.cluster.node import NodeAccess, NodePower
from podvow.errors import InjectionError
from podvow.journal.undo import Undo
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

NODE_ACCESS = "node-access"
"""Capability: commands can be run on the cluster's nodes."""
WORKER = "a worker node"
"""Capability: there is a node whose loss does not take the control plane away."""
NODE_STATUS = "node-status"
"""Capability: the status of a node may be changed."""
HOST_ACCESS = "host-access"
"""Capability: Pods may reach into their node: its network, its devices, its files."""


class NodeLostError(InjectionError):
    """A node did not come back within its window: what its Pods did is no evidence about the cluster."""


class Isolation(IntEnum):
    """How far a fault reaches; nothing else that it could disturb runs within its reach."""

    POD = 0
    NODE = 1
    CLUSTER = 2


@dataclass(frozen=True)
class FaultContext:
    """What a fault may use.

    Attributes:
        api: the API server.
        namespace: the scenario's own namespace; a fault touches no other one.
        node: the node of the scenario's Pods, "" when it was left to the scheduler.
        cri: the node's container runtime, None without node access.
        access: way onto the nodes, None without one.
        timeline: returns what has been recorded so far.
        prepare: labels and traces a manifest the way the driver does with fixtures.
        record_object: writes an object that the fault created to the evidence.
    """

    api: Api
    namespace: str
    node: str
    cri: Cri | None
    access: NodeAccess | None
    timeline: Callable[[], Timeline]
    prepare: Callable[[dict[str, Any]], dict[str, Any]]
    record_object: Callable[[dict[str, Any]], None]

    @property
    def runtime(self) -> Cri:
        """The node's runtime.

        Raises:
            InjectionError: there is no access to the node.
        """
        if self.cri is None:
            raise InjectionError("no access to the node", hint="node faults need a kind cluster")
        return self.cri

    @property
    def nodes(self) -> NodeAccess:
        """The way onto the nodes.

        Raises:
            InjectionError: there is none.
        """
        if self.access is None:
            raise InjectionError("no access to the node", hint="node faults need a kind cluster")
        return self.access

    @property
    def power(self) -> NodePower:
        """The nodes as machines.

        Raises:
            InjectionError: nothing can switch them.
        """
        access: object = self.access
        if not isinstance(access, NodePower):
            raise InjectionError("nothing can switch the nodes on and off", hint="that needs a kind cluster")
        return access

    def path(self, kind: str, name: str = "") -> str:
        """Return the API path of a kind (`pods`, `apis/apps/v1/deployments`) in the scenario's namespace."""
        group, _, plural = kind.rpartition("/")
        base = f"/{group or 'api/v1'}/namespaces/{self.namespace}/{plural}"
        return f"{base}/{name}" if name else base


class Fault(Protocol):
    """A fault. Values: two equal faults do the same."""

    @property
    def name(self) -> str:
        """Imperative name, e.g. `kill_sandbox`."""

    @property
    def target(self) -> str:
        """What it is aimed at, in words."""

    @property
    def isolation(self) -> Isolation:
        """How far it reaches."""

    @property
    def needs(self) -> frozenset[str]:
        """Capabilities of the cluster that it needs."""

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Do it.

        Returns:
            Facts for the evidence: what exactly was hit.

        Raises:
            InjectionError: it could not be done.
        """

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """Tell whether the evidence proves that it took place. `mark.facts` holds what `inject` returned."""

    def undo(self, context: FaultContext) -> None:
        """Heal what outlives the scenario's own objects; most Pod faults leave nothing behind."""


@dataclass(frozen=True)
class PodFault:
    """Common part of the faults that reach one scenario only, need nothing but the API server and leave nothing."""

    @property
    def isolation(self) -> Isolation:
        """One Pod."""
        return Isolation.POD

    @property
    def needs(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def undo(self, context: FaultContext) -> None:
        """Nothing: what it made or reached goes with the Pod, or with the scenario's namespace."""


@dataclass(frozen=True)
class SpecFault(PodFault):
    """Common part of the faults that change a Pod's spec: done when the API server has taken the change.

    That it is stored, seen and acted on is what tests judge.
    """

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The API server answered with the changed Pod."""
        return bool(mark.facts.get("resource_version"))

    @staticmethod
    def taken(pod: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts that prove it: which state of the Pod the API server answered with."""
        metadata = pod["metadata"]
        return {"generation": metadata.get("generation"), "resource_version": metadata["resourceVersion"]}


@dataclass(frozen=True)
class PodFaultFromNode(PodFault):
    """Common part of the faults that reach one Pod, from the node that it runs on."""

    @property
    def needs(self) -> frozenset[str]:
        """Commands on the node."""
        return frozenset({NODE_ACCESS})


def reaches_node(fault: Fault) -> bool:
    """Whether a fault is injected from a node or changes one: more than the scenario's own objects."""
    return bool(fault.needs & {NODE_ACCESS, NODE_STATUS}) or fault.isolation is not Isolation.POD


@runtime_checkable
class Lasting(Protocol):
    """A fault that outlives its scenario's objects until it is undone."""

    def undoing(self, node: str) -> Undo:
        """What `undo` does to a node, as data for the journal: another process may have to do it."""


@runtime_checkable
class Outage(Protocol):
    """A fault during which nothing on its node can act: if it stays so, the healing must come from outside."""

    @property
    def outage_s(self) -> float:
        """How long the node is away on purpose, in seconds."""
