"""A Pod's scheduling gates, taken away: from then on the scheduler looks for a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import FaultContext, PodFault
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class OpenGates(PodFault):
    """Remove all scheduling gates of a Pod.

    Attributes:
        pod: its name; empty for the scenario's main Pod.
    """

    pod: str = ""
    name: str = "open_gates"

    @property
    def target(self) -> str:
        """The Pod's gates."""
        return f"scheduling gates of {self.pod or 'the Pod'}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch the Pod's spec."""
        name = self.pod or context.timeline().meta.pod
        patch = {"spec": {"schedulingGates": None}}
        context.api.patch(context.path("pods", name), patch, content_type="application/merge-patch+json")
        return {"pod": name}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The watch showed the Pod without gates."""
        shots = timeline.snapshots(mark.facts["pod"])
        return bool(shots) and not shots[-1].object["spec"].get("schedulingGates")


def open_gates(pod: str = "") -> OpenGates:
    """Return the fault that lets the scheduler have a Pod."""
    return OpenGates(pod)
