"""Faults on a Pod's resources: an in-place resize through the `resize` subresource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import FaultContext, SpecFault
from podvow.scenario.sized import resources


@dataclass(frozen=True)
class Resize(SpecFault):
    """Give one container of the running Pod other resources, without another container.

    Attributes:
        container: its name; "pod" stands for the Pod's own resources.
        sizes: see `podvow.scenario.sized.resources`.
    """

    container: str
    sizes: tuple[str, ...]
    name: str = "resize"

    @property
    def target(self) -> str:
        """The container and its new size."""
        return f"{self.container} → {' '.join(self.sizes)}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch the subresource."""
        timeline = context.timeline()
        path = f"{context.path('pods', timeline.meta.pod)}/resize"
        kind = "containers" if self.container in timeline.apps() else "initContainers"
        own = {"resources": resources(*self.sizes)}
        spec = own if self.container == "pod" else {kind: [{"name": self.container, **own}]}
        pod = context.api.patch(path, {"spec": spec})
        return {**self.taken(pod), "resources": own["resources"]}


def resize(container: str, *sizes: str) -> Resize:
    """Return the fault that resizes a container in place, e.g. `resize("app", "cpu=20m/80m")`."""
    return Resize(container, sizes)
