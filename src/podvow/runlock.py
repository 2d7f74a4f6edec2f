"""Says whether a run is alive: a lock on its folder that the system takes back when its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from podvow.errors import UsageError

_RUN = "run.lock"
DRIVER = "driver.lock"
"""Held by the process that runs the scenarios: with xdist it may outlive the one that was started."""


def is_alive(folder: Path) -> bool:
    """Tell whether some process of a run is alive."""
    return any(_taken(folder / name) for name in (_RUN, DRIVER))


def _taken(path: Path) -> bool:
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder.

    Raises:
        UsageError: the run is alive in another process.
    """
    lock = FileLock(folder / _RUN)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        hint = "wait for it, or end it with Ctrl-C"
        raise UsageError(f"run {folder.name} is still alive in another process", hint=hint) from error
    try:
        if _taken(folder / DRIVER):
            hint = "its worker goes on without it: wait until it has ended"
            raise UsageError(f"run {folder.name} is still alive in another process", hint=hint)
        yield
    finally:
        lock.release()
