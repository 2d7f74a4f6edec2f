"""The steps of an upgrade with kubeadm, what is taken out of a node image, and the demo's order of things."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podvow.cluster import kind, lifecycle
from podvow.cluster.node import ExecResult
from podvow.cluster.nodeimage.build import NodeImage
from podvow.cluster.process import CommandError
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError, InjectionError, UsageError
from podvow.mutants import host
from podvow.mutants.build import Program
from podvow.mutants.definition import Target
from podvow.session import Selection, Session
from podvow.upgrade import commands, demo, kubeadm, sabotage, target
from podvow.upgrade.baseline import Folder
from podvow.upgrade.demo import Wish
from podvow.upgrade.report import Report
from podvow.upgrade.sabotage import Sabotage
from tests.offline.upgrade.build import NEW, OLD

REPORT = Report("u1", "now", OLD, NEW, partial=False, fates=(), survivors=())
CONTROL, FIRST, SECOND = "up-control-plane", "up-worker", "up-worker2"


class Nodes:
    """Nodes that note what is run on them."""

    def __init__(self, fail: str = "") -> None:
        self.ran: list[tuple[str, str]] = []
        self.given: list[tuple[str, str, bytes]] = []
        self.fail = fail
        self.held: dict[str, str] = {}

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        assert timeout_s > 0
        line = " ".join(argv)
        self.ran.append((node, line))
        if stdin is not None:
            self.given.append((node, argv[-1], stdin))
        if self.fail and self.fail in line and check:
            raise CommandError(argv, 1, b"something\nis wrong")
        return ExecResult(0, self.held.get(node, "").encode() if "ls" in argv else b"", b"")

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        raise AssertionError((node, argv))


def upgraded(nodes: Nodes, order: kubeadm.Order) -> list[str]:
    said: list[str] = []
    kubeadm.upgrade(nodes, SECOND, order, control=CONTROL, version=NEW, say=said.append)
    return said


def test_a_node_is_drained_from_the_control_plane_and_gets_its_kubelet_while_it_is_stopped() -> None:
    nodes = Nodes()
    said = upgraded(nodes, "drained")
    assert [(node, line.split()[0]) for node, line in nodes.ran] == [
        (CONTROL, "kubectl"),
        (SECOND, "kubeadm"),
        (SECOND, "systemctl"),
        (SECOND, "install"),
        (SECOND, "systemctl"),
        (CONTROL, "kubectl"),
    ]
    assert f"drain {SECOND}" in nodes.ran[0][1]
    assert "/var/lib/podvow-upgrade/kubelet" in nodes.ran[3][1]
    assert said[0].startswith(f"{SECOND}: drain done, ")


def test_the_control_plane_is_applied_and_its_plan_may_fail() -> None:
    nodes = Nodes(fail="kubeadm upgrade plan")
    said = upgraded(nodes, "control-plane")
    assert f"kubeadm upgrade apply {NEW} --yes" in nodes.ran[1][1]
    assert "plan failed, and may (is wrong)" in said[0]


def test_another_step_that_fails_ends_the_upgrade_by_name() -> None:
    with pytest.raises(ClusterUnusableError, match=r"up-worker2: configure failed: something\nis wrong"):
        upgraded(Nodes(fail="kubeadm upgrade node"), "in-place")


def test_orders_name_steps_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "kubeadm.yaml"
    path.write_text(kubeadm.FILE.read_text(encoding="utf-8").replace("in-place: [configure,", "in-place: [pray,"))
    with pytest.raises(UsageError, match="no step is called pray"):
        kubeadm.load(path)


IMAGES = [
    "registry.k8s.io/kube-apiserver:v1.37.2",
    "registry.k8s.io/kube-proxy:v1.37.2",
    "registry.k8s.io/kube-proxy@sha256:abc",
    "registry.k8s.io/coredns/coredns:v1.14.6",
    "docker.io/kindest/kindnetd:v1",
    "registry.k8s.io/pause:3.10",
]


def test_a_node_gets_the_images_that_run_on_it_and_that_it_lacks() -> None:
    held = ["registry.k8s.io/pause:3.10"]
    assert target.wanted(IMAGES, held, control_plane=False) == [
        "registry.k8s.io/coredns/coredns:v1.14.6",
        "registry.k8s.io/kube-proxy:v1.37.2",
    ]
    assert "registry.k8s.io/kube-apiserver:v1.37.2" in target.wanted(IMAGES, held, control_plane=True)


def test_programs_lie_ready_and_kubeadm_is_in_its_place(tmp_path: Path) -> None:
    nodes = Nodes()
    nodes.held[FIRST] = "\n".join(IMAGES)

    class Opened(target.Target):
        def program(self, name: str) -> bytes:
            return name.encode()

        def images(self) -> list[str]:
            return IMAGES

        def archive(self, reference: str, path: Path) -> None:
            path.write_bytes(reference.encode())

    target.stage(Opened("x"), nodes, [CONTROL, FIRST], CONTROL, tmp_path)
    places = {(node, place): data for node, place, data in nodes.given if place != "-"}
    assert places[FIRST, "/usr/bin/kubeadm"] == b"kubeadm"
    assert places[FIRST, "/var/lib/podvow-upgrade/kubelet"] == b"kubelet"
    imported = [(node, data.decode()) for node, place, data in nodes.given if place == "-"]
    assert {node for node, _ in imported} == {CONTROL}, "the other one has them all"
    assert len(imported) == 4
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("origin", "to"),
    [("v1.35.4", "v1.37.2"), ("v1.37.2", "v1.36.3"), ("v1.37.2", "v1.37.2"), ("v1.37.2", "v2.38.0")],
)
def test_what_kubeadm_would_refuse_is_refused_before_anything_is_made(origin: str, to: str) -> None:
    with pytest.raises(UsageError):
        demo.check(Wish(origin, to, "up", Selection()))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Folder]:
    """Everything that the demo does, noted instead of done."""
    log: list[str] = []
    nodes = Nodes()
    names = (CONTROL, FIRST, SECOND)
    found = [
        kind.NodeContainer(n, "control-plane" if n == CONTROL else "worker", running=True, image="") for n in names
    ]
    made: list[str] = []

    def note(text: str, answer: Any = None) -> Any:
        def noted(*_: Any, **__: Any) -> Any:
            log.append(text)
            return answer

        return noted

    def up(version: str, *_: Any, **__: Any) -> Any:
        log.append(f"up {version}")
        made.append("x")
        return SimpleNamespace(access=nodes)

    @contextmanager
    def site(cluster: Any) -> Iterator[Any]:
        api = SimpleNamespace(get=lambda _: {"status": {"nodeInfo": {"kubeletVersion": NEW}}})
        yield SimpleNamespace(access=cluster.access, api=api, context=lambda node: node)

    def upgrade(_: Any, node: str, order: str, **__: Any) -> None:
        log.append(f"{node} {order}")

    @contextmanager
    def opened(reference: str) -> Iterator[str]:
        log.append(f"open {reference}")
        yield reference

    @contextmanager
    def swapped(name: str, kubelet: str) -> Iterator[Any]:
        yield lambda node: log.append(f"{node} gets {kubelet}")
        log.append(f"{name} has its own kubelets")

    monkeypatch.setattr(demo, "ensure_engine", lambda *_: SimpleNamespace(has_uplink=False))
    monkeypatch.setattr(
        demo, "ensure_node_image", lambda version, _: NodeImage(f"node:{version}", version, local=True)
    )
    monkeypatch.setattr(lifecycle, "up", up)
    monkeypatch.setattr(lifecycle, "down", note("down"))
    monkeypatch.setattr(kind, "nodes", lambda _: found if made else [])
    for name in ("furnish", "wait", "kubectl"):
        monkeypatch.setattr(kind, name, lambda *_, **__: b"ok")
    monkeypatch.setattr(demo, "_site", site)
    monkeypatch.setattr(demo, "await_ready", lambda _: 1.0)
    monkeypatch.setattr(target, "opened", opened)
    monkeypatch.setattr(target, "stage", note("stage"))
    monkeypatch.setattr(kubeadm, "upgrade", upgrade)
    monkeypatch.setattr(commands, "before", note("before", SimpleNamespace(id="u1")))
    monkeypatch.setattr(commands, "during", note("during"))
    monkeypatch.setattr(commands, "after", note("after", REPORT))
    monkeypatch.setattr(sabotage, "mutant", note("mutant built", "a kubelet"))
    monkeypatch.setattr(sabotage, "kubelets", swapped)
    monkeypatch.setattr(sabotage, "rerun", note("rerun", "three-inits-1"))
    return log, Folder(tmp_path / "up")


def play(stage: tuple[list[str], Folder], spoilt: Sabotage, *, keep: bool = False) -> list[str]:
    log, folder = stage
    wish = Wish(OLD, NEW, "up", Selection(), spoilt, keep)
    assert demo.play(wish, folder, Progress(quiet=True)) is REPORT
    return log


WHOLE = [
    f"up {OLD}",
    "before",
    f"open node:{NEW}",
    "stage",
    f"{CONTROL} control-plane",
    f"{FIRST} in-place",
    "during",
    f"{SECOND} drained",
    "after",
    "down",
]


def test_the_demo_judges_before_half_way_and_after(stage: tuple[list[str], Folder]) -> None:
    assert play(stage, Sabotage.NONE) == WHOLE


def test_the_cluster_is_left_when_asked_for(stage: tuple[list[str], Folder]) -> None:
    assert play(stage, Sabotage.NONE, keep=True) == WHOLE[:-1]


@pytest.mark.parametrize(
    ("spoilt", "more", "less"),
    [
        (Sabotage.LEFT_BEHIND, set(), {f"{SECOND} drained"}),
        (Sabotage.RERUN, {"rerun"}, set()),
        (
            Sabotage.MUTANT,
            {"mutant built", f"{FIRST} gets a kubelet", f"{SECOND} gets a kubelet", "up has its own kubelets"},
            set(),
        ),
    ],
)
def test_each_sabotage_changes_one_thing(
    stage: tuple[list[str], Folder], spoilt: Sabotage, more: set[str], less: set[str]
) -> None:
    log = play(stage, spoilt)
    assert set(log) == set(WHOLE) - less | more


def test_the_cluster_goes_also_when_something_fails(
    stage: tuple[list[str], Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ClusterUnusableError("no")

    monkeypatch.setattr(commands, "during", fails)
    with pytest.raises(ClusterUnusableError):
        play(stage, Sabotage.NONE)
    assert stage[0][-1] == "down"


def test_a_cluster_of_that_name_is_not_taken(
    stage: tuple[list[str], Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "nodes", lambda _: ["one"])
    with pytest.raises(UsageError, match="there is a cluster 'up' already"):
        play(stage, Sabotage.NONE)
    assert "down" not in stage[0]


def test_kubelets_with_the_bug_are_known_to_be_a_run_s_and_taken_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log: list[str] = []
    bad = Program(tmp_path / "kubelet", NEW, (sabotage.MUTANT,), "d1g3st", Target.KUBELET)

    class Seats:
        @contextmanager
        def borrow(self, target: Target, node: str) -> Iterator[Any]:
            try:
                yield SimpleNamespace(
                    choose=lambda program, mutant: log.append(f"{node} {program.digest} {mutant}")
                )
            finally:
                log.append(f"{node} has its own {target}")

    @contextmanager
    def entered(session: Session) -> Iterator[Seats]:
        log.append(f"a run in {session.name}")
        try:
            yield Seats()
        finally:
            log.append("the run is over")

    monkeypatch.setenv("PODVOW_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(host, "entered", entered)

    def spoil() -> None:
        with sabotage.kubelets("up", bad) as swap:
            assert not log, "nothing in the cluster before a node is spoilt"
            swap(FIRST)
            swap(SECOND)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spoil()
    assert log == [
        "a run in up",
        f"{FIRST} d1g3st {sabotage.MUTANT}",
        f"{SECOND} d1g3st {sabotage.MUTANT}",
        f"{SECOND} has its own kubelet",
        f"{FIRST} has its own kubelet",
        "the run is over",
    ]


def test_a_survivor_is_made_to_initialise_again_by_its_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    def sandbox(name: str, namespace: str, state: str = "SANDBOX_READY") -> dict[str, Any]:
        labels = {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace}
        return {"id": f"id-{name}", "state": state, "labels": labels}

    killed: list[tuple[str, str]] = []
    listed = [
        sandbox("three-inits-1", "other"),
        sandbox("three-inits-1", "podvow-survivors-u1", "SANDBOX_NOTREADY"),
        sandbox("three-inits-2", "podvow-survivors-u1"),
    ]
    cri = SimpleNamespace(sandboxes=lambda _: listed, kill=lambda node, cid: killed.append((node, cid)))
    monkeypatch.setattr(sabotage, "Cri", lambda _: cri)
    assert sabotage.rerun(Nodes(), FIRST, "u1") == "three-inits-2"
    assert killed == [(FIRST, "id-three-inits-2")]
    with pytest.raises(InjectionError):
        sabotage.rerun(Nodes(), FIRST, "u2")
