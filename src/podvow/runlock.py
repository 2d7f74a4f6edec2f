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
def exclusive(path: Path, taken: str, hint: str) -> Iterator[None]:
    """Hold a lock without waiting for it.

    Args:
        path: file of the lock.
        taken: what is wrong when another process holds it, in words.
        hint: what can be done then.

    Raises:
        UsageError: another process holds it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UsageError(taken, hint=hint) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder.

    Raises:
        UsageError: the run is alive in another process.
    """
    alive = f"run {folder.name} is still alive in another process"
    with exclusive(folder / _RUN, alive, "wait for it, or end it with Ctrl-C"):
        if _taken(folder / DRIVER):
            raise UsageError(alive, hint="its worker goes on without it: wait until it has ended")
        yield
