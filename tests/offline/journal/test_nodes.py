"""What is done to nodes, and what is seen on them: the real shell lines on folders that stand for nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podvow.cluster import network
from podvow.errors import ClusterUnusableError
from podvow.faults import upkeep
from podvow.journal.act import Site, act
from podvow.journal.audit import Spared, audit_nodes
from podvow.journal.ending import left_on_nodes
from podvow.journal.undo import HealNode, RemoveResource, RemoveStatic
from tests.offline.journal.cluster import World
from tests.offline.journal.nodes import Nodes, breaks

STATIC = "/etc/kubernetes/manifests/podvow-r1-k2.json"
HEAL = HealNode("worker")
BREAKS = ["stopped kubelet", "stopped containerd", "broken network", "no network", "frozen", "off", "armed timer"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(upkeep, "_POLL_S", 0.01)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(world: World, spared: Spared | None = None) -> list[str]:
    return [str(leak) for leak in (spared or Spared()).leave_out(audit_nodes(world.site))]


def test_a_node_that_is_well_has_nothing_to_be_said_of(world: World) -> None:
    assert told(world) == []
    before = world.state()
    assert act(HEAL, world.site) == "node worker: healed"
    assert world.state() == before, "healing it changes nothing"


@pytest.mark.parametrize("name", BREAKS)
def test_whatever_was_done_to_a_node_is_seen_and_one_undo_heals_it(world: World, name: str) -> None:
    before = world.state()
    breaks(world.nodes, "worker")[name]()
    seen = told(world)
    assert seen
    assert all(line.startswith("node worker: ") for line in seen)
    for _ in range(2):
        act(HEAL, world.site)
        assert world.state() == before
    assert told(world) == []


def test_all_of_it_at_once_is_healed_too(world: World) -> None:
    before = world.state()
    for do in breaks(world.nodes, "worker").values():
        do()
    act(HEAL, world.site)
    assert world.state() == before
    assert set(BREAKS) == set(breaks(world.nodes, "worker"))


def test_a_static_manifest_is_removed_even_from_a_node_that_stands_still(world: World) -> None:
    world.nodes.write("worker", STATIC)
    world.nodes.freeze("worker")
    for _ in range(2):
        act(RemoveStatic("worker", STATIC), world.site)
    assert not world.nodes.path("worker", STATIC).exists()
    assert not world.nodes.frozen


def test_a_resource_leaves_the_nodes_status_and_others_stay(world: World) -> None:
    amounts = {"podvow.dev/held": "3"}
    world.api.patch("/api/v1/nodes/worker/status", {"status": {"capacity": amounts, "allocatable": amounts}})
    assert told(world) == ["node worker: offers podvow.dev/held"]
    for _ in range(2):
        act(RemoveResource("worker", "podvow.dev/held"), world.site)
    assert told(world) == []
    assert world.api.get("/api/v1/nodes/worker")["status"]["capacity"] == {"cpu": "2"}


def test_without_a_way_onto_the_node_that_is_said(world: World) -> None:
    with pytest.raises(ClusterUnusableError, match="no way onto node worker"):
        act(HEAL, Site(world.site.api, None))


def test_what_a_live_run_has_done_is_spared(world: World) -> None:
    world.nodes.write("worker", STATIC)
    assert told(world) == [f"node worker: has the static Pod {STATIC}"]
    assert told(world, Spared(runs=frozenset({"r1"}))) == []
    breaks(world.nodes, "worker")["stopped kubelet"]()
    assert told(world, Spared(nodes=frozenset({"worker"}))) == []


def test_a_taint_of_ours_is_seen(world: World) -> None:
    world.api.objects["nodes", "", "worker"]["spec"]["taints"] = [{"key": "podvow.dev/x"}, {"key": "other/x"}]
    assert told(world) == ["node worker: has the taint podvow.dev/x"]


def test_routes_follow_a_node_that_came_back_elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(network, "node_nets", lambda _: ["nets"])
    monkeypatch.setattr(network, "routed", lambda _, nets: nets in asked)
    monkeypatch.setattr(network, "ensure", lambda _, nets: asked.append(nets))
    act(HEAL, world.site)
    assert asked == [["nets"]], "whether its address changed nobody knows any more"


# the end of a run


@pytest.fixture
def nodes(world: World) -> Iterator[Nodes]:
    yield world.nodes
    assert not world.nodes.frozen


def test_a_run_that_changed_no_node_looks_at_none(world: World, nodes: Nodes) -> None:
    journal = world.journal("r1")
    assert left_on_nodes(world.site, journal) == []
    assert not nodes.calls
    assert not world.api.requests
    journal.close()


def test_an_undo_that_failed_is_done_if_the_node_is_well_all_the_same(world: World, nodes: Nodes) -> None:
    journal = world.journal("r1")
    journal.open("fault", HEAL)
    breaks(nodes, "worker")["stopped kubelet"]()
    assert left_on_nodes(world.site, journal) == ["node worker: kubelet is inactive"]
    assert journal.open_entries
    act(HEAL, world.site)
    assert left_on_nodes(world.site, journal) == []
    assert not journal.open_entries
    journal.close()


def test_what_another_run_does_to_the_node_is_not_this_runs_leak(world: World, nodes: Nodes) -> None:
    world.die("r2")
    journal = world.journal("r1")
    journal.done(journal.open("fault", HEAL))
    assert left_on_nodes(world.site, journal) == []
    journal.open("fault", HEAL)
    assert left_on_nodes(world.site, journal) == [
        "heal node worker: cannot be verified, another run disturbs the node"
    ]
    assert nodes.calls
    world.api.go_down()
    (line,) = left_on_nodes(world.site, journal)
    assert line.startswith("heal node worker: ")
    journal.close()
