"""Whether there is room: Pods per node against what a run needs, quotas that new namespaces may get."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from podvow.api import Api
from podvow.cluster.profile import NodeProfile
from podvow.doctor.check import Check
from podvow.labels import MANAGED_LABEL
from podvow.scenario.jobs import room_of
from podvow.scenario.model import Scenario

_OVER = frozenset({"Succeeded", "Failed"})
_SHOWN = 3
_SYSTEM = ("kube-", "default", "local-path-storage")


def check_room(
    api: Api, able: Sequence[NodeProfile], scenarios: Sequence[Scenario], per_node: int
) -> Iterator[Check]:
    """Compare the Pods that each node still takes with those that a run gives it at a time.

    Args:
        api: the connection.
        able: the nodes that scenarios run on.
        scenarios: what would be run.
        per_node: how many Pods a node takes at a time, at most.
    """
    there = Counter(
        str(pod["spec"].get("nodeName", ""))
        for pod in api.get("/api/v1/pods")["items"]
        if pod.get("status", {}).get("phase") not in _OVER
    )
    needed = max((min(scenario.pod_count, per_node) for scenario in scenarios), default=1)
    for node in able:
        free, room = node.allocatable_pods - there[node.name], room_of(node, per_node=per_node)
        text = f"{node.name} takes {free} more Pods of {node.allocatable_pods}; a run uses {room} of them at a time"
        if free < needed:
            hint = f"one scenario needs {needed} at a time: free some, or add a node"
            yield Check("capacity", "error", text, hint)
        elif free < room:
            yield Check("capacity", "warning", text, f"--per-node {max(needed, free - 1)}, or free some")
        else:
            yield Check("capacity", "ok", text)


def check_quotas(api: Api) -> Iterator[Check]:
    """Tell of quotas and limits that all namespaces of users have: one that is made would probably get them too.

    A quota counts in its own namespace only: those of single namespaces never matter to a run.
    """
    names = [
        item["metadata"]["name"]
        for item in api.get("/api/v1/namespaces")["items"]
        if not item["metadata"]["name"].startswith(_SYSTEM)
        and MANAGED_LABEL not in (item["metadata"].get("labels") or {})
    ]
    found = False
    for kind, plural in (("ResourceQuota", "resourcequotas"), ("LimitRange", "limitranges")):
        for name in everywhere(api.get(f"/api/v1/{plural}")["items"], names):
            found = True
            text = f"every namespace of users has a {kind} {name!r}: those that podvow makes may get it too"
            yield Check("quotas", "warning", text, "keep whatever makes it from namespaces named podvow-…")
    if not found:
        yield Check("quotas", "ok", "no quota or limit is in every namespace")


def everywhere(items: Sequence[Mapping[str, Any]], namespaces: Sequence[str]) -> list[str]:
    """Return the names under which every one of some namespaces has an object; none of no namespaces."""
    at: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        at[item["metadata"]["name"]].add(item["metadata"]["namespace"])
    return sorted(name for name, where in at.items() if namespaces and where >= set(namespaces))


def check_leftovers(api: Api) -> Iterator[Check]:
    """Tell of namespaces that earlier runs left, or that another run has now."""
    items = api.get("/api/v1/namespaces", params={"labelSelector": f"{MANAGED_LABEL}=true"})["items"]
    if items:
        names = sorted(item["metadata"]["name"] for item in items)
        more = ", …" if len(names) > _SHOWN else ""
        text = f"{len(names)} namespaces of other runs are there: {', '.join(names[:_SHOWN])}{more}"
        yield Check("leftovers", "warning", text, "unless a run is under way: podvow recover")
    else:
        yield Check("leftovers", "ok", "no namespace of an earlier run")
