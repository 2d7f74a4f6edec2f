"""A cluster as it is, as far as podvow could have changed it; what differs between two looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from podvow.api import Api
from podvow.cluster.node import DockerNodeAccess
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


def in_the_api(api: Api) -> dict[str, Any]:
    """Return namespaces, and of each node: labels, cordon, taints, resources, readiness.

    Raises:
        ApiError: the server does not answer.
    """
    state: dict[str, Any] = {
        f"namespace {raw['metadata']['name']}": True for raw in api.get("/api/v1/namespaces")["items"]
    }
    for raw in api.get("/api/v1/nodes")["items"]:
        name, spec, status = raw["metadata"]["name"], raw["spec"], raw["status"]
        facts = {
            "labels": raw["metadata"].get("labels"),
            "annotations of ours": [k for k in raw["metadata"].get("annotations") or () if k.startswith(DOMAIN)],
            "cordoned": spec.get("unschedulable", False),
            "taints": [t["key"] for t in spec.get("taints") or ()],
            "capacity": sorted(status["capacity"]),
            "allocatable": sorted(status["allocatable"]),
            "ready": next((c["status"] for c in status["conditions"] if c["type"] == "Ready"), ""),
        }
        state.update({f"node {name}: {key}": value for key, value in facts.items()})
    return state


def on_the_nodes(access: DockerNodeAccess, names: Sequence[str]) -> dict[str, Any]:
    """Return of each node: power and frost, units, files, routes, containerd's labels.

    Raises:
        CommandError: a node does not answer.
    """
    state: dict[str, Any] = {}
    for name in names:
        life = access.life(name)
        state[f"node {name}: power and frost"] = (life.running, life.frozen)
        if life.running and not life.frozen:
            state[f"node {name}: units and files"] = access.exec(name, ["sh", "-c", _LOOK]).stdout.decode()
    return state


def differences(before: State, after: State) -> list[str]:
    """Return what is not as it was, in words."""
    return [
        f"{key}: {before.get(key, 'absent')!r} → {after.get(key, 'absent')!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
