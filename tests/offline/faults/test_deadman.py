"""fixtures/scripts/dead_man.sh, run for real on a node that is a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.cluster.process import CommandError
from podvow.errors import InjectionError
from podvow.faults import deadman, network, static
from podvow.paths import FIXTURES
from tests.offline.faults.node_folder import FolderNode

UNITS = "systemd/system"
ARMED = [
    "podvow/dead_man.sh",
    "podvow/holders/run-1",
    f"{UNITS}/multi-user.target.wants/podvow-heal.timer",
    f"{UNITS}/podvow-heal.service",
    f"{UNITS}/podvow-heal.timer",
]
TIMER = f"etc/{UNITS}/podvow-heal.timer"


@pytest.fixture
def node(tmp_path: Path) -> FolderNode:
    return FolderNode(tmp_path)


def seconds(node: FolderNode) -> str:
    lines = (node.folder / TIMER).read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("OnActiveSec="))


def test_arming_leaves_a_timer_that_a_reboot_starts_again(node: FolderNode) -> None:
    assert not deadman.arm(node, "worker", "run-1", 900.4)
    assert node.files == sorted(ARMED)
    assert (node.folder / f"etc/{UNITS}/multi-user.target.wants/podvow-heal.timer").resolve() == node.folder / TIMER
    assert seconds(node) == "900"
    assert node.runs("podvow-heal.timer")


def test_armed_again_it_counts_anew_and_says_that_it_was(node: FolderNode) -> None:
    deadman.arm(node, "worker", "run-1", 900)
    assert deadman.arm(node, "worker", "run-1", 900)
    assert node.calls.count("restart podvow-heal.timer") == 2
    assert "daemon-reload" not in node.calls, "a quarter of a second on a busy node"


def test_systemd_is_told_of_a_unit_that_it_knows_otherwise(node: FolderNode) -> None:
    (node.folder / "stale").touch()
    deadman.arm(node, "worker", "run-1", 900)
    assert node.calls.index("daemon-reload") < node.calls.index("restart podvow-heal.timer")


def test_a_healing_that_waits_for_its_next_attempt_does_not_come_in_the_middle(node: FolderNode) -> None:
    (node.folder / "healing").touch()
    deadman.arm(node, "worker", "run-1", 900)
    assert node.calls.index("stop podvow-heal.service") < node.calls.index("restart podvow-heal.timer")


def test_disarming_leaves_nothing_and_may_be_repeated(node: FolderNode) -> None:
    assert not deadman.disarm(node, "worker", "run-1"), "never armed"
    deadman.arm(node, "worker", "run-1", 900)
    assert deadman.disarm(node, "worker", "run-1")
    assert not deadman.disarm(node, "worker", "run-1")
    assert node.files == []
    assert not node.runs("podvow-heal.timer")


def test_the_timer_goes_with_the_last_run_that_needs_it_and_the_longest_wins(node: FolderNode) -> None:
    deadman.arm(node, "worker", "run-1", 900)
    deadman.arm(node, "worker", "run-2", 60)
    assert seconds(node) == "900"
    deadman.disarm(node, "worker", "run-1")
    assert node.runs("podvow-heal.timer")
    deadman.arm(node, "worker", "run-2", 60)
    assert seconds(node) == "60"
    deadman.disarm(node, "worker", "run-2")
    assert node.files == []


def test_disarming_for_everybody_takes_it_away(node: FolderNode) -> None:
    for run in ("run-1", "run-2"):
        deadman.arm(node, "worker", run, 900)
    deadman.disarm(node, "worker")
    assert node.files == []


def disturb(node: FolderNode) -> None:
    """Do what the faults do to a node, with the paths that they use."""
    node.write(f"{network.AWAY[1:]}/10-podvow.conflist")
    node.write(f"{network.AWAY[1:]}/.hidden")
    node.write(network.BROKEN[1:])
    node.write(static.path_of("podvow-run-1-abc")[1:])
    node.write("etc/kubernetes/manifests/etcd.yaml")
    for unit in ("kubelet", "containerd"):
        node.stop(unit)


def healed(node: FolderNode) -> bool:
    files = ["cni/net.d/.hidden", "cni/net.d/10-podvow.conflist", "kubernetes/manifests/etcd.yaml"]
    return node.files == files and node.runs("kubelet") and node.runs("containerd")


def test_a_timer_that_goes_off_heals_everything_and_removes_itself(node: FolderNode) -> None:
    deadman.arm(node, "worker", "run-1", 900)
    disturb(node)
    assert node.go_off() == 0
    assert healed(node)
    assert not node.runs("podvow-heal.timer")
    assert node.calls.index("start containerd") < node.calls.index("start kubelet")
    assert "stop podvow-heal.service" not in node.calls, "it would end itself half-way"


def test_healing_at_once_needs_no_timer_and_takes_it_away(node: FolderNode) -> None:
    disturb(node)
    deadman.heal(node, "worker")
    assert healed(node)
    deadman.heal(node, "worker")
    assert healed(node)


def test_healing_for_one_run_spares_the_static_pods_of_another(node: FolderNode) -> None:
    for run in ("run-1", "run-2"):
        deadman.arm(node, "worker", run, 900)
        node.write(static.path_of(f"podvow-{run}-abc")[1:])
    deadman.heal(node, "worker", "run-1")
    assert not (node.folder / static.path_of("podvow-run-1-abc")[1:]).exists()
    assert (node.folder / static.path_of("podvow-run-2-abc")[1:]).exists()
    assert node.runs("podvow-heal.timer")


def test_what_is_well_is_left_alone(node: FolderNode) -> None:
    deadman.arm(node, "worker", "run-1", 900)
    node.go_off()
    assert not {"start kubelet", "start containerd"} & set(node.calls)


def test_a_resource_of_ours_is_taken_off_the_node_with_the_kubelets_credentials(node: FolderNode) -> None:
    deadman.arm(node, "worker", "run-1", 900, resource="podvow.dev/held")
    deadman.arm(node, "worker", "run-1", 900, resource="podvow.dev/held")
    node.offer("podvow.dev/held", "others.example/gpu")
    assert node.go_off() == 0
    [proxy, patch] = (node.folder / "patches").read_text().splitlines()
    assert "kubelet.conf" in proxy
    assert "/api/v1/nodes/worker/status" in patch
    assert '{"status":{"capacity":{"podvow.dev/held":null},"allocatable":{"podvow.dev/held":null}}}' in patch
    assert node.files == []


@pytest.mark.parametrize("trouble", ["api-away", "stubborn"])
def test_without_the_api_server_the_rest_is_healed_and_the_resource_tried_again(
    node: FolderNode, trouble: str
) -> None:
    deadman.arm(node, "worker", "run-1", 900, resource="podvow.dev/held")
    node.offer("podvow.dev/held")
    node.stop("kubelet")
    (node.folder / trouble).touch()
    assert node.go_off() != 0, "systemd then starts it again"
    assert node.runs("kubelet")
    assert not deadman.arm(node, "worker", "run-1", 900), "whoever lives is told that it went off"
    (node.folder / trouble).unlink()
    assert node.go_off() == 0
    assert node.files == []


@pytest.mark.parametrize("name", ["", "-rf", "a b", "a\nExecStart=/bin/false", "a;b", "$(x)", "../../x"])
def test_what_is_no_name_never_reaches_a_unit_file(node: FolderNode, name: str) -> None:
    for call in (
        lambda: deadman.arm(node, name, "run-1", 900),
        lambda: deadman.arm(node, "worker", name, 900),
        lambda: deadman.arm(node, "worker", "run-1", 900, resource=f"x/{name}"),
        lambda: deadman.heal(node, name),
    ):
        with pytest.raises(InjectionError):
            call()
    assert node.files == []


def test_a_node_that_refuses_is_told(node: FolderNode) -> None:
    node.refuses = True
    with pytest.raises(CommandError):
        deadman.arm(node, "worker", "run-1", 900)


def test_the_script_knows_the_paths_that_the_faults_use() -> None:
    script = (FIXTURES / "scripts" / "dead_man.sh").read_text(encoding="utf-8")
    for path in (network.AWAY, network._FOLDER, static._FOLDER):
        assert f"$root{path}\n" in script
    assert network.BROKEN.rpartition("/")[2] in script


RUNS = st.sampled_from(["r1", "r2", "r10"])
ACTS = st.lists(st.tuples(st.sampled_from(["arm", "disarm", "off"]), RUNS), max_size=8)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@settings(max_examples=25, deadline=None)
@given(ACTS)
def test_a_timer_counts_as_long_as_somebody_needs_it_and_it_has_not_gone_off(
    nodes: Path, acts: list[tuple[str, str]]
) -> None:
    node = FolderNode(Path(tempfile.mkdtemp(dir=nodes)))
    holders: set[str] = set()
    for act, run in acts:
        if act == "arm":
            assert deadman.arm(node, "worker", run, 900) is (run in holders)
            holders.add(run)
        elif act == "disarm":
            assert deadman.disarm(node, "worker", run) is (run in holders)
            holders.discard(run)
        elif holders:
            assert node.go_off() == 0
            holders.clear()
        assert node.runs("podvow-heal.timer") is bool(holders)
        assert bool(node.files) is bool(holders)
