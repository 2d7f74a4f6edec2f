"""The network namespace of our own engine, and how a process moves into it.

A namespace without uplink keeps every packet of the cluster away from the machine's network. `ip netns exec` is not
used: it remounts /sys and so hides the cgroup mounts from the engine. Must not know what runs inside.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING

from podvow.cluster.process import run
from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "podvow"
_DIR = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_home: list[int] = []


def path() -> Path:
    """Return the file that stands for the namespace."""
    return _DIR / NAME


def exists() -> bool:
    """Whether the namespace is there: a mount, not just a file that a crash or a reboot left."""
    file = path()
    return file.exists() and file.stat().st_dev != _DIR.stat().st_dev


def ensure() -> None:
    """Make the namespace with its loopback up."""
    if not exists():
        path().unlink(missing_ok=True)
        run(["ip", "netns", "add", NAME])
    run([*prefix(), "ip", "link", "set", "lo", "up"])


def delete() -> None:
    """Remove the namespace if it is there."""
    if exists():
        run(["ip", "netns", "delete", NAME])
    path().unlink(missing_ok=True)


def prefix() -> list[str]:
    """Return the words before a command that is to run inside."""
    return ["nsenter", f"--net={path()}"]


def inside() -> bool:
    """Whether the calling thread already is in the namespace."""
    return exists() and path().stat().st_ino == Path("/proc/thread-self/ns/net").stat().st_ino


def enter() -> None:
    """Move the calling thread into the namespace; threads and children that it starts later follow.

    Threads that already run stay where they are, so call it early and in the main thread.
    """
    if inside():
        return
    if not _home:
        _home.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
    target = os.open(path(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(target)
    finally:
        os.close(target)


def leave() -> None:
    """Move the calling thread back to where it was before `enter`."""
    if _home:
        _setns(_home[0])


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise ClusterUnusableError(
            f"cannot enter the network of podvow's own engine: {os.strerror(number)}", hint="run as root"
        )


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """Be in the machine's own network for a while: package mirrors cannot be reached from inside."""
    if not _home or not inside():
        yield
        return
    leave()
    try:
        yield
    finally:
        enter()
