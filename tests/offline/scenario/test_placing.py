"""Which scenarios run where, and why not: on real scenarios of the suites, without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.errors import ClusterUnusableError
from podvow.faults.base import HOST_ACCESS, NODE_ACCESS, NODE_STATUS
from podvow.faults.node import reboot_node
from podvow.faults.nodestatus import offer
from podvow.scenario.applicable import NAMESPACED, lacking
from podvow.scenario.driver import Planned
from podvow.scenario.manifest import load_fixture, merge_patch, reaches_host
from podvow.scenario.model import Scenario
from podvow.scenario.placing import Item, place

NODES = tuple(NodeProfile(name, "v1.37.2", ready=True) for name in ("a", "b"))
CLUSTER = ClusterProfile("v1.37.2", NODES)


def item(key: str, scenario: Scenario) -> Item:
    return Item(f"area.{key}", Planned(f"area.{key}", key, key, scenario, Path(key)), ())


ITEMS = [
    item("plain", Scenario(pod="bare")),
    item("static", Scenario(pod="bare", static=True)),
    item("host", Scenario(pod="host-network")),
    item("offer", Scenario(pod="bare", fault=offer("podvow.dev/x", 1))),
    item("reboot", Scenario(pod="bare", fault=reboot_node())),
]


def test_with_everything_allowed_everything_runs_anywhere() -> None:
    placed = place(ITEMS, CLUSTER, node_access=True, withheld={})
    assert [p.key for p in placed.runnable] == ["plain", "static", "host", "offer", "reboot"]
    assert {p.nodes for p in placed.runnable} == {()}
    assert not placed.reasons


def test_a_namespaced_run_says_what_it_leaves_out_and_why() -> None:
    placed = place(ITEMS, CLUSTER, node_access=False, withheld=NAMESPACED)
    assert [p.key for p in placed.runnable] == ["plain"]
    for name, capability in (("static", NODE_ACCESS), ("host", HOST_ACCESS), ("offer", NODE_STATUS)):
        assert placed.reasons[f"area.{name}"].startswith(f"this run does without {capability}: --namespaced")
    assert "--namespaced" in placed.reasons["area.reboot"]


def test_a_cluster_without_a_way_onto_its_nodes_lacks_it() -> None:
    placed = place(ITEMS, CLUSTER, node_access=False, withheld={})
    assert [p.key for p in placed.runnable] == ["plain", "host", "offer"]
    assert placed.reasons["area.static"] == "this cluster lacks: node-access"


def test_a_cluster_that_takes_no_pods_cannot_be_planned_for() -> None:
    with pytest.raises(ClusterUnusableError):
        place(ITEMS, ClusterProfile("v1.37.2", ()), node_access=True, withheld={})


def test_nothing_is_withheld_from_who_needs_nothing() -> None:
    assert lacking(frozenset(), node_access=False, withheld=NAMESPACED) == ""


@pytest.mark.parametrize(
    ("spec", "reaches"),
    [
        ({}, False),
        ({"hostNetwork": True}, True),
        ({"hostPID": True}, True),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, True),
        ({"volumes": [{"name": "v", "emptyDir": {}}]}, False),
        ({"containers": [{"name": "app", "securityContext": {"privileged": True}}]}, True),
        ({"containers": [{"name": "app", "securityContext": {"capabilities": {"add": ["CHOWN"]}}}]}, False),
        ({"containers": [{"name": "app", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}, True),
        ({"containers": [{"name": "app", "ports": [{"containerPort": 80, "hostPort": 80}]}]}, True),
        ({"containers": [{"name": "app", "ports": [{"containerPort": 80}]}]}, False),
        ({"initContainers": [{"name": "i", "image": "x", "securityContext": {"privileged": True}}]}, True),
    ],
    ids=str,
)
def test_what_reaches_into_the_node(spec: dict[str, object], reaches: bool) -> None:  # noqa: FBT001
    (pod,) = load_fixture("bare")
    assert reaches_host(merge_patch(pod, {"spec": spec})) is reaches


def test_workloads_reach_into_nodes_by_their_template() -> None:
    (web,) = load_fixture("workloads/web")
    assert not reaches_host(web)
    assert reaches_host(merge_patch(web, {"spec": {"template": {"spec": {"hostNetwork": True}}}}))


def test_a_run_that_is_meant_for_one_node_stays_there() -> None:
    placed = place(ITEMS, CLUSTER, node_access=True, withheld={}, node="b")
    assert {p.nodes for p in placed.runnable} == {("b",)}
    with pytest.raises(ClusterUnusableError, match="node c takes no Pods"):
        place(ITEMS, CLUSTER, node_access=True, withheld={}, node="c")
