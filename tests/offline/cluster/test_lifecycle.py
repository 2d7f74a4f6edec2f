from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from podvow import cli, cli_cluster
from podvow.cluster import dockerd, health, images, kind, lifecycle, made
from podvow.cluster.engine import Engine
from podvow.cluster.health import Endpoint
from podvow.cluster.kind import Boot, NodeContainer
from podvow.cluster.node import CA_FILE
from podvow.cluster.nodeimage.build import NodeImage
from podvow.cluster.progress import Progress
from podvow.cluster.provider import Cluster
from podvow.errors import ClusterUnusableError, UsageError
from podvow.safety.identity import Place
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = Engine(own=False, version="28")
OURS = Engine(own=True, version="26")


class World:
    """An engine with kind clusters on it, and what was done to them."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.engine: Engine | None = THEIRS
        self.clusters: dict[str, dict[str, Boot]] = {}
        self.did: list[str] = []
        self.access = FakeAccess()
        self.uid = "uid-1"

    def has(self, name: str, *, ours: bool = True) -> None:
        self.clusters[name] = {f"{name}-control-plane": Boot("10:00", "172.18.0.2")}
        if ours:
            folder = kind.folder(name)
            (folder / "kind.yaml").touch()
            (folder / "kubeconfig").touch()
            (folder / "state.json").write_text(json.dumps({"nodes": self.clusters[name]}))

    def nodes(self, name: str) -> list[NodeContainer]:
        return [NodeContainer(node, "control-plane", True, "i") for node in self.clusters.get(name, {})]

    def names(self, *, own_engine: bool) -> list[str]:
        return sorted(name for name in self.clusters if own_engine or name in kind.known())

    def delete(self, name: str) -> None:
        self.did.append(f"delete {name}")
        del self.clusters[name]

    def create(self, name: str, **facts: Any) -> None:
        self.did.append(f"create {name} {facts['image']} {facts['version']}")
        self.has(name)


@pytest.fixture
def world(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    w = World(elsewhere)
    monkeypatch.setattr(kind, "nodes", w.nodes)
    monkeypatch.setattr(kind, "clusters", w.names)
    monkeypatch.setattr(kind, "delete", w.delete)
    monkeypatch.setattr(kind, "create", w.create)
    monkeypatch.setattr(kind, "start", lambda name: w.did.append(f"start {name}"))
    monkeypatch.setattr(kind, "wait", lambda *_: None)
    monkeypatch.setattr(kind, "furnish", lambda name, *_args, **_more: w.did.append(f"furnish {name}"))
    monkeypatch.setattr(kind, "boots", lambda name: w.clusters[name])
    monkeypatch.setattr(kind, "has_local_image", lambda _: True)
    monkeypatch.setattr(health, "read_endpoint", lambda *_: Endpoint("https://127.0.0.1:1", ""))
    monkeypatch.setattr(lifecycle, "DockerNodeAccess", lambda: w.access)
    monkeypatch.setattr(kind, "kubectl_json", lambda *_: {"metadata": {"uid": w.uid}})
    monkeypatch.setattr(health, "is_ready", lambda _: True)
    monkeypatch.setattr(health, "server_version", lambda _: "v1.37.2")
    monkeypatch.setattr(images, "prepare", lambda **_: w.did.append("prepare images"))
    monkeypatch.setattr(images, "load", lambda *_: w.did.append("load images"))
    monkeypatch.setattr(images, "ensure_fixture_images", lambda *_: None)
    monkeypatch.setattr(lifecycle, "ensure_engine", lambda _: w.engine)
    monkeypatch.setattr(lifecycle, "find_engine", lambda: w.engine)
    monkeypatch.setattr(lifecycle, "enter_engine_network", lambda: w.engine)
    monkeypatch.setattr(lifecycle, "stop_engine", lambda: w.did.append("stop engine"))
    monkeypatch.setattr(lifecycle, "_enter", lambda _: None)
    monkeypatch.setattr(lifecycle, "_purge", lambda _: w.did.append("purge"))
    monkeypatch.setattr(lifecycle, "ensure_kind", lambda _: w.did.append("kind"))
    monkeypatch.setattr(
        lifecycle,
        "ensure_node_image",
        lambda version, _: NodeImage("kindest/node:x", version or "v1.37.0", local=False),
    )
    return w


def up(name: str = "podvow", version: str | None = None, **more: Any) -> Cluster:
    return lifecycle.up(version, name, progress=Progress(quiet=True), **more)


def test_a_new_cluster_is_made_of_the_version_that_could_be_had(world: World) -> None:
    cluster = up()
    assert "create podvow kindest/node:x v1.37.0" in world.did
    assert world.did.index("prepare images") < world.did.index("create podvow kindest/node:x v1.37.0")
    assert (cluster.provider, cluster.name, cluster.context) == ("kind", "podvow", "kind-podvow")


def test_a_second_up_does_nothing(world: World) -> None:
    up()
    world.did.clear()
    up()
    assert world.did == []


@pytest.mark.parametrize("boot", [Boot("10:00", "172.18.0.9"), Boot("11:00", "172.18.0.2")])
def test_a_node_that_was_started_again_or_moved_is_furnished_again(world: World, boot: Boot) -> None:
    up()
    world.did.clear()
    world.clusters["podvow"] = {"podvow-control-plane": boot}
    up()
    assert world.did == ["furnish podvow"]


def test_which_cluster_was_made_is_noted_once_and_told(world: World) -> None:
    first = up().identity
    assert first is not None
    assert (first.uid, first.place) == ("uid-1", Place("https://127.0.0.1:1", "system"))
    world.uid = "uid-2"
    assert up().identity == first, "a cluster that runs is not noted anew"
    assert lifecycle.attach().identity == first
    lifecycle.down()
    assert made.noted("podvow") is None
    assert up().identity != first


def test_a_cluster_that_was_made_by_an_older_podvow_is_noted_by_up(world: World) -> None:
    world.has("podvow")
    assert lifecycle.attach().identity is None
    assert up().identity == lifecycle.attach().identity is not None


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_cluster_that_somebody_else_made_under_the_name_of_ours_is_left_alone(world: World, command: str) -> None:
    up()
    world.did.clear()
    world.access.files["podvow-control-plane", CA_FILE] = b"another authority"
    with pytest.raises(UsageError, match="not the one that podvow made"):
        up() if command == "up" else lifecycle.down()
    assert world.did == []
    assert world.clusters


def test_an_interrupted_attempt_is_made_anew(world: World) -> None:
    world.has("podvow")
    kind.kubeconfig("podvow").unlink()
    up()
    assert world.did[0] == "delete podvow"
    assert any(line.startswith("create podvow") for line in world.did)


def test_a_cluster_that_does_not_come_back_is_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.has("podvow")
    monkeypatch.setattr(health, "is_ready", lambda _: False)
    monkeypatch.setattr(lifecycle, "_AGAIN_S", 0.0)
    monkeypatch.setattr(health, "wait_ready", lambda *_: (_ for _ in ()).throw(ClusterUnusableError("not ready")))
    up()
    assert world.did[:2] == ["start podvow", "delete podvow"]


def test_another_version_than_the_running_one_is_refused(world: World) -> None:
    world.has("podvow")
    with pytest.raises(UsageError, match=r"runs v1\.37\.2, not v1\.36\.3"):
        up(version="v1.36.3")
    assert world.did == []


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_kind_cluster_that_podvow_did_not_make_is_left_alone(world: World, command: str) -> None:
    world.has("mine", ours=False)
    with pytest.raises(UsageError, match="podvow did not make"):
        up("mine") if command == "up" else lifecycle.down("mine")
    assert world.did == []
    assert world.clusters


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"version": "1.37"}, "not a Kubernetes version"),
        ({"name": "../../home"}, "not a name"),
        ({"provider": "minikube"}, "makes no clusters"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(world: World, more: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        up(**more)
    assert world.did == []


def test_a_broken_configuration_is_said_before_anything_is_done(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kind configuration"):
        up(config=tmp_path / "none.yaml")
    assert world.did == []


def test_down_takes_one_cluster_and_leaves_the_engine_to_the_other(world: World) -> None:
    world.engine = OURS
    world.has("podvow")
    world.has("podvow-b")
    assert lifecycle.down("podvow-b") == ["podvow-b"]
    assert world.did == ["delete podvow-b"]
    assert not (world.cache / "clusters" / "podvow-b").exists()
    assert (world.cache / "clusters" / "podvow").exists()


def test_the_last_cluster_takes_our_engine_with_it(world: World) -> None:
    world.engine = OURS
    world.has("podvow")
    lifecycle.down()
    assert world.did == ["delete podvow", "stop engine"]


def test_the_users_engine_is_never_stopped(world: World) -> None:
    world.has("podvow")
    world.has("mine", ours=False)
    assert lifecycle.down(all_clusters=True) == ["podvow"]
    assert world.did == ["delete podvow"]


def test_down_is_harmless_when_there_is_nothing(world: World) -> None:
    world.engine = None
    assert lifecycle.down() == []
    assert world.did == ["stop engine"]


def test_caches_are_not_pulled_from_under_another_cluster(world: World) -> None:
    world.engine = OURS
    world.has("podvow")
    world.has("podvow-b")
    with pytest.raises(UsageError, match="what podvow runs on"):
        lifecycle.down("podvow-b", purge=True)
    assert world.did == []
    lifecycle.down(all_clusters=True, purge=True)
    assert world.did == ["delete podvow", "delete podvow-b", "stop engine", "purge"]


def test_an_engine_that_hangs_is_not_replaced_on_account_of_one_cluster(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.has("podvow")
    world.has("podvow-b")
    world.engine = None
    monkeypatch.setattr(dockerd, "is_running", lambda: True)
    monkeypatch.setattr(dockerd, "answers", lambda: False)
    with pytest.raises(ClusterUnusableError, match="podvow may run on it"):
        lifecycle.down("podvow-b")
    assert world.did == []


def test_attach_finds_what_runs_and_names_what_does_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterUnusableError, match=r"no cluster 'podvow'(.|\n)*podvow up"):
        lifecycle.attach()
    world.has("podvow")
    assert lifecycle.attach().server_version == "v1.37.2"
    monkeypatch.setattr(health, "server_version", lambda _: "")
    with pytest.raises(ClusterUnusableError, match="does not answer"):
        lifecycle.attach()
    world.clusters.clear()
    with pytest.raises(ClusterUnusableError, match="has no nodes any more"):
        lifecycle.attach()


def test_up_prints_figures_and_down_prints_names(world: World) -> None:
    app = typer.Typer()
    cli_cluster.register(app)
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 0, result.output
    assert "podvow runs v1.37.2; total " in result.stdout
    assert "kubeconfig " in result.stdout
    result = CliRunner().invoke(app, ["down"])
    assert "deleted: podvow" in result.stdout
    assert "no cluster was there" in CliRunner().invoke(app, ["down"]).stdout
    assert world.clusters == {}


def test_an_error_is_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["podvow", "down", "--name", ".."])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: not a name for a cluster: '..'")


def test_who_stays_on_one_worker_needs_only_that_one_and_the_control_plane(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.has("podvow")
    running = {"control-plane": True, "worker": True, "worker2": False}
    nodes = [NodeContainer(name, name.rstrip("2"), on, "i") for name, on in running.items()]
    monkeypatch.setattr(kind, "nodes", lambda _: nodes)
    assert lifecycle.attach(node="worker").server_version == "v1.37.2"
    for node in ("worker2", ""):
        with pytest.raises(ClusterUnusableError, match="do not all run"):
            lifecycle.attach(node=node)
    nodes[0] = NodeContainer("control-plane", "control-plane", False, "i")
    with pytest.raises(ClusterUnusableError, match="do not all run"):
        lifecycle.attach(node="worker")
