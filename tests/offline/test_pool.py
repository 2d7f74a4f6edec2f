from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from podvow.paths import ROOT
from podvow.pool import at_once


def test_what_was_returned_comes_in_the_order_of_the_things() -> None:
    both = threading.Barrier(2, timeout=20)

    def twice(number: int) -> int:
        if number < 2:
            both.wait()  # two at a time: one alone would wait in vain
        return 2 * number

    assert at_once(twice, range(5), most=2) == [0, 2, 4, 6, 8]
    assert at_once(twice, []) == []


def test_what_was_raised_is_raised() -> None:
    def fail(number: int) -> None:
        raise RuntimeError(number)

    with pytest.raises(RuntimeError, match="1"):
        at_once(fail, [1, 2])


_LATE = """
import sys, threading
from pathlib import Path
from podvow.pool import at_once

def undo():
    while threading.main_thread().is_alive():
        threading.main_thread().join(0.05)
    # From here on Python refuses to put anything into a pool.
    told = at_once(lambda number: number * number, [1, 2, 3])
    Path(sys.argv[1]).write_text(str(told))

threading.Thread(target=undo).start()
"""


def test_it_works_after_the_main_thread_has_ended(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [sys.executable, "-c", _LATE, str(told)]
    subprocess.run(command, env={"PYTHONPATH": str(ROOT / "src")}, check=True, timeout=60)
    assert told.read_text() == "[1, 4, 9]"
