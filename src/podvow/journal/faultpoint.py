"""Fault points: the harness killed exactly at a journalled step, to prove that nothing outlives it.

`PODVOW_FAULT_POINT=N:MOMENT:HOW` in the environment, e.g. `7:after:SIGKILL`. N is the id of a journal's entry, or
in `podvow recover` the number of the undo (1, 2, …). Without the variable a step costs one look into the
environment. `PODVOW_FAULT_POINT=list:FILE` kills nobody: each point that is passed becomes a line of the file.

| moment | what is true then |
| --- | --- |
| `before` | the entry is on the disk and mirrored, the change is not made |
| `midway` | half of the change is made: a node is frozen, a unit was just told to stop |
| `after` | the change is made |
| `undoing` | it is about to be undone |
| `undone` | it is undone, and nothing says so yet |

An entry that repeats the undo of an earlier one (a fault on a Pod: its namespace goes) has no undo of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from podvow.errors import UsageError

VARIABLE = "PODVOW_FAULT_POINT"
MOMENTS = ("before", "midway", "after", "undoing", "undone")
WAYS = ("SIGKILL", "SIGTERM", "SIGINT2", "SIGHUP", "PARENT")
"""`SIGINT2` is Ctrl-C twice; `PARENT` kills the parent process, an xdist worker's controller."""
LIST = "list:"
"""What the variable begins with when points are only listed."""
_FINGER_S = 0.5
"""Two signals of one kind at once would be one: a finger needs a moment to press Ctrl-C again."""


class _Making(threading.local):
    """The entry whose change a thread is making; 0 for none."""

    entry = 0


_making = _Making()


@dataclass(frozen=True, slots=True)
class _Point:
    number: int
    moment: str
    way: str


def check() -> None:
    """Read the variable.

    Raises:
        UsageError: it is set and names no fault point.
    """
    if not _listing():
        _point()


def hit(number: int, moment: str) -> None:
    """Be killed here, if this is the point.

    Args:
        number: of the step.
        moment: one of MOMENTS.
    """
    if file := _listing():
        _tell(file, f"{number}:{moment}\n")
        return
    point = _point()
    if point is not None and (point.number, point.moment) == (number, moment):
        _strike(point.way)


@contextlib.contextmanager
def making(number: int) -> Iterator[None]:
    """Let a change be made by this thread; `midway` is about it."""
    before, _making.entry = _making.entry, number
    try:
        yield
    finally:
        _making.entry = before
    hit(number, "after")


def midway() -> None:
    """Be killed in the middle of a change, if this is the point; called by what makes changes in several steps."""
    if _making.entry:
        hit(_making.entry, "midway")


def _listing() -> str:
    text = os.environ.get(VARIABLE, "")
    return text.removeprefix(LIST) if text.startswith(LIST) else ""


def _tell(file: str, line: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def _point() -> _Point | None:
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    number, _, rest = text.partition(":")
    moment, _, way = rest.partition(":")
    if not number.isdecimal() or moment not in MOMENTS or way not in WAYS:
        hint = f"N:{'|'.join(MOMENTS)}:{'|'.join(WAYS)}, or {LIST}FILE"
        raise UsageError(f"{VARIABLE}={text!r} names no fault point", hint=hint)
    return _Point(int(number), moment, way)


def _strike(way: str) -> None:
    match way:
        case "PARENT":
            os.kill(os.getppid(), signal.SIGKILL)
        case "SIGINT2":
            # The first one may raise KeyboardInterrupt right here: the second must be on its way by then.
            threading.Thread(target=_press_again, name="second Ctrl-C", daemon=True).start()
            os.kill(os.getpid(), signal.SIGINT)
        case _:
            os.kill(os.getpid(), signal.Signals[way])


def _press_again() -> None:
    time.sleep(_FINGER_S)
    os.kill(os.getpid(), signal.SIGINT)
