"""What is left of podvow in a cluster, by the names that only podvow gives; what live runs need is spared."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from podvow.api import Api, ApiError
from podvow.cluster.node import NodeAccess, NodePower
from podvow.cluster.process import CommandError
from podvow.faults import deadman, network, othercomponent, otherkubelet
from podvow.faults.controlplane import COMPONENTS
from podvow.faults.upkeep import CONTAINERD, KUBELET
from podvow.journal.act import Site
from podvow.journal.namespaces import labelled
from podvow.journal.undo import (
    HealNode,
    RemoveResource,
    RemoveStatic,
    RestoreComponent,
    RestoreKubelet,
    Undo,
)
from podvow.labels import DOMAIN, MANAGED, RUN_LABEL
from podvow.pool import at_once

_STATICS = "/etc/kubernetes/manifests/podvow-"
_STATIC = re.compile(re.escape(_STATICS) + r"([-a-z0-9]+)-[a-z0-9]+\.json")
"""Run and key of the scenario; the key has no dash in it."""
_LOOK = (
    f'for u in {CONTAINERD} {KUBELET}; do s=$(systemctl is-active "$u"); '
    '[ "$s" = active ] || echo "unit $u is $s"; done; '
    f'for f in {network.AWAY} {network.BROKEN}; do [ -e "$f" ] && echo "network $f"; done; '
    f'for f in {_STATICS}*.json; do [ -e "$f" ] && echo "static $f"; done; {deadman.LIST}; '
    f"{otherkubelet.LIST}; {othercomponent.LIST}; true"
)


@dataclass(frozen=True)
class Leak:
    """Something of podvow's that is still there.

    Attributes:
        thing: what, by name.
        why: in which state, or what holds it.
        undo: what would take it away, None when nothing of podvow's would.
        named: whether its very name says that it is podvow's.
        node: the node that it is on, empty for none.
        run: the run whose it is, empty when its name does not say.
    """

    thing: str
    why: str
    undo: Undo | None = None
    named: bool = True
    node: str = ""
    run: str = ""

    def __str__(self) -> str:
        return f"{self.thing}: {self.why}"


@dataclass(frozen=True)
class Spared:
    """What belongs to runs that are alive.

    Attributes:
        runs: their ids.
        nodes: the nodes that they disturb just now.
    """

    runs: frozenset[str] = field(default_factory=frozenset)
    nodes: frozenset[str] = field(default_factory=frozenset)

    def __or__(self, other: Spared) -> Spared:
        return Spared(self.runs | other.runs, self.nodes | other.nodes)

    def leave_out(self, leaks: Iterable[Leak]) -> list[Leak]:
        """Return the leaks that are none of theirs.

        Who is spared must be asked after the audit: a run that began meanwhile said so before it changed anything.
        """
        return [leak for leak in leaks if leak.node not in self.nodes and leak.run not in self.runs]


def audit_nodes(site: Site, nodes: Collection[str] | None = None) -> list[Leak]:
    """Look at nodes: units, frost and power, network configuration, static Pods, timers, resources in their status.

    Args:
        site: the cluster.
        nodes: which nodes; None for all.

    Raises:
        ApiError: the server refused.
    """
    listing = [
        raw
        for raw in site.api.get("/api/v1/nodes").get("items") or ()
        if nodes is None or raw["metadata"]["name"] in nodes
    ]
    found = at_once(lambda raw: [*_in_the_api(raw), *_on_the_node(site.access, raw)], listing, name="audit")
    return [leak for each in found for leak in each]


def _in_the_api(raw: Mapping[str, Any]) -> Iterator[Leak]:
    name, status = raw["metadata"]["name"], raw.get("status") or {}
    for resource in dict.fromkeys([*(status.get("capacity") or ()), *(status.get("allocatable") or ())]):
        if resource.startswith(f"{DOMAIN}/"):
            yield Leak(f"node {name}", f"offers {resource}", RemoveResource(name, resource), node=name)
    for taint in (raw.get("spec") or {}).get("taints") or ():
        if str(taint.get("key", "")).startswith(f"{DOMAIN}/"):
            yield Leak(f"node {name}", f"has the taint {taint['key']}", node=name)


def _on_the_node(access: NodeAccess | None, raw: Mapping[str, Any]) -> Iterator[Leak]:
    name = raw["metadata"]["name"]
    if access is None:
        return
    heal = HealNode(name)
    try:
        machine: object = access
        if isinstance(machine, NodePower):
            life = machine.life(name)
            if life.frozen or not life.running:
                yield Leak(
                    f"node {name}", "is frozen" if life.frozen else "is switched off", heal, named=False, node=name
                )
                return
        lines = access.exec(name, ["sh", "-c", _LOOK]).stdout.decode(errors="replace").splitlines()
    except CommandError as error:
        yield Leak(f"node {name}", f"cannot be looked at: {error.message}", heal, named=False, node=name)
        return
    for line in lines:
        kind, _, what = line.partition(" ")
        yield from _said(name, kind, what)


def _said(name: str, kind: str, what: str) -> Iterator[Leak]:
    """Make leaks of a line that a node has said about itself."""
    node, heal = f"node {name}", HealNode(name)
    match kind:
        case "unit":
            yield Leak(node, what, heal, named=False, node=name)
        case "network":
            yield Leak(node, f"its pod network is changed: {what} is there", heal, node=name)
        case "timer":
            yield Leak(node, f"a timer is armed: {what}", heal, node=name)
        case "kubelet":
            yield Leak(node, f"runs another kubelet than its own: {what}", RestoreKubelet(name), node=name)
        case "component":
            which = PurePosixPath(what).parent.name
            back = RestoreComponent(name, which) if which in COMPONENTS else None
            yield Leak(node, f"{which} runs another program than its own: {what} is kept", back, node=name)
        case "static":
            found = _STATIC.fullmatch(what)
            undo, run = (RemoveStatic(name, what), found[1]) if found else (None, "")
            yield Leak(node, f"has the static Pod {what}", undo, node=name, run=run)
        case _:
            pass


def audit_objects(api: Api) -> list[Leak]:
    """Look for objects with our label, of every kind that can be listed.

    Raises:
        ApiError: the server refused.
    """
    spaces = {str(raw["metadata"]["name"]): run for run, group in labelled(api).items() for raw in group}
    leaks = [Leak(f"namespace {name}", f"of run {run}", run=run) for name, run in spaces.items()]
    lists = at_once(lambda path: _ours(api, path), _collections(api), name="audit")
    for path, raw in (pair for each in lists for pair in each):
        metadata = raw["metadata"]
        run = str((metadata.get("labels") or {}).get(RUN_LABEL, ""))
        if metadata.get("namespace") not in spaces:  # those go with it
            name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
            leaks.append(Leak(f"{path.rpartition('/')[2]} {name}", f"of run {run}", run=run))
    return leaks


def _collections(api: Api) -> list[str]:
    """Return the paths of all kinds that can be listed, each in its preferred version; namespaces are known."""
    groups = api.get("/apis").get("groups") or ()
    versions = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]

    def listable(base: str) -> list[str]:
        try:
            resources = api.get(base, retry=False).get("resources") or ()
        except ApiError:  # an aggregated API that does not answer
            return []
        return [
            f"{base}/{r['name']}"
            for r in resources
            if "list" in (r.get("verbs") or ())
            and "/" not in r["name"]
            and r["name"] not in {"namespaces", "events"}
        ]

    return [path for paths in at_once(listable, versions, name="audit") for path in paths]


def _ours(api: Api, path: str) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        items = api.get(path, params=MANAGED, retry=False).get("items") or ()
    except ApiError:  # forbidden, or an API that does not answer: nothing of ours is made there
        return []
    return [(path, raw) for raw in items]
