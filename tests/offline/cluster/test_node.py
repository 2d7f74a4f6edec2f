"""A node as a container: nothing is begun on it while it is frozen, and it is not frozen while something begins."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from podvow.cluster import node as module
from podvow.cluster.node import DockerNodeAccess, Life, NodePower
from podvow.cluster.process import Ran
from podvow.errors import ClusterUnusableError


class Engine:
    """Takes the place of the docker client."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.began = threading.Event()
        self.go_on = threading.Event()

    def run(self, argv: Sequence[str], **_: Any) -> Ran:
        words = " ".join(argv[1:])
        if words == "exec worker slow":
            self.began.set()
            assert self.go_on.wait(20)
        self.log.append(words)
        state = {"StartedAt": "now", "Running": True, "Paused": False}
        networks = {"kind": {"IPAddress": "172.18.0.4"}}
        return Ran(0, json.dumps([{"State": state, "NetworkSettings": {"Networks": networks}}]).encode(), b"")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(module, "run", made.run)
    monkeypatch.setattr(module, "_OPENING_S", 0.0)
    return made


def test_the_node_as_a_machine(engine: Engine) -> None:
    access = DockerNodeAccess()
    assert isinstance(access, NodePower)
    assert access.life("worker") == Life("now", running=True, frozen=False, address="172.18.0.4")
    for act in (access.reboot, access.cut_power, access.switch_on):
        act("worker")
    did = [words for words in engine.log if not words.startswith("inspect")]
    assert did == ["restart -t 5 worker", "kill worker", "start worker"]


def test_a_node_is_frozen_between_programs_and_nothing_begins_before_it_is_thawed(engine: Engine) -> None:
    access = DockerNodeAccess()
    slow = threading.Thread(target=access.exec, args=("worker", ["slow"]))
    slow.start()
    assert engine.began.wait(20)
    freeze = threading.Thread(target=access.freeze, args=("worker",))
    freeze.start()
    access.exec("other", ["quick"])
    assert engine.log == ["exec other quick"]
    engine.go_on.set()
    freeze.join(20)
    late = threading.Thread(target=access.exec, args=("worker", ["late"]))
    late.start()
    access.thaw("worker")
    for thread in (slow, late):
        thread.join(20)
    assert engine.log[1:] == ["exec worker slow", "pause worker", "unpause worker", "exec worker late"]


def test_a_node_that_is_never_left_alone_is_not_frozen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENGINE_S", 0.05)
    access = DockerNodeAccess()
    slow = threading.Thread(target=access.exec, args=("worker", ["slow"]))
    slow.start()
    assert engine.began.wait(20)
    with pytest.raises(ClusterUnusableError, match="cannot be frozen"):
        access.freeze("worker")
    engine.go_on.set()
    slow.join(20)
    access.exec("worker", ["after"])
    assert engine.log == ["exec worker slow", "exec worker after"]
