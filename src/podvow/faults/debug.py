"""An ephemeral container added to a Pod, as `kubectl debug` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import FaultContext, PodFault
from podvow.timeline import Timeline
from podvow.timeline.lookup import lookup
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class Debug(PodFault):
    """Add an ephemeral container that sleeps; it cannot be taken out of the Pod again.

    Attributes:
        container: its name.
        image: its image, on the node already.
        seconds: how long it runs.
        code: what it exits with.
    """

    container: str
    image: str
    seconds: int
    code: int = 0
    name: str = "debug"

    @property
    def target(self) -> str:
        """The ephemeral container."""
        return self.container

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch the subresource `ephemeralcontainers`."""
        container = {
            "name": self.container,
            "image": self.image,
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", f"sleep {self.seconds}; exit {self.code}"],
        }
        timeline = context.timeline()
        path = f"{context.path('pods', timeline.meta.pod)}/ephemeralcontainers"
        there = [
            c["name"] for s in timeline.snapshots()[-1:] for c in s.object["spec"].get("ephemeralContainers") or ()
        ]
        # as `kubectl debug` does: a merge alone would put it in front of those that are there
        order = [{"name": name} for name in (*there, self.container)]
        spec = {"$setElementOrder/ephemeralContainers": order, "ephemeralContainers": [container]}
        context.api.patch(path, {"spec": spec})
        return {"container": self.container}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The watch showed the Pod with the ephemeral container: whether it starts is the kubelet's affair."""
        path = f"spec/ephemeralContainers/{self.container}"
        return any(lookup(shot.object, path) for shot in timeline.snapshots())


def debug(
    container: str = "debug", *, image: str = "podvow/busybox:blue", seconds: int = 3600, code: int = 0
) -> Debug:
    """Return the fault that adds an ephemeral container."""
    return Debug(container, image, seconds, code)
