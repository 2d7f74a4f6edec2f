from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podvow.cluster import inotify, kind
from podvow.cluster.process import CommandError
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError
from podvow.paths import FIXTURES
from tests.offline.cluster.fakes import FakeAccess, FakeRun
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podvow.cluster.node import ExecResult

KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf"
PS = "docker ps --all --filter label=io.x-k8s.kind.cluster=podvow --format"


def nodes(*ranges: str, message: str = "") -> bytes:
    items = [
        {
            "metadata": {"name": f"n{index}"},
            "spec": {"podCIDR": given} if given else {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": f"172.18.0.{index}"}],
                "conditions": [{"type": "Ready", "status": "False" if message else "True", "message": message}],
            },
        }
        for index, given in enumerate(ranges)
    ]
    return json.dumps({"items": items}).encode()


@dataclass
class Late(FakeAccess):
    """A cluster whose nodes are given their ranges one answer later."""

    listings: list[bytes] = field(default_factory=list)

    def exec(self, node: str, argv: Sequence[str], **options: Any) -> ExecResult:
        if list(argv[2:4]) == ["get", "nodes"] and self.listings:
            self.answers[f"{KUBECTL} get nodes"] = (0, self.listings.pop(0))
        return super().exec(node, argv, **options)


def test_ranges_of_addresses_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "_POLL_S", 0.0)
    late = Late(listings=[nodes("", ""), nodes("10.244.0.0/24", ""), nodes("10.244.0.0/24", "10.244.1.0/24")])
    assert [net.pod_cidr for net in kind._node_nets(late, "n0", 2)] == ["10.244.0.0/24", "10.244.1.0/24"]
    assert late.listings == []


def test_ranges_that_never_come_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kind, "_RANGES_S", 0.0)
    monkeypatch.setattr(inotify, "LIMIT", tmp_path / "few")
    (tmp_path / "few").write_text("128\n")
    access = FakeAccess({f"{KUBECTL} get nodes": (0, nodes("10.244.0.0/24", ""))})
    with pytest.raises(ClusterUnusableError, match="only 1 of 2 nodes") as told:
        kind._node_nets(access, "n0", 2)
    assert "max_user_instances=1024" in str(told.value)
    (tmp_path / "few").write_text("8192\n")
    with pytest.raises(ClusterUnusableError) as told:
        kind._node_nets(access, "n0", 2)
    assert "max_user_instances" not in str(told.value)


def test_a_cluster_that_does_not_become_ready_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///x.sock")
    monkeypatch.setattr(kind, "run", FakeRun({PS: "n0\tcontrol-plane\trunning\ti\n"}))
    access = FakeAccess(
        {
            f"{KUBECTL} wait": (1, b"timed out"),
            f"{KUBECTL} get nodes": (0, nodes("", message="cni plugin not there")),
        }
    )
    with pytest.raises(ClusterUnusableError) as caught:
        kind.wait("podvow", access)
    assert "timed out\n  n0: cni plugin not there" in caught.value.message
    assert caught.value.hint == "DOCKER_HOST=unix:///x.sock docker exec n0 kubectl get pods -A shows more"


def test_nodes_are_listed_with_the_control_plane_first(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = "podvow-worker\tworker\texited\ti\npodvow-control-plane\tcontrol-plane\trunning\ti\n"
    monkeypatch.setattr(kind, "run", FakeRun({PS: listing}))
    assert [(node.name, node.running) for node in kind.nodes("podvow")] == [
        ("podvow-control-plane", True),
        ("podvow-worker", False),
    ]


def test_a_cluster_of_ours_is_known_by_what_its_making_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    (kind.folder("podvow") / "kind.yaml").touch()
    kind.folder("empty")
    assert kind.known() == ["podvow"]
    monkeypatch.setattr(kind, "run", FakeRun({"docker ps": "podvow\nmine\npodvow\n"}))
    assert kind.clusters(own_engine=False) == ["podvow"]
    assert kind.clusters(own_engine=True) == ["mine", "podvow"]


BOOTS = {PS: "n0\tcontrol-plane\trunning\ti\n", "docker inspect": "/n0 2026-11-23T14:00:00.5Z 172.18.0.4\n/n1 x \n"}


def test_lives_are_those_of_nodes_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "run", FakeRun(BOOTS))
    assert kind.boots("podvow") == {"n0": ("2026-11-23T14:00:00.5Z", "172.18.0.4")}


def settled(**changes: tuple[int, bytes]) -> FakeAccess:
    lease = {"metadata": {"name": "n0"}, "spec": {"renewTime": "2026-11-23T14:00:07.000000Z"}}
    answers = {
        "leases": (0, json.dumps({"items": [lease]}).encode()),
        "pods": (0, b'{"items": [{"metadata": {"name": "coredns-1"}}]}'),
        "service": (0, b'{"spec": {"clusterIP": "10.96.0.10"}}'),
        **changes,
    }
    return FakeAccess(
        {
            **{f"{KUBECTL} get {what}": answer for what, answer in answers.items()},
            "curl": changes.get("curl", (0, b"")),
        }
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        (
            {"leases": (0, b'{"items": [{"metadata": {"name": "n0"}, "spec": {}}]}')},
            "the kubelet of n0 has not spoken",
        ),
        (
            {
                "leases": (
                    0,
                    b'{"items": [{"metadata": {"name": "n0"}, "spec": {"renewTime": "2026-11-23T13:59:59Z"}}]}',
                )
            },
            "the kubelet of n0 has not spoken",
        ),
        ({"--raw": (1, b"connection refused")}, "cluster DNS does not answer: connection refused"),
        ({"curl": (28, b"timed out")}, "cluster DNS does not answer: timed out"),
        ({"pods": (0, b'{"items": []}')}, "there is no Pod of cluster DNS"),
    ],
)
def test_what_the_api_remembers_from_before_a_restart_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, tuple[int, bytes]], says: str
) -> None:
    monkeypatch.setattr(kind, "run", FakeRun(BOOTS))
    found = kind._unsettled("podvow", settled(**changes), "n0")
    assert found.startswith(says)
    assert bool(found) == bool(says)


@pytest.mark.parametrize(
    ("has", "can_build", "put"),
    [("crictl", True, False), ("podvow-cri", False, False), ("podvow-cri", True, True), ("neither", True, True)],
)
def test_a_node_without_crictl_gets_our_tool_as_it_is_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has: str, *, can_build: bool, put: bool
) -> None:
    (tmp_path / "tool").write_bytes(b"new")
    monkeypatch.setattr(kind, "can_build_nodetool", lambda: can_build)
    monkeypatch.setattr(kind, "ensure_nodetool", lambda: tmp_path / "tool")
    access = FakeAccess({f"which {has}": (0, b""), "which": (1, b"")})
    kind.ensure_cri_tool(access, "n")
    assert bool(access.files) is put


def test_a_failed_creation_leaves_no_nodes_and_shows_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun(
        {"docker info": "2", "docker rm": "", PS: "podvow-control-plane\tcontrol-plane\trunning\ti\n"},
        fails={"/bin/kind create": 1},
    )
    monkeypatch.setattr(kind, "run", run)
    monkeypatch.setattr(kind, "ensure_kind", lambda _: "/bin/kind")
    config = kind.read_config(FIXTURES / "kind" / "single.yaml")
    with pytest.raises(ClusterUnusableError, match=r"could not create podvow(.|\n)*it says no(.|\n)*create\.log"):
        kind.create("podvow", image="i", version="v1.37.2", config=config, progress=Progress(quiet=True))
    assert run.asked[-1] == "docker rm --force --volumes podvow-control-plane"
    assert kind.known() == ["podvow"]


def test_kind_is_kept_on_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kind._docker_only() == {}
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "podman")
    assert kind._docker_only() == {"KIND_EXPERIMENTAL_PROVIDER": "docker"}


def test_a_coredns_that_forwards_nowhere_is_not_written_again() -> None:
    get = f"{KUBECTL} get configmap"
    access = FakeAccess({get: (0, b'{"data": {"Corefile": ".:53 {\\n  errors\\n}\\n"}}')})
    kind._cut_forward(access, "n")
    assert len(access.asked) == 1
    access = FakeAccess(
        {f"{KUBECTL} get configmap": (0, b'{"data": {"Corefile": ".:53 {\\n  forward . x\\n}\\n"}}')}
    )
    kind._cut_forward(access, "n")
    assert access.asked[-1][1] == f"{KUBECTL} replace -f -"


def test_a_kubectl_that_fails_is_an_unusable_cluster() -> None:
    with pytest.raises(CommandError):
        kind.kubectl_json(FakeAccess({"kubectl": (1, b"refused")}), "n", "get", "nodes")
