from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from podvow.paths import ROOT
from tests.reliability.standstill import Standstill

_PROGRAM = """
import sys, time
from tests.reliability.standstill import Standstill
clock, began = Standstill(tick_s=0.05), time.monotonic()
print("up", flush=True)
sys.stdin.readline()
print(clock.since(began), clock.since(time.monotonic() + 1), flush=True)
"""


def test_a_process_that_was_stopped_knows_for_how_long() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    began = time.monotonic()
    program.send_signal(signal.SIGSTOP)
    os.waitpid(program.pid, os.WUNTRACED)
    while time.monotonic() - began < 1.0:
        time.sleep(0.05)
    program.send_signal(signal.SIGCONT)
    told, _ = program.communicate("\n", timeout=30)
    longest, later = map(float, told.split())
    assert 0.9 < longest < time.monotonic() - began + 0.1
    assert later == 0.0


def test_a_process_that_runs_does_not_stand_still() -> None:
    clock, began = Standstill(tick_s=0.01), time.monotonic()
    assert clock.since(began) < 20
    clock.stop()
