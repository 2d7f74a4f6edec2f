"""The figures of a torture: for people, for machines, for the documentation."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.page import row
from tests.torture.compare import Comparison, Wrong
from tests.torture.disturbances import named
from tests.torture.tally import Tally

_HEAD = (
    "disturbance",
    "way",
    "scenarios",
    "verdicts",
    "same",
    "open",
    "wrong",
    "refutable",
    "injected",
    "retries",
    "exit",
    "s",
)


@dataclass(frozen=True)
class Line:
    """One row of the table, as it was found.

    Attributes:
        disturbance: name of the disturbance.
        way: how the harness reached the cluster.
        compared: what became of the verdicts.
        tally: what the proxy did.
        code: the exit code; None when the run had to be ended.
        seconds: how long it took.
        troubles: what must not be, in words: leaks, crashes, a run that did not end.
    """

    disturbance: str
    way: str
    compared: Comparison
    tally: Tally
    code: int | None
    seconds: float
    troubles: tuple[str, ...] = ()

    @property
    def injected(self) -> int:
        """Disturbances that took place."""
        return sum(self.tally.injected.values())

    @property
    def void(self) -> bool:
        """Whether the row proves nothing: nothing was disturbed, or nothing was run."""
        return not self.injected or not self.compared.recordings

    @property
    def wrong(self) -> int:
        """Wrong verdicts and what must not be."""
        return len(self.compared.wrong) + len(self.troubles)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        figures = (
            self.compared.recordings,
            self.compared.verdicts,
            self.compared.same,
            self.compared.open,
            self.wrong,
            self.compared.refutable,
        )
        ended = "-" if self.code is None else str(self.code)
        name = f"{self.disturbance} (void)" if self.void else self.disturbance
        rest = (str(self.injected), str(self.tally.retries), ended, f"{self.seconds:.0f}")
        return (name, self.way, *map(str, figures), *rest)


@dataclass(frozen=True)
class Outcome:
    """A whole torture.

    Attributes:
        server_version: of the cluster.
        lines: the rows that were played.
        missing: names of the rows for which there was no time.
        baseline: verdicts without disturbance that the register does not expect.
        seed: of the generators.
        seconds: how long it took.
    """

    server_version: str
    lines: Sequence[Line]
    missing: Sequence[str]
    baseline: Sequence[Wrong]
    seed: str
    seconds: float
    least: int = field(default=300)

    @property
    def scenarios(self) -> int:
        """Disturbed scenario runs: timelines that were recorded under a disturbance that took place."""
        return sum(line.compared.recordings for line in self.lines if not line.void)

    @property
    def complaints(self) -> list[str]:
        """Everything for which it fails, in words."""
        found = [f"without disturbance: {_words(wrong)}" for wrong in self.baseline]
        for line in self.lines:
            where = f"{line.disturbance}/{line.way}"
            found += [f"{where}: {_words(wrong)}" for wrong in line.compared.wrong]
            found += [f"{where}: {trouble}" for trouble in line.troubles]
            if line.void:
                found.append(f"{where}: void, nothing was disturbed or nothing was run")
        found += [f"{name}: not played, the time was up" for name in self.missing]
        if self.scenarios < self.least:
            found.append(f"{self.scenarios} disturbed scenario runs, {self.least} are wanted")
        return found

    @property
    def false(self) -> dict[str, int]:
        """Verdicts that are not so without the disturbance, by what they became."""
        wrong = [w for line in self.lines for w in line.compared.wrong]
        return {verdict: sum(w.became == verdict for w in wrong) for verdict in ("violated", "holds")}

    @property
    def summary(self) -> str:
        """The figures in one line."""
        verdicts = sum(line.compared.verdicts for line in self.lines)
        false = self.false
        could = sum(line.compared.refutable for line in self.lines)
        return (
            f"{self.scenarios} disturbed scenario runs, {verdicts} verdicts: "
            f"{sum(line.compared.same for line in self.lines)} the same, "
            f"{sum(line.compared.open for line in self.lines)} open, "
            f"{false['violated']} false violated, {false['holds']} false holds (of {could} that could be), "
            f"{sum(line.wrong for line in self.lines) - sum(false.values())} other troubles; "
            f"{sum(line.injected for line in self.lines)} disturbances, {self.seconds:.0f} s"
        )


def _words(wrong: Wrong) -> str:
    told = f"{wrong.scenario}: {wrong.was} became {wrong.became}"
    return f"{told} ({wrong.detail})" if wrong.detail else told


def as_text(lines: Sequence[Line]) -> str:
    """Return the table for a terminal."""
    rows = [_HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def as_markdown(outcome: Outcome) -> str:
    """Return the table for the documentation."""
    rows = ["| " + " | ".join(_HEAD) + " | what it is |", "| --- | --- |" + " ---: |" * 10 + " --- |"]
    rows += ["| " + " | ".join((*line.cells(), named(line.disturbance).about)) + " |" for line in outcome.lines]
    return "\n".join((f"Kubernetes {outcome.server_version}, seed `{outcome.seed}`: {outcome.summary}.", "", *rows))


def as_json(outcome: Outcome) -> str:
    """Return everything for machines."""
    document = {
        "schema": 1,
        "server_version": outcome.server_version,
        "seed": outcome.seed,
        "seconds": round(outcome.seconds, 1),
        "scenarios": outcome.scenarios,
        "complaints": outcome.complaints,
        "baseline": [dataclasses.asdict(w) for w in outcome.baseline],
        "missing": list(outcome.missing),
        "rows": [
            {
                "disturbance": line.disturbance,
                "way": line.way,
                "void": line.void,
                "exit_code": line.code,
                "seconds": round(line.seconds, 1),
                "requests": dict(line.tally.requests),
                "injected": dict(line.tally.injected),
                "retries": line.tally.retries,
                "troubles": list(line.troubles),
                **dataclasses.asdict(line.compared),
            }
            for line in outcome.lines
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def as_row(outcome: Outcome, fixed: int) -> str:
    """Return the sums as a table of one row.

    Args:
        outcome: the torture.
        fixed: how many findings of tortures were fixed so far.
    """
    false, could = outcome.false, sum(line.compared.refutable for line in outcome.lines)
    sums: dict[str, object] = {
        "rows": len(outcome.lines),
        "disturbed runs": outcome.scenarios,
        "disturbances": sum(line.injected for line in outcome.lines),
        "verdicts": sum(line.compared.verdicts for line in outcome.lines),
        "the same": sum(line.compared.same for line in outcome.lines),
        "open": sum(line.compared.open for line in outcome.lines),
        "false violated": false["violated"],
        "false holds": f"{false['holds']} (of {could} that could be)",
        "other troubles": sum(line.wrong for line in outcome.lines) - sum(false.values()),
        "findings fixed": fixed,
        "minutes": f"{outcome.seconds / 60:.0f}",
    }
    return row(sums)
