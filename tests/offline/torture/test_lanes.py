"""Rows are played side by side, or alone where they must be, and none is begun for which there is no time."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from podvow.deadline import Deadline
from tests.torture.lanes import Lane, Schedule
from tests.torture.play import _await

LANES: list[Lane] = [{}, {}]


def schedule(seconds: float = 60.0, stop: threading.Event | None = None) -> Schedule[int, str]:
    return Schedule[int, str](LANES, Deadline.after(seconds), stop or threading.Event())


def test_as_many_jobs_as_lanes_are_done_at_a_time() -> None:
    both = threading.Barrier(2, timeout=20)
    assert schedule().run([1, 2], lambda _, job: f"{job} {both.wait() >= 0}") == {1: "1 True", 2: "2 True"}


def test_jobs_that_must_be_alone_are_and_each_lane_does_one_at_a_time() -> None:
    busy = threading.Lock()

    def do(_: Lane, job: int) -> str:
        assert busy.acquire(blocking=False), "somebody else is at it"
        threading.Event().wait(0.01)
        busy.release()
        return str(job)

    assert list(schedule().run([3, 1, 2], do, alone=True)) == [3, 1, 2]


def test_nothing_is_begun_for_which_there_is_no_time() -> None:
    assert schedule(-1.0).run([1], lambda _, job: str(job)) == {}
    took = schedule(0.2)

    def long(_: Lane, job: int) -> str:
        threading.Event().wait(0.15)
        return str(job)

    assert took.run([1, 2, 3], long, alone=True) == {1: "1"}


def test_what_fails_ends_the_others() -> None:
    stop, begun = threading.Event(), threading.Event()

    def do(_: Lane, job: int) -> str:
        if job == 1:
            assert begun.wait(20)
            raise KeyError(job)
        begun.set()
        return f"{job} {stop.wait(20)}"

    with pytest.raises(KeyError):
        schedule(stop=stop).run([1, 2, 3], do)
    assert stop.is_set()


@pytest.mark.parametrize("stopped", [True, False])
def test_a_run_ends_in_time_when_it_is_stopped_or_late(*, stopped: bool) -> None:
    stop = threading.Event()
    if stopped:
        stop.set()
    script = "import signal; print('begun', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        output, in_time = _await(process, 60.0 if stopped else 0.0, stop)
    assert (in_time, process.returncode, output in {"", "begun\n"}) == (False, -15, True)


def test_a_run_that_ends_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, text=True) as process:
        assert _await(process, 60.0, threading.Event()) == ("1\n", True)
