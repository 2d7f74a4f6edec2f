"""What asks podvow to end, tried on processes of their own: once undoes, Ctrl-C twice ends at once."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from podvow.deadline import Deadline
from podvow.paths import ROOT

PROGRAM = """
import os, sys, threading
from pathlib import Path
from podvow import interrupts
interrupts.install(worker="worker" in sys.argv)
interrupts.install()
folder = Path(sys.argv[1])
tick = threading.Event()
try:
    (folder / "ready").touch()
    tick.wait()
except KeyboardInterrupt:
    (folder / "undoing").touch()
    print("undoing", flush=True)
    print("undoing", file=sys.stderr, flush=True)
    while not (folder / "go-on").exists():
        tick.wait(0.05)
    (folder / "undone").touch()
"""


class Asked:
    """A process that undoes something when it is asked to end."""

    def __init__(self, folder: Path, *words: str, before: Sequence[str] = (), terminal: int | None = None) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            [*before, sys.executable, "-c", PROGRAM, folder, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            start_new_session=True,
            stdin=terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.PIPE if terminal is None else terminal,
        )
        self.until("ready")

    def until(self, name: str) -> None:
        deadline, tick = Deadline.after(30), threading.Event()
        while not (self.folder / name).exists():
            assert not deadline.passed, name
            tick.wait(0.02)

    def send(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            self.process.send_signal(number)

    def let(self) -> int:
        """Let it undo; return its exit code."""
        (self.folder / "go-on").touch()
        return self.process.wait(30)

    @property
    def undone(self) -> bool:
        return (self.folder / "undone").exists()


def start(folder: Path, *words: str) -> Asked:
    """Start one that takes Ctrl-C even if whoever runs these tests in the background has it ignored."""
    return Asked(folder, *words, before=["env", "--default-signal=INT", "--default-signal=HUP"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_asks_first_lets_it_undo(tmp_path: Path, number: signal.Signals) -> None:
    asked = start(tmp_path)
    asked.send(number)
    asked.until("undoing")
    assert asked.let() == 0
    assert asked.undone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_asks_again_without_ctrl_c_does_not_disturb_the_undoing(tmp_path: Path, number: signal.Signals) -> None:
    asked = start(tmp_path)
    asked.send(number)
    asked.until("undoing")
    asked.send(signal.SIGTERM, signal.SIGHUP)
    assert asked.let() == 0
    assert asked.undone


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_it_undoes_ends_it_at_once_and_says_what_is_left_to_do(
    tmp_path: Path, first: signal.Signals
) -> None:
    asked = start(tmp_path)
    asked.send(first)
    asked.until("undoing")
    tick = threading.Event()
    for _ in range(200):
        asked.send(signal.SIGINT)
        if asked.process.poll() is not None:
            break
        tick.wait(0.05)
    _, errors = asked.process.communicate(timeout=30)
    assert asked.process.returncode == 130
    assert not asked.undone
    assert b"podvow recover" in errors


def test_a_ctrl_c_that_arrives_twice_at_once_is_one(tmp_path: Path) -> None:
    asked = start(tmp_path)
    asked.send(signal.SIGINT)
    asked.until("undoing")
    asked.send(signal.SIGINT)
    assert asked.let() == 0
    assert asked.undone


def test_a_worker_is_not_ended_by_what_execnet_passes_on(tmp_path: Path) -> None:
    asked = start(tmp_path, "worker")
    asked.send(signal.SIGINT)
    asked.until("undoing")
    threading.Event().wait(0.5)  # longer than what counts as the same Ctrl-C
    asked.send(signal.SIGINT)
    assert asked.let() == 0
    assert asked.undone


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    asked = Asked(tmp_path, before=["env", "--ignore-signal=HUP", "--ignore-signal=INT"])
    asked.send(signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    asked.until("undoing")
    assert asked.let() == 0
    assert asked.undone


def test_a_closed_terminal_does_not_end_the_undoing(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    asked = Asked(tmp_path, before=["setsid", "--ctty", "--wait", "env", "--default-signal=HUP"], terminal=slave)
    os.close(slave)
    os.close(master)
    asked.until("undoing")
    assert asked.let() == 0
    assert asked.undone
