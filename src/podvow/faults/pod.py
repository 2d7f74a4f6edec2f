"""Faults to a Pod from outside: evicted by the API, its namespace deleted, a signal from the node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import FaultContext, PodFault, PodFaultFromNode
from podvow.faults.patience import known
from podvow.faults.runtime import live_run
from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class EvictPod(PodFault):
    """Evict the Pod by the eviction API, as a drain does."""

    grace_s: int
    name: str = "evict_pod"

    @property
    def target(self) -> str:
        """The grace period."""
        return f"grace period {self.grace_s} s"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Post an Eviction."""
        pod = context.timeline().meta.pod
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": context.namespace},
            "deleteOptions": {"gracePeriodSeconds": self.grace_s},
        }
        context.api.post(f"{context.path('pods', pod)}/eviction", eviction)
        return {"grace_s": self.grace_s}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The watch showed the Pod with a deletion timestamp, or gone."""
        return any(s.object["metadata"].get("deletionTimestamp") for s in timeline.snapshots()) or bool(
            timeline.of(Kind.DELETED, pod=timeline.meta.pod)
        )


def evict_pod(*, grace_s: int = 2) -> EvictPod:
    """Return the fault that evicts the Pod by the API."""
    return EvictPod(grace_s)


@dataclass(frozen=True)
class DeleteNamespace(PodFault):
    """Delete the scenario's own namespace with everything in it."""

    name: str = "delete_namespace"

    @property
    def target(self) -> str:
        """The namespace."""
        return "the scenario's namespace"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Ask for the deletion."""
        context.api.delete(f"/api/v1/namespaces/{context.namespace}", {"propagationPolicy": "Background"})
        return {"namespace": context.namespace}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The watch showed the Pod with a deletion timestamp, or gone."""
        return any(s.object["metadata"].get("deletionTimestamp") for s in timeline.snapshots()) or bool(
            timeline.of(Kind.DELETED, pod=timeline.meta.pod)
        )


def delete_namespace() -> DeleteNamespace:
    """Return the fault that deletes the scenario's namespace."""
    return DeleteNamespace()


@dataclass(frozen=True)
class SendTerm(PodFaultFromNode):
    """Send SIGTERM to the main process of a container from the node, behind the kubelet's back."""

    container: str
    name: str = "send_term"

    @property
    def target(self) -> str:
        """The container."""
        return self.container

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Send the signal."""
        cid = known(lambda: live_run(context.timeline(), self.container)).container_id
        context.runtime.kill(context.node, cid, "SIGTERM")
        return {"id": cid}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The runtime saw that very container exit."""
        return any(r.data["id"] == mark.facts["id"] for r in timeline.of(Kind.CONTAINER_EXITED))


def send_term(container: str) -> SendTerm:
    """Return the fault that sends SIGTERM to a container from the node."""
    return SendTerm(container)
