"""What is killed and where: the selections, and the fault points that a run of each passes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

WAYS = ("SIGKILL", "SIGTERM", "SIGKILL", "SIGINT2", "SIGKILL", "SIGHUP", "SIGKILL")
"""SIGKILL most often: the others can be answered. An odd number, so that each comes at each moment."""
_FILE = Path(__file__).with_name("selections.yaml")


@dataclass(frozen=True)
class Selection:
    """Some scenarios that are run together and killed.

    Attributes:
        name: its name.
        options: what `podvow run` is called with.
        faults: what it injects, in words.
        worker: whether it needs a node that is no control plane.
        alone: what heals the node where nobody recovers, `timer` or `watchdog`; empty where nothing has to.
        ways: how it is killed, in turn.
    """

    name: str
    options: tuple[str, ...]
    faults: str
    worker: bool = False
    alone: str = ""
    ways: tuple[str, ...] = WAYS


@dataclass(frozen=True)
class Point:
    """Where a run is killed, and how.

    Attributes:
        selection: name of the selection.
        number: the journal's entry.
        what: what is journalled there.
        moment: see podvow.journal.faultpoint.
        way: likewise.
    """

    selection: str
    number: int
    what: str
    moment: str
    way: str

    @property
    def variable(self) -> str:
        """The environment variable's value."""
        return f"{self.number}:{self.moment}:{self.way}"

    def __str__(self) -> str:
        return f"{self.selection} {self.what}#{self.number} {self.moment} {self.way}"


def selections(path: Path = _FILE) -> dict[str, Selection]:
    """Read the selections, by name."""
    raw: Mapping[str, Mapping[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        name: Selection(
            name,
            tuple(fields["options"]),
            fields["faults"],
            fields.get("worker", False),
            fields.get("alone", ""),
            tuple(fields.get("ways", WAYS)),
        )
        for name, fields in raw.items()
    }


def listed(path: Path) -> list[tuple[int, str]]:
    """Return the fault points that a run passed, as it listed them: number and moment, each once."""
    lines = path.read_text(encoding="utf-8").split() if path.exists() else []
    pairs = ((int(number), moment) for number, _, moment in (line.partition(":") for line in lines))
    return list(dict.fromkeys(pairs))


def points(selection: Selection, passed: Sequence[tuple[int, str]], what: Mapping[int, str]) -> list[Point]:
    """Return a point for each that a run passed, with the ways of dying in turn."""
    ways = itertools.cycle(selection.ways)
    return [Point(selection.name, number, what[number], moment, next(ways)) for number, moment in passed]


def alone(selection: Selection, passed: Sequence[tuple[int, str]], what: Mapping[int, str]) -> Iterator[Point]:
    """Yield the points at which a node has to heal without anybody's help.

    The watchdog is needed while a node is away, the timer for what lasts. Namespaces heal no node, and the timer
    itself goes by the way.
    """
    moments = {"timer": {"after"}, "watchdog": {"before", "midway"}}
    for number, moment in passed:
        if moment in moments.get(selection.alone, ()) and what[number] not in {"namespace", "node timer"}:
            yield Point(selection.name, number, what[number], moment, "SIGKILL")
