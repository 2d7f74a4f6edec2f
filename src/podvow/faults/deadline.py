"""A Pod's active deadline, set on the live Pod: it can be set, and then made shorter only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import FaultContext, PodFault
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class SetDeadline(PodFault):
    """Set `activeDeadlineSeconds`, which counts from the Pod's start: a small value is over at once."""

    seconds: int
    name: str = "set_deadline"

    @property
    def target(self) -> str:
        """The deadline."""
        return f"activeDeadlineSeconds {self.seconds}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Patch the Pod's spec."""
        patch = {"spec": {"activeDeadlineSeconds": self.seconds}}
        pod = context.api.patch(context.path("pods", context.timeline().meta.pod), patch)
        return {"seconds": pod["spec"]["activeDeadlineSeconds"]}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The watch showed the Pod with that deadline."""
        seconds = mark.facts["seconds"]
        return any(s.object["spec"].get("activeDeadlineSeconds") == seconds for s in timeline.snapshots())


def set_deadline(seconds: int = 1) -> SetDeadline:
    """Return the fault that sets the Pod's active deadline."""
    return SetDeadline(seconds)
