"""A cohort comes into a cluster, is read there, and goes again; what is not its own stays."""

from __future__ import annotations

import json

import pytest

from podvow.api import ApiError
from podvow.errors import ClusterUnusableError
from podvow.journal import audit
from podvow.paths import FIXTURES
from podvow.upgrade import planting
from podvow.upgrade.cohort import expected, plan
from podvow.upgrade.planting import namespace_of, static_path
from tests.offline.upgrade.field import World

NODES = ("worker", "worker2")
NAMESPACE = namespace_of("u1")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "_POLL_S", 0.01)


def planted(world: World, *, patience_s: float = 5.0) -> World:
    found = plan("u1", NAMESPACE, NODES, statics=world.field.reaches_nodes)
    counts = expected(found, len(NODES))
    if world.field.reaches_nodes:  # nobody makes mirrors here
        del counts["static"]
    world.field.plant("u1", found, counts, patience_s=patience_s, say=lambda _: None)
    return world


def test_planting_makes_everything_and_changes_the_image_that_is_to_be_changed() -> None:
    world = planted(World())
    patched = world.api.objects["pods", NAMESPACE, "image-patched-1"]["spec"]["initContainers"]
    assert [c["image"] for c in patched] == ["podvow/busybox:green", "podvow/busybox:blue"]
    assert world.api.objects["namespaces", "", NAMESPACE]["metadata"]["labels"] == {"podvow.dev/cohort": "u1"}
    static = [json.loads(world.nodes.files[node, static_path("u1")]) for node in NODES]
    assert [each["metadata"]["name"] for each in static] == ["static", "static"]
    assert world.asked == ["", "worker", "worker2"], "each change is asked for"


def test_neither_recovering_nor_a_nodes_timer_takes_a_static_survivor_away() -> None:
    script = (FIXTURES / "scripts" / "dead_man.sh").read_text(encoding="utf-8")
    assert 'rm -f "$manifests/podvow-' in script
    assert audit._STATICS == "/etc/kubernetes/manifests/podvow-"
    assert not static_path("u1").startswith(audit._STATICS)


def test_planting_twice_does_no_harm() -> None:
    world = planted(World())
    before = {key: raw["metadata"]["uid"] for key, raw in world.api.objects.items() if key[0] == "pods"}
    world.field._made("/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": NAMESPACE}})
    assert {key: raw["metadata"]["uid"] for key, raw in world.api.objects.items() if key[0] == "pods"} == before


def test_survivors_that_do_not_become_what_they_are_meant_to_be_are_named() -> None:
    world = World()
    world.api.working = False
    with pytest.raises(ClusterUnusableError, match=r"crash-looping-1 is not there, not crash-looping"):
        planted(world, patience_s=0.05)
    bare = World()
    with pytest.raises(ClusterUnusableError, match="0 of 3 web are there"):
        bare.field._await("u1", {"web": 3}, 0.05)


def test_a_snapshot_reads_pods_nodes_and_logs_but_not_those_of_the_samplers() -> None:
    world = planted(World())
    world.api.logs["no-init-1", "app", ""] = "podvow 1.00 app 1 start\npodvow 2.00 app 1 say tick\n"
    seen = world.field.snapshot("u1")
    assert (seen.server, [n.name for n in seen.nodes]) == ("v1.36.3", ["worker", "worker2"])
    by_name = {pod.name: pod for pod in seen.pods}
    assert by_name["no-init-1"].containers[0].runs == 1
    assert by_name["no-init-2"].containers[0].runs is None, "its log could not be read"
    assert (by_name["web-0"].owner, by_name["no-init-2"].node) == ("ReplicaSet", "worker2")
    assert not [pod.unsettled for pod in seen.pods if pod.unsettled]


def test_a_copy_in_the_cluster_serves_a_runner_without_the_folder() -> None:
    world = planted(World())
    seen = world.field.snapshot("u1")
    with pytest.raises(ApiError):
        world.field.kept("u1")
    world.field.keep(seen)
    assert world.field.kept("u1") == seen


def test_what_a_sampler_wrote_before_it_was_restarted_comes_first() -> None:
    world = planted(World())
    world.api.logs["sampler-0", "sampler", "true"] = "one\n"
    world.api.logs["sampler-0", "sampler", ""] = "two\n"
    assert world.field.samples("u1") == {"worker": "one\ntwo\n", "worker2": ""}


def test_removing_takes_the_namespace_and_the_files_of_static_pods_and_can_be_repeated() -> None:
    world = planted(World())
    assert world.field.cohorts() == ["u1"]
    other = {"kind": "Namespace", "metadata": {"name": "somebody", "labels": {}}}
    world.api.post("/api/v1/namespaces", other)
    for _ in range(2):
        assert world.field.remove("u1") == []
    assert [key for key in world.api.objects if key[0] != "nodes"] == [("namespaces", "", "somebody")]
    assert not world.nodes.files
    assert world.field.cohorts() == []
    assert world.field.pods("u1") == []


def test_a_namespace_of_somebody_else_is_left_alone() -> None:
    world = World()
    world.api.post("/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {}}})
    assert world.field.remove("u1") == [
        f"namespace {NAMESPACE} does not carry the label of this cohort: left alone"
    ]
    assert ("namespaces", "", NAMESPACE) in world.api.objects


def test_what_cannot_be_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "_GONE_S", 0.02)
    world = planted(World(nodes=False))
    world.api.keep.add("namespaces")
    assert world.field.remove("u1") == [f"namespace {NAMESPACE} is still being deleted"]
    static = {"name": "static-worker", "labels": {"podvow.dev/shape": "static"}}
    world.api.post(f"/api/v1/namespaces/{NAMESPACE}/pods", {"kind": "Pod", "metadata": static, "spec": {}})
    assert "podvow has no way onto it" in world.field.remove("u1")[0]
