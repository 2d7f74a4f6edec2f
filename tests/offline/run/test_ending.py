"""How a run's processes end: undone once, whoever asks; an xdist worker outlives its controller only to undo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from podvow import pytest_plugin
from podvow.deadline import Deadline
from podvow.ending import Ending, watch_parent
from podvow.live import Recorded
from podvow.paths import ROOT, SUITES
from podvow.session import Session


class Live:
    """Something that was started; it ends when it is let, or at once when it is stopped."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.begun = threading.Event()
        self.stopped = threading.Event()
        self.fails = False

    def stop(self) -> None:
        self.log.append("stop")
        self.stopped.set()

    def finish(self, *, interrupted: bool) -> None:
        self.log.append(f"finish interrupted={interrupted}")
        self.begun.set()
        assert self.stopped.wait(20)
        if self.fails:
            raise OSError("disk full")
        self.log.append("undone")


@pytest.fixture
def live() -> Iterator[Live]:
    live = Live()
    yield live
    live.stopped.set()


def ending(live: Live, *, worker: bool = False) -> Ending:
    made = Ending(worker=worker)
    made.of(cast("Recorded", live))
    return made


class Beginning(Live):
    """A run that is asked to end while it is still beginning."""

    made: Beginning

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
        Beginning.made = self

    def start(self) -> None:
        self.log.append("start")
        raise KeyboardInterrupt


def test_a_run_that_is_asked_to_end_while_it_begins_undoes_what_it_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest_plugin, "Live", Beginning)
    file = Session("r1", tmp_path).save()
    options = [f"--rootdir={ROOT}", f"--podvow-session={file}", "-q", "--no-header"]
    assert pytest.main([str(SUITES / "isolation"), *options]) == pytest.ExitCode.INTERRUPTED
    assert Beginning.made.log == ["start", "stop", "finish interrupted=True", "undone"]


def test_an_end_waits_until_all_is_undone(live: Live) -> None:
    live.stopped.set()
    ending(live).end(interrupted=False)
    assert live.log == ["finish interrupted=False", "undone"]


def test_an_interruption_stops_first(live: Live) -> None:
    ending(live).end(interrupted=True)
    assert live.log == ["stop", "finish interrupted=True", "undone"]


def test_ctrl_c_while_the_end_is_waited_for_stops_and_waits_on(live: Live) -> None:
    def interrupt() -> None:
        live.begun.wait(20)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sender = threading.Thread(target=interrupt)
    try:
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            ending(live).end(interrupted=False)
    finally:
        signal.signal(signal.SIGINT, before)
        sender.join()
    assert live.log == ["finish interrupted=False", "stop", "undone"]


def test_an_interrupted_worker_does_not_let_its_main_thread_wait() -> None:
    class Slow(Live):
        def stop(self) -> None:
            self.log.append("stop")

    slow = Slow()
    made = ending(slow, worker=True)
    made.end(interrupted=True)
    assert "undone" not in slow.log
    assert made._thread is not None
    assert not made._thread.daemon, "the interpreter waits for it"
    slow.stopped.set()
    made._thread.join(20)
    assert slow.log[-1] == "undone"


def test_what_goes_wrong_in_the_end_is_told(live: Live) -> None:
    live.fails = True
    live.stopped.set()
    with pytest.raises(OSError, match="disk full"):
        ending(live).end(interrupted=False)


def test_nothing_that_was_started_is_nothing_to_end() -> None:
    Ending(worker=False).end(interrupted=True)


def test_it_is_ended_once_whoever_asks(live: Live) -> None:
    made = ending(live)
    made.end(interrupted=True)
    made.end(interrupted=True)
    assert live.log.count("undone") == 1


ORPHAN = """
import os, subprocess, sys
child = '''
import sys, threading
from pathlib import Path
from podvow.ending import Ending, watch_parent
class Live:
    def leave(self): Path(sys.argv[2]).write_text("left to another process")
ending = Ending(worker=True)
ending.of(Live())
watch_parent(int(sys.argv[1]), ending.abandon)
print("watching", flush=True)
threading.Event().wait()
'''
made = subprocess.Popen([sys.executable, "-c", child, str(os.getpid()), sys.argv[1]], stdout=subprocess.PIPE)
assert made.stdout.readline() == b"watching\\n"
print(made.pid, flush=True)
made.wait()
"""


def test_a_process_whose_parent_was_killed_leaves_the_undoing_to_another_one_and_ends(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, mark],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline, tick = Deadline.after(30), threading.Event()
    while lives(orphan):
        assert not deadline.passed
        tick.wait(0.05)
    assert mark.read_text() == "left to another process"


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that ended and that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_process_with_its_parent_goes_on() -> None:
    called = threading.Event()
    watch_parent(os.getppid(), called.set)
    assert not called.wait(1.2)
