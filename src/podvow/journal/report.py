"""What `podvow recover` found and did, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from podvow.errors import ExitCode

RECOVERED, ALIVE, LEFT, GONE, UNREACHABLE, BROKEN = "recovered", "alive", "left", "gone", "unreachable", "broken"
"""States of a run: everything is taken back; it is alive and was left alone; something is left; its cluster does
not exist any more; its cluster cannot be reached; its journal cannot be read."""


@dataclass
class Told:
    """What became of one run.

    Attributes:
        run: its id.
        cluster: its cluster, in words.
        state: see above.
        undone: what was taken back.
        notes: what else there is to say.
        wall_s: how long it took, in seconds.
    """

    run: str
    cluster: str
    state: str = RECOVERED
    undone: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wall_s: float = 0.0


@dataclass
class Report:
    """All of it.

    Attributes:
        runs: the runs that were found.
        looked_at: the clusters that were audited, in words.
        swept: what was removed that no run's journal knew of.
        leaks: what is left.
        unreachable: clusters that somebody asked for and that cannot be reached, with the reason.
        wall_s: how long everything took, in seconds.
    """

    runs: list[Told] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """A leak outweighs a cluster that cannot be reached, and that a journal that cannot be read."""
        states = {told.state for told in self.runs}
        if self.leaks or LEFT in states:
            return ExitCode.LEAK
        if self.unreachable or UNREACHABLE in states:
            return ExitCode.CLUSTER
        return ExitCode.USAGE if BROKEN in states else ExitCode.OK

    def json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "schema": 1,
            "runs": [vars(told) | {"wall_s": round(told.wall_s, 3)} for told in self.runs],
            "looked_at": self.looked_at,
            "swept": self.swept,
            "leaks": self.leaks,
            "unreachable": self.unreachable,
            "wall_s": round(self.wall_s, 3),
            "exit_code": int(self.exit_code),
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        for told in self.runs:
            yield f"run {told.run} on {told.cluster}: {_SAID[told.state]}" + (
                f" ({told.wall_s:.1f} s)" if told.undone else ""
            )
            yield from (f"  {each}" for each in (*told.undone, *told.notes))
        yield from (f"swept: {each}" for each in self.swept)
        yield from (f"cannot be reached: {each}" for each in self.unreachable)
        yield from (f"LEAK: {leak}" for leak in self.leaks)
        if self.exit_code is ExitCode.OK:
            where = f" on {', '.join(self.looked_at)}" if self.looked_at else ""
            alive = any(told.state == ALIVE for told in self.runs)
            yield ("nothing else of podvow is left" if alive else "nothing of podvow is left") + where


_SAID = {
    RECOVERED: "everything is taken back",
    ALIVE: "alive, left alone",
    LEFT: "not everything could be taken back",
    GONE: "its cluster is gone, nothing to take back",
    UNREACHABLE: "its cluster cannot be reached, nothing was done",
    BROKEN: "its journal cannot be read",
}
