"""What survivors and nodes are at a moment: identities, counts, times, and what each container's trace tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from podvow.inputs import shaped

SCHEMA = 1
WHAT = "snapshot of survivors"


@dataclass(frozen=True)
class NodeSeen:
    """A node.

    Attributes:
        name: its name.
        uid: of its object.
        machine_id: of the machine or its disk.
        boot_id: another one after every boot.
        kubelet: version of its kubelet.
        runtime: name and version of its container runtime.
        ready: whether its kubelet says that it is.
    """

    name: str
    uid: str
    machine_id: str
    boot_id: str
    kubelet: str
    runtime: str
    ready: bool


@dataclass(frozen=True)
class ContainerSeen:
    """A container of a survivor.

    Attributes:
        name: its name.
        kind: `init`, `sidecar` or `app`.
        id: of the runtime's container; empty before there is one.
        image: as the spec names it.
        image_id: of the image that it was made of.
        restarts: its restartCount.
        state: `waiting`, `running` or `terminated`.
        exit_code: None while it has not ended.
        started: when it was started, as the API writes it; empty when it was not.
        runs: how many runs its trace tells of; None when its trace could not be read.
        begun_s: begin of its last run, seconds since the node's boot.
        ended_s: end of it.
        last_s: the last line of its trace.
        silence_s: the longest pause between two ticks of its last run, in seconds; 0 for one that does not tick.
    """

    name: str
    kind: str
    id: str
    image: str
    image_id: str
    restarts: int
    state: str
    exit_code: int | None = None
    started: str = ""
    runs: int | None = None
    begun_s: float | None = None
    ended_s: float | None = None
    last_s: float | None = None
    silence_s: float = 0.0


@dataclass(frozen=True)
class PodSeen:
    """A survivor.

    Attributes:
        name: its name.
        uid: its identity.
        shape: what it is an example of.
        node: where it runs.
        owner: kind of its controller; `Node` for a static Pod, empty for none.
        phase: its phase.
        ip: its address.
        made: when it was made, as the API writes it.
        leaving: whether it is being deleted.
        unsettled: what it lacks to be as it is meant to be; empty when nothing.
        containers: inits first, in the order of its spec.
        trace: the last lines of its trace.
    """

    name: str
    uid: str
    shape: str
    node: str
    owner: str
    phase: str
    ip: str
    made: str
    leaving: bool
    unsettled: str
    containers: tuple[ContainerSeen, ...]
    trace: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """All survivors and all nodes.

    Attributes:
        cohort: id of the cohort.
        taken: when, ISO 8601.
        server: version of the API server.
        nodes: the nodes.
        pods: the survivors.
    """

    cohort: str
    taken: str
    server: str
    nodes: tuple[NodeSeen, ...]
    pods: tuple[PodSeen, ...]

    def node(self, name: str) -> NodeSeen | None:
        """Return a node, None when there is none of that name."""
        return next((node for node in self.nodes if node.name == name), None)

    def to_json(self, *, trace: bool = True) -> str:
        """Return it as JSON.

        Args:
            trace: with the lines of the traces; without them it fits into a ConfigMap.
        """
        raw = {"schema": SCHEMA, **asdict(self)}
        if not trace:
            raw["pods"] = [{**pod, "trace": ()} for pod in raw["pods"]]
        return json.dumps(raw, indent=1 if trace else None)


_SNAPSHOT = TypeAdapter(Snapshot)


def parse(raw: Mapping[str, Any], *, where: str) -> Snapshot:
    """Return a snapshot from its JSON, without the key `schema`.

    Raises:
        UsageError: it is none.
    """
    return shaped(_SNAPSHOT, dict(raw), where=where, what=WHAT)
