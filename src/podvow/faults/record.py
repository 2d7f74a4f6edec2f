"""Records of containers: those of exited ones are removed, or one is made of a container that was never started.

The first is what a garbage collection does. The second is what a kubelet leaves that dies, or a runtime that fails,
between creating a container and starting it. Through CRI, never through `ctr containers rm`: that reaches no record
that the kubelet sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.cluster.cri import CONTAINER_LABEL, NAMESPACE_LABEL, POD_LABEL
from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, PodFaultFromNode
from podvow.faults.patience import NotDoneError, until_done
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_EXITED = "CONTAINER_EXITED"
_CREATED = "CONTAINER_CREATED"
_RESTARTS = "io.kubernetes.container.restartCount"


def _records(context: FaultContext) -> list[dict[str, Any]]:
    """Return the records of all containers of the scenario's Pod."""
    pod = context.timeline().meta.pod
    return [
        item
        for item in context.runtime.containers(context.node)
        if item.get("labels", {}).get(NAMESPACE_LABEL) == context.namespace
        and item.get("labels", {}).get(POD_LABEL) == pod
    ]


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
        return [item for item in _records(context) if item["metadata"]["name"] in self.containers]

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """CRI listed the records before, and none of them afterwards."""
        facts = mark.facts
        return set(self.containers) <= set(facts["removed"].values()) and not facts["left"]


@dataclass(frozen=True)
class CreateRecord(PodFaultFromNode):
    """Create a container of the Pod that nobody starts, as the kubelet would create its next run.

    To be injected while the kubelet is down: one that runs starts a container right away.

    Attributes:
        container: its name.
        like: a container of the Pod that has a record to copy; it decides into which sandbox the new one goes.
    """

    container: str
    like: str
    name: str = "create_record"

    @property
    def target(self) -> str:
        """The container."""
        return f"{self.container}, created and not started"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Create it and ask what state it is in."""
        records = _records(context)
        models = [each for each in records if each["metadata"]["name"] == self.like]
        if not models:
            raise InjectionError(f"there is no record of {self.like} to copy")
        model = max(models, key=lambda each: int(each["createdAt"]))
        own = [each["metadata"] for each in records if each["metadata"]["name"] == self.container]
        attempt = max((int(each.get("attempt", 0)) for each in own), default=-1) + 1
        runtime, sandbox = context.runtime, str(model["podSandboxId"])
        config = self._config(runtime.inspect_container(context.node, model["id"])["info"]["config"], attempt)
        pod = runtime.inspect_sandbox(context.node, sandbox)["info"]["config"]
        created = runtime.create_container(context.node, sandbox, config, pod)
        state = runtime.inspect_container(context.node, created)["status"]["state"]
        return {"created": created, "sandbox": sandbox, "state": state}

    def _config(self, model: Mapping[str, Any], attempt: int) -> dict[str, Any]:
        """Return the configuration of the container's next run; the kubelet knows it by name and count."""
        return {
            **model,
            "metadata": {"name": self.container, "attempt": attempt},
            "labels": {**model.get("labels", {}), CONTAINER_LABEL: self.container},
            "annotations": {**model.get("annotations", {}), _RESTARTS: str(attempt)},
            "log_path": f"{self.container}/{attempt}.log",
        }

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """CRI showed the container as created."""
        return str(mark.facts["state"]) == _CREATED


def create_record(container: str, like: str = "") -> CreateRecord:
    """Return the fault that creates a container without starting it.

    Args:
        container: its name.
        like: the container whose record is copied; by default an earlier run of the same one.
    """
    return CreateRecord(container, like or container)


def remove_records(*containers: str) -> RemoveRecords:
    """Return the fault that removes the records of exited containers."""
    return RemoveRecords(containers)
