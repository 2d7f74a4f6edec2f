"""What is frozen below a node is thawed before the node is killed, and while it is being killed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import frost, kind, node
from podvow.cluster.process import Ran
from podvow.deadline import Deadline
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NODE, OTHER = "a1" * 32, "b2" * 32
POD = "kubelet/kubepods/burstable/pod7/c0ffee"
FROZEN = {"freezer.state": "FROZEN\n", "cgroup.freeze": "1\n"}
WELL = {"freezer.state": "THAWED", "cgroup.freeze": "0"}
LAYOUTS = [
    ("freezer/docker/{}", "freezer.state"),  # version 1, driver cgroupfs
    ("freezer/system.slice/docker-{}.scope", "freezer.state"),  # version 1, driver systemd
    ("unified/docker/{}", "cgroup.freeze"),  # both versions mounted
    ("system.slice/docker-{}.scope", "cgroup.freeze"),  # version 2 alone
]


def cgroup(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(("layout", "name"), LAYOUTS)
def test_a_frozen_container_of_a_node_is_thawed_and_nothing_else_is_touched(
    tmp_path: Path, layout: str, name: str
) -> None:
    mine, others = tmp_path / layout.format(NODE), tmp_path / layout.format(OTHER)
    frozen = cgroup(mine / POD, name, FROZEN[name])
    well = cgroup(mine / "kubelet", name, WELL[name] + "\n")
    untouched = [cgroup(mine, name, FROZEN[name]), cgroup(others / POD, name, FROZEN[name])]
    assert frost.thaw_below([NODE], tmp_path) == [frozen.parent]
    assert frozen.read_text() == WELL[name]
    assert well.read_text() == WELL[name] + "\n", "what is well is not written to"
    assert [file.read_text() for file in untouched] == [FROZEN[name]] * 2
    frozen.write_text(WELL[name] + "\n")  # as the kernel tells it
    assert frost.thaw_below([NODE], tmp_path) == []


def test_a_cgroup_on_its_way_into_the_frost_is_stopped(tmp_path: Path) -> None:
    state = cgroup(tmp_path / "freezer/docker" / NODE / POD, "freezer.state", "FREEZING\n")
    frost.thaw_below([NODE], tmp_path)
    assert state.read_text() == "THAWED"


@pytest.mark.parametrize("containers", [[], [""]])
def test_nodes_that_nobody_knows_have_no_cgroups(tmp_path: Path, containers: list[str]) -> None:
    state = cgroup(tmp_path / "freezer/docker" / NODE / POD, "freezer.state", "FROZEN\n")
    assert frost.thaw_below(containers, tmp_path) == []
    assert state.read_text() == "FROZEN\n"


def test_a_machine_without_cgroups_and_cgroups_that_cannot_be_written_are_no_error(tmp_path: Path) -> None:
    assert frost.thaw_below([NODE], tmp_path / "nowhere") == []
    (tmp_path / "freezer/docker" / NODE / POD / "freezer.state").mkdir(parents=True)
    cgroup(tmp_path / "freezer/docker" / NODE / "kubelet", "freezer.state", "FROZEN\n")
    assert [path.name for path in frost.thaw_below([NODE], tmp_path)] == ["kubelet"]


class Engine:
    """A docker client whose node freezes one of its containers anew as it is killed, and then cannot end."""

    def __init__(self, root: Path) -> None:
        self.state = cgroup(root / "freezer/docker" / NODE / POD, "freezer.state", "FROZEN\n")
        self.did: list[str] = []

    def __call__(self, argv: Sequence[str], **_: object) -> Ran:
        if argv[1] in {"ps", "inspect"}:
            return Ran(0, NODE.encode() if argv[1] == "inspect" else b"n0\tworker\trunning\ti\n", b"")
        before = self.state.read_text()
        self.state.write_text("FROZEN\n")
        deadline, tick = Deadline.after(20), threading.Event()
        while self.state.read_text() != "THAWED" and not deadline.passed:
            tick.wait(0.01)
        self.did.append(f"{argv[1]}: {before} {self.state.read_text()}")
        return Ran(0, b"", b"")


KILLS: list[tuple[str, Callable[[], None]]] = [
    ("rm", lambda: kind.delete("podvow")),
    ("kill", lambda: node.DockerNodeAccess().cut_power("n0")),
    ("restart", lambda: node.DockerNodeAccess().reboot("n0")),
]


@pytest.mark.parametrize(("word", "act"), KILLS, ids=[word for word, _ in KILLS])
def test_whatever_kills_a_node_thaws_it_before_and_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, act: Callable[[], None]
) -> None:
    engine = Engine(tmp_path)
    monkeypatch.setattr(frost, "ROOT", tmp_path)
    monkeypatch.setattr(frost, "_AGAIN_S", 0.01)
    monkeypatch.setattr(kind, "run", engine)
    monkeypatch.setattr(node, "run", engine)
    act()
    assert engine.did == [f"{word}: THAWED THAWED"]


def test_thawing_ends_with_what_it_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frost, "_AGAIN_S", 0.01)
    threads = threading.active_count()

    def fails() -> None:
        with frost.thawing([NODE], tmp_path):
            assert threading.active_count() == threads + 1
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert threading.active_count() == threads
