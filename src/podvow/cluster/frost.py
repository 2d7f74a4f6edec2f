"""Frozen cgroups below a node: thawed, so that the node's container can be killed.

runc freezes a container's cgroup while it kills or changes it. If the node is killed at that moment, the runc in it
dies before it thaws: what is frozen cannot die, and the engine waits for the node in vain ("did not receive an exit
event"; https://github.com/opencontainers/runc/issues/2105). So one look beforehand is not enough, the thawing goes
on until the node is gone. The node's own cgroup is left to the engine, which knows whether it is paused.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path("/sys/fs/cgroup")
_THAWED = {"freezer.state": "THAWED", "cgroup.freeze": "0"}
"""What the file that freezes a cgroup (of version 1, of version 2) says, and takes, when it is not frozen."""
_AGAIN_S = 0.5


@contextlib.contextmanager
def thawing(containers: Collection[str], root: Path | None = None) -> Iterator[None]:
    """Keep everything below some containers thawed for as long as the body runs.

    Args:
        containers: their ids.
        root: where the cgroups of this machine are mounted; an engine elsewhere has none of its containers there.
    """
    thaw_below(containers, root)
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(_AGAIN_S):
            thaw_below(containers, root)

    thread = threading.Thread(target=go_on, name="thawing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def thaw_below(containers: Collection[str], root: Path | None = None) -> list[Path]:
    """Thaw what is frozen below the cgroups of some containers.

    Args:
        containers: their ids.
        root: where the cgroups of this machine are mounted.

    Returns:
        The cgroups that were frozen, without those that could not be thawed (gone, or not ours to write).
    """
    thawed: list[Path] = []
    for own in _cgroups(containers, root or ROOT):
        for folder, _, files in os.walk(own):
            states = [Path(folder) / name for name in _THAWED if name in files and folder != str(own)]
            thawed += [state.parent for state in states if _thaw(state)]
    return thawed


def _thaw(state: Path) -> bool:
    with contextlib.suppress(OSError):
        if state.read_text().strip() != _THAWED[state.name]:
            state.write_text(_THAWED[state.name])
            return True
    return False


def _cgroups(containers: Collection[str], root: Path) -> Iterator[Path]:
    """Yield the containers' own cgroups in every hierarchy that freezes.

    Their folders are named by the id, bare (driver cgroupfs) or as `docker-ID.scope` (driver systemd).
    """
    hierarchies = [place for place in (root / "freezer", root / "unified") if place.is_dir()] or [root]
    for hierarchy in hierarchies:
        for folder, below, _ in os.walk(hierarchy):
            for name in [name for name in below if any(c and c in name for c in containers)]:
                below.remove(name)
                yield Path(folder) / name
