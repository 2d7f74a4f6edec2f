"""What survivors and nodes are at a moment: identities, counts, times, and what each container's trace tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter

from podvow.inputs import shaped
from podvow.upgrade.cohort import shape_of, unsettled

SCHEMA = 1
WHAT = "snapshot of survivors"
_MIRROR = "kubernetes.io/config.mirror"
_STANDALONE_OWNER = "Node"
"""Owner of the mirror of a static Pod."""
_FIELDS = 4
_TICK = "tick"
"""What a survivor that goes on says every 10 s."""


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
Log = Callable[[str, str], str]
"""Returns what a container (Pod, container) wrote to its log; empty when that cannot be read."""


def parse(raw: Mapping[str, Any], *, where: str) -> Snapshot:
    """Return a snapshot from its JSON, without the key `schema`.

    Raises:
        UsageError: it is none.
    """
    return shaped(_SNAPSHOT, dict(raw), where=where, what=WHAT)


def take(
    cohort: str, server: str, nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], log: Log
) -> Snapshot:
    """Make a snapshot of raw objects.

    Args:
        cohort: id of the cohort.
        server: version of the API server.
        nodes: the Node objects.
        pods: the survivors' Pod objects.
        log: reads a container's log.
    """
    return Snapshot(
        cohort,
        datetime.now(UTC).isoformat(timespec="seconds"),
        server,
        tuple(sorted((node_of(raw) for raw in nodes), key=lambda node: node.name)),
        tuple(sorted((pod_of(raw, log) for raw in pods), key=lambda pod: (pod.shape, pod.name))),
    )


def node_of(raw: Mapping[str, Any]) -> NodeSeen:
    """Return what a Node object says."""
    status = raw.get("status") or {}
    info = status.get("nodeInfo") or {}
    return NodeSeen(
        name=raw["metadata"]["name"],
        uid=str(raw["metadata"].get("uid", "")),
        machine_id=str(info.get("machineID", "")),
        boot_id=str(info.get("bootID", "")),
        kubelet=str(info.get("kubeletVersion", "")),
        runtime=str(info.get("containerRuntimeVersion", "")),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ()),
    )


def pod_of(raw: Mapping[str, Any], log: Log) -> PodSeen:
    """Return what a Pod object and its containers' traces say."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    owners = [o["kind"] for o in metadata.get("ownerReferences") or () if o.get("controller", True)]
    mirror = _MIRROR in (metadata.get("annotations") or {})
    containers, lines = [], []
    for kind, wanted, seen in _listed(spec, status):
        told = list(_traced(log(metadata["name"], wanted["name"]))) if seen.get("containerID") else []
        containers.append(_container(kind, wanted, seen, told))
        lines += told[-2:]
    return PodSeen(
        name=metadata["name"],
        uid=str(metadata.get("uid", "")),
        shape=shape_of(raw),
        node=str(spec.get("nodeName", "")),
        owner=_STANDALONE_OWNER if mirror else next(iter(owners), ""),
        phase=str(status.get("phase", "")),
        ip=str(status.get("podIP", "")),
        made=str(metadata.get("creationTimestamp", "")),
        leaving=bool(metadata.get("deletionTimestamp")),
        unsettled=unsettled(raw),
        containers=tuple(containers),
        trace=tuple(lines),
    )


def _listed(
    spec: Mapping[str, Any], status: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield kind, spec and status of every container."""
    for field, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        seen = {each["name"]: each for each in status.get(statuses) or ()}
        for wanted in spec.get(field) or ():
            kind = "app" if field == "containers" else "init"
            if kind == "init" and wanted.get("restartPolicy") == "Always":
                kind = "sidecar"
            yield kind, wanted, seen.get(wanted["name"], {})


def _traced(text: str) -> Iterator[str]:
    """Yield the lines of a container's log that its trace wrote."""
    for line in text.splitlines():
        if line.startswith("podvow ") and len(line.split(" ", 5)) > _FIELDS:
            yield line.removeprefix("podvow ")


def _container(kind: str, wanted: Mapping[str, Any], seen: Mapping[str, Any], told: list[str]) -> ContainerSeen:
    state, detail = next(iter((seen.get("state") or {"waiting": {}}).items()))
    detail = detail or {}
    code = detail.get("exitCode")
    return ContainerSeen(
        name=wanted["name"],
        kind=kind,
        id=str(seen.get("containerID", "")).rpartition("/")[2],
        image=str(wanted.get("image", "")),
        image_id=str(seen.get("imageID", "")),
        restarts=int(seen.get("restartCount", 0)),
        state=state,
        exit_code=int(code) if code is not None else None,
        started=str(detail.get("startedAt") or ""),
        **_last_run(told),
    )


def _last_run(told: list[str]) -> dict[str, Any]:
    """Return what a trace says of the last run of its container."""
    parts = [line.split(" ", 4) for line in told]
    if not parts:
        return {}
    try:
        runs = max(int(part[2]) for part in parts)
        last = [part for part in parts if int(part[2]) == runs]
        times = [(float(part[0]), part[3]) for part in last]
    except ValueError:
        return {}
    ticks = [float(part[0]) for part in last if part[-1] == _TICK]
    return {
        "runs": runs,
        "begun_s": next((at for at, what in times if what == "start"), None),
        "ended_s": next((at for at, what in times if what == "exit"), None),
        "last_s": times[-1][0],
        "silence_s": round(max((b - a for a, b in pairwise(ticks)), default=0.0), 2),
    }
