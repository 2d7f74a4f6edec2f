"""Faults on workloads: a changed template, another number of Pods, a Pod whose name its workload chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, PodFault
from podvow.faults.spec import DeletePod, SetImage, plural_of
from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class PatchObject(PodFault):
    """Change an object of a workload kind.

    Attributes:
        kind: its kind; one that the hub watches.
        object: its name.
        patch: strategic merge patch.
    """

    kind: str
    object: str
    patch: Mapping[str, Any] = field(default_factory=dict)
    name: str = "patch_object"
    told: str = ""

    @property
    def target(self) -> str:
        """The object and what is changed."""
        return f"{self.kind} {self.object}: {self.told or ', '.join(self.patch.get('spec', self.patch))}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch it."""
        changed = context.api.patch(context.path(plural_of(self.kind), self.object), self.patch)
        return {"generation": changed["metadata"].get("generation")}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """Its controller has observed the new generation (a Job does not say so: the watch showed it)."""
        for record in timeline.of(Kind.OBJECT):
            raw = record.data["object"]
            if (raw.get("kind"), raw["metadata"]["name"]) != (self.kind, self.object):
                continue
            seen = raw.get("status", {}).get("observedGeneration")
            generation = raw["metadata"].get("generation", 0) if seen is None and self.kind == "Job" else seen
            if int(generation or 0) >= int(mark.facts["generation"]):
                return True
        return False


def patch_object(kind: str, name: str, patch: Mapping[str, Any]) -> PatchObject:
    """Return the fault that changes an object of a watched workload kind by a strategic merge patch."""
    return PatchObject(kind, name, patch)


def scale(kind: str, name: str, replicas: int) -> PatchObject:
    """Return the fault that changes the number of Pods of a workload."""
    patch = {"spec": {"replicas": replicas}}
    return PatchObject(kind, name, patch, name="scale", told=f"{replicas} replicas")


def patch_template(kind: str, workload: str, pod_spec: Mapping[str, Any], told: str = "") -> PatchObject:
    """Return the fault that changes a workload's Pod template.

    Args:
        kind: kind of the workload.
        workload: its name.
        pod_spec: strategic merge patch for the spec of its Pods.
        told: the change in words.
    """
    patch = {"spec": {"template": {"spec": pod_spec}}}
    return PatchObject(kind, workload, patch, name="patch_template", told=told or "template")


def set_template_image(
    workload: str, container: str, to: str, *, init: bool = False, kind: str = "Deployment"
) -> PatchObject:
    """Return the fault that changes an image in a workload's Pod template."""
    pod_spec = {"initContainers" if init else "containers": [{"name": container, "image": to}]}
    fault = patch_template(kind, workload, pod_spec, f"{container} → {to}")
    return replace(fault, name="set_template_image")


def _newest(timeline: Timeline) -> str:
    """Return the name of the Pod that was seen first the latest.

    Raises:
        InjectionError: no Pod was seen.
    """
    names = list(dict.fromkeys(r.pod for r in timeline.of(Kind.SNAPSHOT)))
    if not names:
        raise InjectionError("no Pod of the scenario was seen")
    return names[-1]


@dataclass(frozen=True)
class OnNewestPod(PodFault):
    """Do to the newest Pod of the scenario what another fault does to a Pod whose name is known.

    Attributes:
        fault: that fault, without a Pod's name.
    """

    fault: SetImage | DeletePod

    @property
    def name(self) -> str:
        """As the other fault."""
        return self.fault.name

    @property
    def target(self) -> str:
        """As the other fault."""
        return f"newest Pod: {self.fault.target}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Find the Pod and do it."""
        pod = _newest(context.timeline())
        return {"pod": pod, **replace(self.fault, pod=pod).inject(context)}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """As the other fault."""
        return replace(self.fault, pod=str(mark.facts["pod"])).observed(timeline, mark)


def set_newest_pods_image(container: str, to: str) -> OnNewestPod:
    """Return the fault that changes a container's image in the newest Pod, past the workload that owns it."""
    return OnNewestPod(SetImage(container, to))


def delete_newest_pod(*, grace_s: int = 1) -> OnNewestPod:
    """Return the fault that deletes the newest Pod of the scenario."""
    return OnNewestPod(DeletePod(grace_s))


@dataclass(frozen=True)
class SetPodCondition(PodFault):
    """Set a condition in the Pod's status, as the controller behind a readiness gate does."""

    condition: str
    status: str
    name: str = "set_pod_condition"

    @property
    def target(self) -> str:
        """The condition."""
        return f"{self.condition} = {self.status}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch the Pod's status."""
        path = f"{context.path('pods', context.timeline().meta.pod)}/status"
        context.api.patch(path, {"status": {"conditions": [{"type": self.condition, "status": self.status}]}})
        return {"condition": self.condition, "status": self.status}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The watch showed the condition."""
        return any(s.condition(self.condition).get("status") == self.status for s in timeline.snapshots())


def set_pod_condition(condition: str, status: str = "True") -> SetPodCondition:
    """Return the fault that sets a condition in the Pod's status."""
    return SetPodCondition(condition, status)
