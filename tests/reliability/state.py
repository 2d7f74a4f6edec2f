"""A cluster as it is, as far as podvow could have changed it; what differs between two looks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from podvow.api import Api, ApiError
from podvow.cluster.node import DockerNodeAccess
from podvow.cluster.process import CommandError
from podvow.deadline import Deadline
from podvow.labels import DOMAIN

State = Mapping[str, Any]
_LOOK = (
    "for u in containerd kubelet; do systemctl is-active $u; done; "
    "ls /etc/systemd/system /etc/systemd/system/*.wants | sort | sha256sum; "
    "find /etc/cni /etc/kubernetes/manifests -type f -exec sha256sum {} + | sort; "
    "systemctl list-units --plain --no-legend 'podvow-*' | cut -d' ' -f1; "
    "ls -d /etc/podvow* 2>/dev/null; ip route | awk '/ via / {print $1}' | sort; "
    "ctr namespaces list 2>/dev/null | grep podvow; true"
)
_POLL_S = 0.5


def snapshot(api: Api, access: DockerNodeAccess) -> dict[str, Any]:
    """Return namespaces, and of each node: labels, cordon, taints, resources, readiness, power, units, files.

    Raises:
        ApiError: the server does not answer.
        CommandError: a node does not.
    """
    state: dict[str, Any] = {
        f"namespace {raw['metadata']['name']}": True for raw in api.get("/api/v1/namespaces")["items"]
    }
    for raw in api.get("/api/v1/nodes")["items"]:
        name, spec, status = raw["metadata"]["name"], raw["spec"], raw["status"]
        ready = next((c["status"] for c in status["conditions"] if c["type"] == "Ready"), "")
        life = access.life(name)
        facts = {
            "labels": raw["metadata"].get("labels"),
            "annotations of ours": [k for k in raw["metadata"].get("annotations") or () if k.startswith(DOMAIN)],
            "cordoned": spec.get("unschedulable", False),
            "taints": [t["key"] for t in spec.get("taints") or ()],
            "capacity": sorted(status["capacity"]),
            "allocatable": sorted(status["allocatable"]),
            "ready": ready,
            "running": life.running,
            "frozen": life.frozen,
            "units and files": "" if life.frozen else access.exec(name, ["sh", "-c", _LOOK]).stdout.decode(),
        }
        state.update({f"node {name}: {key}": value for key, value in facts.items()})
    return state


def differences(before: State, after: State) -> list[str]:
    """Return what is not as it was, in words."""
    return [
        f"{key}: {before.get(key, 'absent')!r} → {after.get(key, 'absent')!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def await_same(api: Api, access: DockerNodeAccess, before: State, seconds: float) -> list[str]:
    """Wait until the cluster is as before; return what still differs when the time is up."""
    deadline, tick = Deadline.after(seconds), threading.Event()
    while True:
        try:
            left = differences(before, snapshot(api, access))
        except (ApiError, CommandError) as error:
            left = [str(error)]
        if not left or deadline.passed:
            return left
        tick.wait(_POLL_S)
