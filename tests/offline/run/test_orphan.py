"""A worker without its controller: its run is recovered by another process, and not before it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from podvow import orphan
from podvow.deadline import Deadline
from podvow.journal.faultpoint import VARIABLE
from podvow.paths import ROOT
from podvow.runlock import DRIVER, is_alive

LEAVES = """
import sys, threading
from pathlib import Path
from filelock import FileLock
from podvow import orphan
from podvow.runlock import DRIVER
lock = FileLock(Path(sys.argv[1]) / DRIVER)
lock.acquire()
orphan.leave(Path(sys.argv[1]))
print("left", flush=True)
threading.Event().wait()
"""


def said(folder: Path, words: str) -> str:
    """Wait until the process that recovers has said something."""
    deadline, tick = Deadline.after(60), threading.Event()
    while words not in (text := (folder / orphan.LOG).read_text()):
        assert not deadline.passed, text
        tick.wait(0.05)
    return text


@pytest.fixture
def driver(tmp_path: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), VARIABLE: "1:before:SIGKILL"}
    env["PODVOW_CACHE"] = str(tmp_path / "cache")
    command = [sys.executable, "-c", LEAVES, str(tmp_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def test_a_run_is_recovered_once_its_driver_is_gone(tmp_path: Path, driver: subprocess.Popen[str]) -> None:
    assert driver.stdout is not None
    assert driver.stdout.readline() == "left\n"
    with pytest.raises(subprocess.TimeoutExpired):
        driver.wait(1.5)
    assert (tmp_path / orphan.LOG).read_text() == "", "the driver lives"
    driver.kill()
    driver.communicate()
    # `podvow recover --run` of a run that no folder of this checkout tells of
    assert said(tmp_path, "\n") == "nothing of podvow is left\n"


def test_nothing_is_recovered_that_is_in_other_hands(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / DRIVER)
    with lock:
        orphan_of = [sys.executable, "-m", "podvow.orphan", str(tmp_path)]
        done = subprocess.run(orphan_of, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert is_alive(tmp_path)
