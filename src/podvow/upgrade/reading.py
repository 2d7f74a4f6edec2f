"""Makes a snapshot of what the API shows of nodes and survivors, and of what the survivors wrote to their logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from podvow.upgrade.cohort import shape_of, unsettled
from podvow.upgrade.snapshot import ContainerSeen, NodeSeen, PodSeen, Snapshot

_MIRROR = "kubernetes.io/config.mirror"
_STANDALONE_OWNER = "Node"
"""Owner of the mirror of a static Pod."""
_FIELDS = 4
_TICK = "tick"
"""What a survivor that goes on says every 10 s."""
Log = Callable[[str, str], str]
"""Returns what a container (Pod, container) wrote to its log; empty when that cannot be read."""


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
