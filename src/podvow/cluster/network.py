"""The pod network of a cluster whose node image has no network plugin: a bridge per node, routes between them.

Must not choose addresses: every node's podCIDR comes from the API.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podvow.cluster.node import put_file
from podvow.pool import at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podvow.cluster.node import NodeAccess

CONFLIST = "/etc/cni/net.d/10-podvow.conflist"
_UNIT = "/etc/systemd/system/podvow-routes.service"
# Reloading takes systemd up to seconds on a busy node: only when it knows the unit otherwise than it is.
_SET = (
    'stale=$(systemctl show --property=NeedDaemonReload --value "$1"); '
    '{ [ "$stale" = no ] || systemctl daemon-reload; } && '
    '{ systemctl is-enabled --quiet "$1" || systemctl enable "$1"; } && systemctl restart "$1"'
)


@dataclass(frozen=True, slots=True)
class NodeNet:
    """A node's place in the network.

    Attributes:
        name: of the node.
        address: its InternalIP (IPv4).
        pod_cidr: the addresses of its Pods.
    """

    name: str
    address: str
    pod_cidr: str


def node_nets(listing: dict[str, Any]) -> list[NodeNet]:
    """Return the nodes of a NodeList that have a podCIDR already."""
    nets = []
    for item in listing.get("items", []):
        addresses = [
            entry["address"]
            for entry in item.get("status", {}).get("addresses", [])
            if entry.get("type") == "InternalIP" and ipaddress.ip_address(entry["address"]).version == 4  # noqa: PLR2004
        ]
        cidr = item.get("spec", {}).get("podCIDR")
        if addresses and cidr:
            nets.append(NodeNet(item["metadata"]["name"], addresses[0], cidr))
    return nets


def conflist(pod_cidr: str) -> dict[str, Any]:
    """Return the CNI configuration of a node."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        # A Pod must reach itself through its Service.
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pod_cidr}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return {
        "cniVersion": "1.0.0",
        "name": "podvow",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def routes(node: NodeNet, nets: Sequence[NodeNet]) -> list[tuple[str, str]]:
    """Return (podCIDR, via) for every other node."""
    return [(other.pod_cidr, other.address) for other in nets if other.name != node.name]


def routes_unit(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a systemd unit that sets the routes at every boot: a rebooted node loses them, its CNI file stays.

    The only node of a cluster has no routes; systemd refuses a unit that starts nothing, hence `true`.
    """
    lines = "".join(f"ExecStart=/usr/sbin/ip route replace {cidr} via {via}\n" for cidr, via in pairs)
    return (
        "[Unit]\nDescription=podvow: routes to the Pods of the other nodes\nBefore=kubelet.service\n"
        f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n{lines}[Install]\nWantedBy=multi-user.target\n"
    )


def routed(access: NodeAccess, nets: Sequence[NodeNet]) -> bool:
    """Whether every node has its routes to the Pods of all others: one look at each, and nothing is changed."""

    def one(node: NodeNet) -> bool:
        told = access.exec(node.name, ["ip", "route"]).stdout.decode().splitlines()
        there = {tuple(line.split()[:3]) for line in told}
        return all((cidr, "via", via) in there for cidr, via in routes(node, nets))

    return all(at_once(one, nets, most=max(1, len(nets)), name="network"))


def ensure(access: NodeAccess, nets: Sequence[NodeNet]) -> None:
    """Give every node its CNI file and its routes; harmless when they are there already."""

    def one(node: NodeNet) -> None:
        pairs = routes(node, nets)
        put_file(access, node.name, CONFLIST, json.dumps(conflist(node.pod_cidr), indent=1).encode())
        put_file(access, node.name, _UNIT, routes_unit(pairs).encode())
        access.exec(node.name, ["sh", "-c", _SET, "sh", _UNIT.rsplit("/", maxsplit=1)[-1]])

    at_once(one, nets, most=max(1, len(nets)), name="network")
