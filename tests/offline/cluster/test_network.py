from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from podvow.cluster import network
from podvow.cluster.network import NodeNet
from podvow.cluster.node import ExecResult
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

NETS = [
    NodeNet("c", "172.18.0.2", "10.244.0.0/24"),
    NodeNet("w", "172.18.0.3", "10.244.1.0/24"),
    NodeNet("x", "172.18.0.4", "10.244.2.0/24"),
]


def node(name: str, cidr: str | None, *addresses: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": cidr} if cidr else {},
        "status": {"addresses": [{"type": kind, "address": address} for kind, address in addresses]},
    }


def test_nodes_without_address_or_range_are_left_out_and_ipv4_is_taken() -> None:
    listing = {
        "items": [
            node("c", "10.244.0.0/24", ("InternalIP", "fc00::2"), ("InternalIP", "172.18.0.2"), ("Hostname", "c")),
            node("late", None, ("InternalIP", "172.18.0.9")),
            node("nowhere", "10.244.9.0/24", ("Hostname", "nowhere")),
        ]
    }
    assert network.node_nets(listing) == [NETS[0]]


def test_the_conflist_is_a_bridge_with_the_nodes_range() -> None:
    document = network.conflist("10.244.1.0/24")
    bridge, portmap = document["plugins"]
    assert document["cniVersion"] == "1.0.0"
    assert bridge["type"] == "bridge"
    assert (bridge["isGateway"], bridge["ipMasq"], bridge["hairpinMode"]) == (True, True, True)
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert portmap == {"type": "portmap", "capabilities": {"portMappings": True}}
    assert json.loads(json.dumps(document)) == document


def test_every_other_node_is_routed_to() -> None:
    assert network.routes(NETS[1], NETS) == [("10.244.0.0/24", "172.18.0.2"), ("10.244.2.0/24", "172.18.0.4")]


def test_the_unit_of_the_only_node_still_starts_something_because_systemd_refuses_one_that_does_not() -> None:
    alone = network.routes_unit(network.routes(NETS[0], NETS[:1]))
    assert "ExecStart=/bin/true\n" in alone
    assert "ip route" not in alone
    assert "ExecStart=/usr/sbin/ip route replace 10.244.1.0/24 via 172.18.0.3\n" in network.routes_unit(
        network.routes(NETS[0], NETS)
    )


def test_a_second_call_writes_no_file_again() -> None:
    access = FakeAccess()
    network.ensure(access, NETS)
    assert sorted(access.files) == sorted(
        (net.name, path)
        for net in NETS
        for path in ("/etc/cni/net.d/10-podvow.conflist", "/etc/systemd/system/podvow-routes.service")
    )
    before = len([line for _, line in access.asked if 'mv "$1.new"' in line])
    network.ensure(access, NETS)
    assert len([line for _, line in access.asked if 'mv "$1.new"' in line]) == before == 6


def test_a_node_that_moved_gets_its_routes_changed_on_the_others_only() -> None:
    access = FakeAccess()
    network.ensure(access, NETS)
    access.asked.clear()
    moved = [NETS[0], NodeNet("w", "172.18.0.7", "10.244.1.0/24"), NETS[2]]
    network.ensure(access, moved)
    assert sorted(node for node, line in access.asked if 'mv "$1.new"' in line) == ["c", "x"]


@pytest.mark.parametrize(
    ("lost", "right"),
    [("", True), ("10.244.2.0/24 via 172.18.0.4", False), ("10.244.0.0/24 via 172.18.0.2", False)],
)
def test_a_node_is_asked_for_its_routes(lost: str, *, right: bool) -> None:
    tables = {
        net.name: "default via 172.18.0.1 dev eth0\n"
        + "".join(f"{cidr} via {via} dev eth0\n" for cidr, via in network.routes(net, NETS))
        for net in NETS
    }
    tables["w"] = tables["w"].replace(lost, "10.244.9.0/24 via 172.18.0.9") if lost else tables["w"]

    class Asked(FakeAccess):
        def exec(self, node: str, argv: Sequence[str], **_: Any) -> ExecResult:
            assert list(argv) == ["ip", "route"]
            return ExecResult(0, tables[node].encode(), b"")

    assert network.routed(Asked(), NETS) is right


def test_a_cluster_without_nodes_is_no_error() -> None:
    network.ensure(FakeAccess(), [])
