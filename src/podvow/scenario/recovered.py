"""What a runtime still knows of the time in which nobody listened to it: positive facts from its CRI records.

The gap stays a gap: a container that was removed meanwhile left no record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from podvow.cluster.cri import Cri
from podvow.timeline.record import Kind, Record, Source

OURS = "podvow-"
_LABEL = "io.kubernetes."


def stamp(text: object) -> int:
    """Return a CRI stamp in nanoseconds since the epoch: a number as text, or RFC 3339; 0 for none."""
    told = str(text or "0")
    if told.lstrip("-").isdigit():
        return max(int(told), 0)
    whole, _, fraction = told.rstrip("Z").partition(".")
    try:
        seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    except ValueError:
        return 0
    digits = "".join(c for c in fraction if c.isdigit())
    return max(seconds * 10**9 + int(digits.ljust(9, "0")[:9] or 0), 0)


def missed(cri: Cri, node: str, told: Mapping[str, set[Kind]], before_ns: int) -> list[tuple[str, Record]]:
    """Return what happened on a node before a moment and was not told.

    Args:
        cri: the node's runtime.
        node: its name.
        told: for each container or sandbox what the event stream has told.
        before_ns: later things are told by the stream itself.

    Returns:
        Namespace and record (with `seq` 0) of each fact, in the order of their stamps.
    """
    found = [*_sandboxes(cri, node, told), *_containers(cri, node, told)]
    return sorted((f for f in found if 0 < f[1].t_ns < before_ns), key=lambda f: f[1].t_ns)


def _record(t_ns: int, kind: Kind, who: Mapping[str, str], **data: Any) -> Record:
    return Record(
        t_ns, 1, 0, Source.RUNTIME, kind, who["pod"], who["uid"], who["container"], {**data, "recovered": True}
    )


def _who(labels: Mapping[str, str]) -> dict[str, str]:
    return {
        "namespace": labels.get(f"{_LABEL}pod.namespace", ""),
        "pod": labels.get(f"{_LABEL}pod.name", ""),
        "uid": labels.get(f"{_LABEL}pod.uid", ""),
        "container": labels.get(f"{_LABEL}container.name", ""),
    }


def _sandboxes(cri: Cri, node: str, told: Mapping[str, set[Kind]]) -> Iterator[tuple[str, Record]]:
    for item in cri.sandboxes(node):
        who = _who(item.get("labels") or {})
        if who["namespace"].startswith(OURS) and Kind.SANDBOX_STARTED not in told.get(item["id"], set()):
            sandbox = {**who, "container": ""}
            yield (
                who["namespace"],
                _record(stamp(item.get("createdAt")), Kind.SANDBOX_STARTED, sandbox, id=item["id"]),
            )


def _containers(cri: Cri, node: str, told: Mapping[str, set[Kind]]) -> Iterator[tuple[str, Record]]:
    for item in cri.containers(node):
        cid, who = item["id"], _who(item.get("labels") or {})
        known = told.get(cid, set())
        if not who["namespace"].startswith(OURS) or Kind.CONTAINER_EXITED in known:
            continue
        status = cri.inspect_container(node, cid)["status"]
        data = {"id": cid, "sandbox": item.get("podSandboxId", "")}
        image = str(
            (status.get("image") or {}).get("userSpecifiedImage") or (status.get("image") or {}).get("image")
        )
        facts = (
            (Kind.CONTAINER_CREATED, stamp(status.get("createdAt")), {"image": image}),
            (Kind.CONTAINER_STARTED, stamp(status.get("startedAt")), {"pid": None}),
            (Kind.CONTAINER_EXITED, stamp(status.get("finishedAt")), {"code": int(status.get("exitCode", 0))}),
        )
        for kind, t_ns, more in facts:
            if kind not in known and t_ns:
                yield who["namespace"], _record(t_ns, kind, who, **data, **more)
