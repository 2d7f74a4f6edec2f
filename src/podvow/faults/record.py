"""Lost records: what CRI knows of exited containers is removed, as a garbage collection would do.

Through CRI, never through `ctr containers rm`: that reaches no record that the kubelet sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, PodFaultFromNode
from podvow.faults.patience import NotDoneError, until_done
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_EXITED = "CONTAINER_EXITED"


@dataclass(frozen=True)
class RemoveRecords(PodFaultFromNode):
    """Remove every record of containers that have exited; it cannot be brought back.

    Attributes:
        containers: their names.
    """

    containers: tuple[str, ...]
    name: str = "remove_records"

    @property
    def target(self) -> str:
        """The containers."""
        return f"records of {', '.join(self.containers)}"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Remove them, and list what is left.

        A container may have ended a moment ago, and the kubelet may be removing an older record at the same time:
        only what CRI lists afterwards counts.
        """
        removed: dict[str, str] = {}
        until_done(lambda: self._remove(context, removed))
        missing = set(self.containers) - set(removed.values())
        if missing:
            raise InjectionError(f"there was no record of {', '.join(sorted(missing))}")
        return {"removed": removed, "left": []}

    def _remove(self, context: FaultContext, removed: dict[str, str]) -> None:
        """Remove what is listed and note it in `removed`, by id."""
        for record in self._listed(context):
            removed[record["id"]] = record["metadata"]["name"]
            if record["state"] != _EXITED:
                raise NotDoneError(f"{record['metadata']['name']} has not exited: {record['state']}")
            context.runtime.remove_container(context.node, record["id"])
        if left := self._listed(context):
            raise NotDoneError(f"still listed: {', '.join(r['metadata']['name'] for r in left)}")

    def _listed(self, context: FaultContext) -> list[dict[str, Any]]:
        pod = context.timeline().meta.pod
        return [
            item
            for item in context.runtime.containers(context.node)
            if item["metadata"]["name"] in self.containers
            and item.get("labels", {}).get("io.kubernetes.pod.namespace") == context.namespace
            and item.get("labels", {}).get("io.kubernetes.pod.name") == pod
        ]

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """CRI listed the records before, and none of them afterwards."""
        facts = mark.facts
        return set(self.containers) <= set(facts["removed"].values()) and not facts["left"]


def remove_records(*containers: str) -> RemoveRecords:
    """Return the fault that removes the records of exited containers."""
    return RemoveRecords(containers)
