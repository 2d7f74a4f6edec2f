"""Runtime source: containerd's own event stream on the node, with the identity that CRI gave each container.

The stream is what `ctr -n k8s.io events` prints; the identity is in the annotations of the container's OCI spec
(containerd, pkg/cri/annotations).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from podvow.timeline.record import Kind, Record, Source

_LINE = re.compile(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))? \+0000 UTC \S+ (/\S+) (\{.*\})$")
_PREFIX = "io.kubernetes.cri."


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a container of the runtime is.

    Attributes:
        id: the runtime's id.
        pod: name of the Pod.
        uid: UID of the Pod.
        namespace: the Pod's namespace.
        container: name of the container, empty for the sandbox itself.
        sandbox: id of its sandbox.
        image: image name as CRI was asked for it.
    """

    id: str
    pod: str
    uid: str
    namespace: str
    container: str
    sandbox: str
    image: str


def identity(container_id: str, annotations: str) -> Identity:
    """Read the annotations of a container's OCI spec.

    Args:
        container_id: the runtime's id.
        annotations: JSON object of the annotations.

    Raises:
        ValueError: it is no JSON object.
    """
    raw = json.loads(annotations)
    if not isinstance(raw, dict):
        raise ValueError(f"no JSON object: {annotations[:80]}")  # noqa: TRY004 (garbage is one kind of error)

    def get(key: str) -> str:
        return str(raw.get(_PREFIX + key, ""))

    is_sandbox = get("container-type") == "sandbox"
    return Identity(
        container_id,
        get("sandbox-name"),
        get("sandbox-uid"),
        get("sandbox-namespace"),
        "" if is_sandbox else get("container-name"),
        get("sandbox-id") or container_id,
        get("image-name"),
    )


@dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """One parsed line of the event stream: when, which topic, which container, and the details."""

    t_ns: int
    topic: str
    id: str
    details: dict[str, Any]


def parse(line: str) -> RuntimeEvent | None:
    """Read a line of `ctr events`; None when it is about no container.

    Raises:
        ValueError: it is no such line.
    """
    match = _LINE.match(line)
    if not match:
        raise ValueError(f"no event: {line[:80]}")
    day, clock, fraction, topic, body = match.groups()
    details = json.loads(body)
    container_id = str(details.get("container_id") or details.get("id") or "")
    if not container_id:
        return None
    seconds = int(datetime.fromisoformat(f"{day}T{clock}+00:00").timestamp())
    return RuntimeEvent(seconds * 10**9 + int((fraction or "0").ljust(9, "0")[:9]), topic, container_id, details)


def to_record(event: RuntimeEvent, who: Identity, *, seq: int, attempt: int) -> Record | None:
    """Turn an event into a record; None for topics that say nothing about a life (exec, metrics, updates).

    Args:
        event: the event.
        who: the container that it is about.
        seq: its place in the node's stream.
        attempt: how many sandboxes of this Pod were seen before (sandboxes only).
    """
    details = event.details
    data: dict[str, Any] = {"id": event.id}
    if not who.container:
        kinds = {
            "/tasks/start": Kind.SANDBOX_STARTED,
            "/tasks/exit": Kind.SANDBOX_EXITED,
            "/containers/delete": Kind.SANDBOX_DELETED,
        }
        data["attempt"] = attempt
    else:
        kinds = {
            "/tasks/create": Kind.CONTAINER_CREATED,
            "/tasks/start": Kind.CONTAINER_STARTED,
            "/tasks/exit": Kind.CONTAINER_EXITED,
            "/containers/delete": Kind.CONTAINER_DELETED,
        }
        data["sandbox"] = who.sandbox
        if event.topic == "/tasks/create":
            data["image"] = who.image
    kind = kinds.get(event.topic)
    # An exec in a container ends with /tasks/exit too, under an id of its own.
    if kind is None or (event.topic == "/tasks/exit" and details.get("id") not in {None, "", event.id}):
        return None
    if event.topic == "/tasks/exit":
        data["code"] = int(details.get("exit_status", 0))
    if event.topic == "/tasks/start":
        data["pid"] = details.get("pid")
    return Record(event.t_ns, 1, seq, Source.RUNTIME, kind, who.pod, who.uid, who.container, data)
