"""The watchdog, a real process, beside a driver that dies; the engine is a program that a test makes up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podvow.deadline import Deadline
from podvow.errors import InjectionError
from podvow.paths import ROOT
from podvow.watchdog import state
from podvow.watchdog.__main__ import Watch
from podvow.watchdog.leash import Watchdog
from podvow.watchdog.state import Away, State

DOCKER = """#!/bin/sh
cd {folder}
echo "$*" >>calls
case $1 in
inspect)
    if [ -e frozen ]; then paused=true; else paused=false; fi
    if [ -e off ]; then running=false; else running=true; fi
    echo '[{{"State": {{"StartedAt": "now", "Running": '$running', "Paused": '$paused'}}}}]' ;;
unpause) rm frozen ;;
start) rm off ;;
exec) cat >script ;;
esac
"""
DRIVER = """
import sys, threading
from pathlib import Path
from podvow.watchdog.leash import Watchdog
dog = Watchdog(Path(sys.argv[1]), "run-1", settled_s=2)
for node in sys.argv[3:]:
    dog.open(node, "freeze_node", float(sys.argv[2]))
print("open", flush=True)
if sys.stdin.readline().strip() == "close":
    for node in sys.argv[3:]:
        dog.close(node)
    print("closed", flush=True)
threading.Event().wait()
"""


def until(what: Callable[[], object], text: str) -> None:
    deadline, tick = Deadline.after(60), threading.Event()
    while not what():
        assert not deadline.passed, f"not in time: {text}"
        tick.wait(0.05)


class Scene:
    """A run's folder, an engine, and a driver that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = folder / "engine"
        (folder / "bin").mkdir()
        self.engine.mkdir()
        program = folder / "bin" / "docker"
        program.write_text(DOCKER.format(folder=self.engine))
        program.chmod(0o755)
        self.drivers: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        }

    def driver(self, *nodes: str, seconds: float = 600.0) -> subprocess.Popen[str]:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, self.folder, str(seconds), *nodes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )
        self.drivers.append(driver)
        assert driver.stdout is not None
        assert driver.stdout.readline() == "open\n"
        return driver

    def close(self, driver: subprocess.Popen[str]) -> None:
        assert driver.stdin is not None
        assert driver.stdout is not None
        driver.stdin.write("close\n")
        driver.stdin.flush()
        assert driver.stdout.readline() == "closed\n"

    @property
    def calls(self) -> list[str]:
        calls = self.engine / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    @property
    def log(self) -> list[dict[str, object]]:
        lines = (self.folder / state.LOG).read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def dogs(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"podvow.watchdog" in words and str(self.folder).encode() in words:
                found.append(int(path.parent.name))
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    try:
        yield scene
    finally:
        for driver in scene.drivers:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
            driver.communicate()
        until(lambda: not scene.dogs, "no watchdog is left by a test")


@pytest.mark.parametrize(
    ("state_of", "word", "did"), [("frozen", "unpause", "thawed"), ("off", "start", "switched on")]
)
def test_a_killed_drivers_node_is_brought_back(scene: Scene, state_of: str, word: str, did: str) -> None:
    driver = scene.driver("worker")
    (scene.engine / state_of).touch()
    os.killpg(driver.pid, signal.SIGKILL)
    until(lambda: scene.log, "the watchdog tells what it did")
    [line] = scene.log
    assert line["node"] == "worker"
    assert line["why"] == "the driver is gone"
    assert line["did"] == [did, "healed"]
    assert f"{word} worker" in scene.calls
    assert b"dead-man" in (scene.engine / "script").read_bytes(), "and the rest is healed from within"


def test_an_engine_that_freezes_a_node_late_is_noticed(scene: Scene) -> None:
    driver = scene.driver("worker")
    os.killpg(driver.pid, signal.SIGKILL)
    until(lambda: "inspect worker" in scene.calls, "the watchdog looks")
    (scene.engine / "frozen").touch()
    until(lambda: scene.log, "the watchdog tells what it did")
    assert scene.log[0]["did"] == ["thawed", "healed"]


def test_all_nodes_that_are_away_are_brought_back(scene: Scene) -> None:
    driver = scene.driver("worker", "worker2")
    os.killpg(driver.pid, signal.SIGKILL)
    until(lambda: len(scene.log) == 2, "two lines")
    assert {line["node"] for line in scene.log} == {"worker", "worker2"}


def test_a_watchdog_with_nothing_to_do_ends_with_its_driver_and_says_nothing(scene: Scene) -> None:
    driver = scene.driver("worker")
    assert len(scene.dogs) == 1
    scene.close(driver)
    os.killpg(driver.pid, signal.SIGKILL)
    until(lambda: not scene.dogs, "it ends by itself")
    assert scene.calls == []
    assert scene.log == []


def test_a_deadline_thaws_a_node_though_the_driver_lives_and_touches_nothing_else(scene: Scene) -> None:
    (scene.engine / "frozen").touch()
    driver = scene.driver("worker", seconds=0.5)
    until(lambda: scene.log, "the deadline has passed")
    assert scene.log[0]["why"] == "the deadline has passed"
    assert scene.log[0]["did"] == ["thawed"]
    assert driver.poll() is None
    assert not (scene.engine / "script").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_driver_does_not_end_the_watchdog(scene: Scene, number: signal.Signals) -> None:
    driver = scene.driver("worker")
    (scene.engine / "frozen").touch()
    [dog] = scene.dogs
    assert os.getsid(dog) == dog, "a session of its own: no terminal reaches it"
    os.kill(dog, number)
    os.killpg(driver.pid, number)
    driver.wait(20)
    until(lambda: scene.log, "the watchdog tells what it did")
    assert scene.log[0]["did"] == ["thawed", "healed"]


def test_there_is_at_most_one_watchdog_a_run(scene: Scene) -> None:
    scene.driver("worker")
    second = subprocess.run(
        [sys.executable, "-m", "podvow.watchdog", scene.folder],
        env=scene.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert second.returncode == 1
    assert "has a watchdog already" in second.stderr
    assert len(scene.dogs) == 1


def test_a_watchdog_that_was_killed_is_replaced_before_the_next_node_goes_away(tmp_path: Path) -> None:
    dog = Watchdog(tmp_path, "run-1")
    dog.open("worker", "freeze_node", 600)
    assert dog._process is not None
    dog._process.kill()
    dog._process.wait()
    dog.open("worker2", "freeze_node", 600)
    assert dog._process.poll() is None
    for node in ("worker", "worker2"):
        dog.close(node)
    process = dog._process
    dog.stop()
    assert process.returncode == 0
    dog.stop()


def test_without_a_watchdog_the_node_is_not_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InjectionError, match="no watchdog could be started"):
        Watchdog(tmp_path, "run-1").open("worker", "freeze_node", 600)


def test_a_state_survives_the_disk_and_a_broken_one_is_told(tmp_path: Path) -> None:
    known = State("run-1", "config", "kind-x", 1.0, (Away(1, "worker", "freeze_node", 12.5, "10.0.0.2"),))
    state.write(tmp_path, known)
    assert state.read(tmp_path) == known
    for text in ("{", "[]", '{"away": [{}]}', '{"run_id": "x"}'):
        (tmp_path / state.STATE).write_text(text)
        with pytest.raises(ValueError, match=r"watchdog|Expecting|delimiter"):
            state.read(tmp_path)


def test_a_node_that_cannot_be_brought_back_does_not_keep_the_others_away(tmp_path: Path) -> None:
    away = tuple(Away(n, node, "freeze_node", time.monotonic() + 600) for n, node in enumerate(("a", "b")))
    state.write(tmp_path, State("run-1", away=away))

    def mend(known: State, node: Away, *, thorough: bool) -> list[str]:
        assert thorough
        assert known.run_id == "run-1"
        if node.node == "a":
            raise RuntimeError("no such node")
        return ["thawed"]

    read, write = os.pipe()
    os.close(write)
    Watch(tmp_path, mend).until_over(read)
    os.close(read)
    lines = [json.loads(line) for line in (tmp_path / state.LOG).read_text().splitlines()]
    assert [line["did"] for line in lines] == [["failed: RuntimeError: no such node"], ["thawed"]]
