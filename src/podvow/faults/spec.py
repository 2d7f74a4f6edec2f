"""Faults by the API: a changed image, an object that appears, a Pod deleted or created again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import FaultContext, PodFault, SpecFault
from podvow.scenario.manifest import load_fixture
from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class SetImage(SpecFault):
    """Change the image of one container of the Pod (init containers too).

    Attributes:
        container: its name.
        to: the new image.
        pod: the Pod, the main one by default.
    """

    container: str
    to: str
    pod: str = ""
    name: str = "set_image"

    @property
    def target(self) -> str:
        """Container and image."""
        return f"{self.container} → {self.to}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch the Pod's spec."""
        timeline = context.timeline()
        kind = "containers" if self.container in timeline.apps(self.pod) else "initContainers"
        patch = {"spec": {kind: [{"name": self.container, "image": self.to}]}}
        pod = context.api.patch(context.path("pods", self.pod or timeline.meta.pod), patch)
        image = next((c["image"] for c in pod["spec"][kind] if c["name"] == self.container), "")
        return {"container": self.container, "image": image, **self.taken(pod)}


def set_image(container: str, to: str, *, pod: str = "") -> SetImage:
    """Return the fault that changes a container's image to `to`."""
    return SetImage(container, to, pod)


@dataclass(frozen=True)
class CreateObjects(PodFault):
    """Create the objects of a fixture, e.g. the ConfigMap that a container waits for."""

    fixture: str
    name: str = "create"

    @property
    def target(self) -> str:
        """The fixture."""
        return self.fixture

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Create them, labelled, in the scenario's namespace."""
        created = []
        for manifest in load_fixture(self.fixture):
            answer = create_object(context, manifest)
            created.append({"kind": manifest["kind"], "name": manifest["metadata"]["name"], "uid": answer["uid"]})
        return {"created": created}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The API server answered with the objects' UIDs."""
        return all(item["uid"] for item in mark.facts.get("created", [])) and bool(mark.facts.get("created"))


def create(fixture: str) -> CreateObjects:
    """Return the fault that creates the objects of a fixture (path below `fixtures/` without `.yaml`)."""
    return CreateObjects(fixture)


_PLURALS = {
    "Pod": "pods",
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    "Service": "services",
    "ResourceQuota": "resourcequotas",
    "LimitRange": "limitranges",
    "DaemonSet": "apis/apps/v1/daemonsets",
    "Deployment": "apis/apps/v1/deployments",
    "Job": "apis/batch/v1/jobs",
    "StatefulSet": "apis/apps/v1/statefulsets",
}


def plural_of(kind: str) -> str:
    """Return the plural of a kind, with its group before it unless it is a core kind."""
    return _PLURALS[kind]


def create_object(context: FaultContext, manifest: dict[str, Any]) -> dict[str, Any]:
    """Create an object in the scenario's namespace and record it; return its metadata."""
    ready = context.prepare(manifest)
    answer = context.api.post(context.path(plural_of(manifest["kind"])), ready)
    context.record_object(answer)
    metadata: dict[str, Any] = answer["metadata"]
    return metadata


@dataclass(frozen=True)
class DeletePod(PodFault):
    """Delete the Pod with a grace period in seconds."""

    grace_s: int
    pod: str = ""
    name: str = "delete_pod"

    @property
    def target(self) -> str:
        """The grace period."""
        return f"grace period {self.grace_s} s"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Ask for the deletion."""
        path = context.path("pods", self.pod or context.timeline().meta.pod)
        context.api.delete(path, {"gracePeriodSeconds": self.grace_s, "propagationPolicy": "Background"})
        return {"grace_s": self.grace_s}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The watch showed the Pod with a deletion timestamp, or gone."""
        return any(s.object["metadata"].get("deletionTimestamp") for s in timeline.snapshots(self.pod)) or bool(
            timeline.of(Kind.DELETED, pod=self.pod or timeline.meta.pod)
        )


def delete_pod(*, grace_s: int = 2, pod: str = "") -> DeletePod:
    """Return the fault that deletes the Pod."""
    return DeletePod(grace_s, pod)


@dataclass(frozen=True)
class ReleasePod(PodFault):
    """Take the finalizer from a Pod that was held back to read its last status."""

    pod: str = ""
    name: str = "release_pod"

    @property
    def target(self) -> str:
        """The finalizer."""
        return "finalizers"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Empty the list of finalizers."""
        path = context.path("pods", self.pod or context.timeline().meta.pod)
        context.api.patch(path, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")
        return {"released": True}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The watch saw the Pod go."""
        return bool(timeline.of(Kind.DELETED, pod=self.pod or timeline.meta.pod))


def release_pod(pod: str = "") -> ReleasePod:
    """Return the step that lets a deleted Pod go."""
    return ReleasePod(pod)


@dataclass(frozen=True)
class RecreatePod(PodFault):
    """Create the fixture's Pod again under the same name after its deletion."""

    fixture: str
    name: str = "recreate_pod"

    @property
    def target(self) -> str:
        """The fixture."""
        return self.fixture

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Create it."""
        pod = next(m for m in load_fixture(self.fixture) if m["kind"] == "Pod")
        old = [s.uid for s in context.timeline().snapshots()]
        metadata = create_object(context, pod)
        return {"old_uid": old[-1] if old else "", "uid": metadata["uid"]}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The watch showed a Pod of the new UID."""
        return any(s.uid == mark.facts["uid"] for s in timeline.snapshots())


def recreate_pod(fixture: str) -> RecreatePod:
    """Return the fault that creates a deleted Pod again under its name."""
    return RecreatePod(fixture)
