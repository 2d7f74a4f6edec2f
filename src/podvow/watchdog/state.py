"""What the driver and its watchdog agree on: which nodes are away, on the disk before they are.

Only the standard library: a watchdog costs next to nothing while all is well.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

STATE = "watchdog.json"
LOG = "watchdog.log"
LOCK = "watchdog.lock"
SETTLED_S = 8.0
"""A command of the dead driver may still be under way to the engine: a node counts as back after so long."""


@dataclass(frozen=True)
class Away:
    """A node that is about to be away, or is.

    Attributes:
        number: tells one absence of a node from the next.
        node: its name.
        fault: what was done to it.
        until: when it is brought back even if the driver lives, on this machine's monotonic clock in seconds.
        address: the node's address before.
    """

    number: int
    node: str
    fault: str
    until: float
    address: str = ""


@dataclass(frozen=True)
class State:
    """Everything that a watchdog needs to know.

    Attributes:
        run_id: under which the nodes know the run.
        kubeconfig: file of the cluster; empty when the API server is not to be asked.
        context: the context in it.
        settled_s: for how long a node must have been back before nobody looks after it, in seconds.
        away: the nodes that are away.
    """

    run_id: str
    kubeconfig: str = ""
    context: str = ""
    settled_s: float = SETTLED_S
    away: tuple[Away, ...] = ()


def write(folder: Path, state: State) -> None:
    """Put the state on the disk, whole or not at all, before this returns."""
    temporary = folder / f"{STATE}.new"
    with temporary.open("w", encoding="utf-8") as handle:
        json.dump(asdict(state), handle)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(folder / STATE)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path) -> State:
    """Read the state.

    Raises:
        OSError: there is none.
        ValueError: it is none.
    """
    raw = json.loads((folder / STATE).read_text(encoding="utf-8"))
    try:
        return State(**{**raw, "away": tuple(Away(**away) for away in raw["away"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{folder / STATE} is no state of a watchdog: {error!r}") from error
