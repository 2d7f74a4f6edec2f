"""Live progress: plain lines where no terminal is, a live view where one is."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from podvow.progress import Progress
from podvow.verdict import Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def plain() -> tuple[Progress, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return Progress(Console(file=out, width=200), clock), out, clock


def test_lines_come_at_most_once_a_second_and_lose_nothing_of_interest() -> None:
    progress, out, clock = plain()
    progress.start(40, 30.0)
    for n in range(40):
        clock.now += 0.05
        progress.scenario_started(f"a.b[{n}]")
    for n in range(40):
        clock.now += 0.05
        progress.scenario_recorded(f"a.b[{n}]", 1.0)
        progress.judged(f"a.b[{n}]", Verdict.VIOLATED if n in {7, 8} else Verdict.HOLDS)
    progress.stop()
    lines = out.getvalue().splitlines()
    assert len(lines) <= 6
    assert "40 scenarios, at least 30 s" in lines[0]
    assert out.getvalue().count("VIOLATED a.b[7]") == 1
    assert out.getvalue().count("VIOLATED a.b[8]") == 1
    assert "40/40 judged (38 holds, 2 violated), 0 running, 0 waiting" in lines[-1]


def test_tests_that_share_a_scenario_are_counted_as_tests() -> None:
    progress, out, _ = plain()
    progress.start(1, tests=3)
    progress.scenario_started("a.recorded-once")
    progress.scenario_recorded("a.recorded-once", 1.0)
    for n in range(3):
        progress.judged(f"a.b[{n}]", Verdict.HOLDS)
    progress.stop()
    assert out.getvalue().splitlines()[-1].endswith("3/3 judged (3 holds), 0 running, 0 waiting")


def test_a_refuted_seed_claim_is_counted_and_not_shouted() -> None:
    progress, out, _ = plain()
    progress.start(1)
    progress.judged("seed.x", "refuted")
    progress.stop()
    assert "1 refuted" in out.getvalue()
    assert "REFUTED" not in out.getvalue()


def test_a_note_that_comes_too_soon_is_said_a_little_later() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=200))
    progress.start(1)
    progress.note("restarting the kubelet")
    assert "kubelet" not in out.getvalue()
    timer = progress._timer
    assert timer is not None
    timer.join(3)
    assert "restarting the kubelet" in out.getvalue()
    progress.stop()


def test_many_threads_and_two_stops_do_no_harm() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=30)
    progress = Progress(console)
    progress.start(80, 1.0)

    def work(k: int) -> None:
        for n in range(10):
            name = f"a.b[{k}-{n}]"
            progress.scenario_started(name)
            progress.scenario_recorded(name, 0.1)
            progress.judged(name, Verdict.NOT_INJECTED if n == 0 else Verdict.HOLDS)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    console.print(progress._view())
    progress.stop()
    progress.stop()
    assert "80/80 judged (72 holds, 8 not-injected)" in out.getvalue()
    assert out.getvalue().count("∅ not-injected") == 8


def test_nothing_is_said_before_the_start_or_after_the_stop() -> None:
    progress, out, _ = plain()
    progress.note("early")
    with progress:
        progress.start(0)
    progress.note("late")
    assert "early" not in out.getvalue()
    assert "late" not in out.getvalue()
