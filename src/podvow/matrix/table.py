"""Several runs side by side: claims and scenarios by cluster, as data, as Markdown, and the exit code of all.

Pure, from what the runs left: results.json where there is one (podvow.history.night), the exit code always.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podvow.errors import ExitCode
from podvow.history.night import Night, Seen
from podvow.history.trend import AMISS
from podvow.report.markdown import cell
from podvow.report.summary import MARKS

SCHEMA = 1
NONE = "not-judged"
WORST_FIRST = (
    ExitCode.LEAK,
    ExitCode.VIOLATED,
    ExitCode.CLUSTER,
    ExitCode.USAGE,
    ExitCode.INCONCLUSIVE,
    ExitCode.OK,
)
"""Something left behind outweighs a violation, that a cluster without an answer, that an open verdict."""


@dataclass(frozen=True)
class Column:
    """One cluster.

    Attributes:
        label: as it was typed.
        run_id: its run.
        exit_code: of the run; negative when a signal killed it.
        night: what it found; None when it left no results.
        why: why there are none; empty when there are.
        link: from the matrix to the run's own page, empty when there is none.
    """

    label: str
    run_id: str
    exit_code: int
    night: Night | None
    why: str = ""
    link: str = ""

    @property
    def version(self) -> str:
        """What was judged, in words."""
        return "" if self.night is None else self.night.version.words

    @property
    def state(self) -> str:
        """How the run ended, in words."""
        if self.why:
            return self.why
        return "" if self.night is None or self.night.complete else "did not come to its end"


@dataclass(frozen=True)
class Line:
    """A claim or a scenario on all clusters.

    Attributes:
        id: its id.
        verdicts: as shown to people, in the order of the columns.
    """

    id: str
    verdicts: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether clusters that judged it came to different verdicts."""
        return len({*self.verdicts} - {NONE}) > 1

    @property
    def open(self) -> bool:
        """Whether it needs a reader on some cluster."""
        return any(verdict in AMISS for verdict in self.verdicts)


@dataclass(frozen=True)
class Matrix:
    """All of it.

    Attributes:
        id: of the matrix.
        started: ISO 8601, UTC.
        columns: the clusters, as typed.
        claims: by id.
        scenarios: by id.
    """

    id: str
    started: str
    columns: tuple[Column, ...]
    claims: tuple[Line, ...]
    scenarios: tuple[Line, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The worst of its runs; one that says that all is well and left no results is a lost cluster."""
        return worst(c.exit_code if c.night or c.exit_code else ExitCode.CLUSTER for c in self.columns)


def matrix(matrix_id: str, started: str, columns: Sequence[Column]) -> Matrix:
    """Put runs side by side.

    Args:
        matrix_id: of the matrix.
        started: ISO 8601, UTC.
        columns: the clusters with what was found.
    """
    claims = _lines([column.night.claims if column.night else {} for column in columns])
    scenarios = _lines([column.night.scenarios if column.night else {} for column in columns])
    return Matrix(matrix_id, started, tuple(columns), claims, scenarios)


def _lines(found: Sequence[Mapping[str, Seen]]) -> tuple[Line, ...]:
    names = sorted({name for each in found for name in each})
    return tuple(Line(n, tuple(each[n].verdict if n in each else NONE for each in found)) for n in names)


def worst(codes: Iterable[int]) -> ExitCode:
    """Return the exit code of all runs: the worst by `WORST_FIRST`; any other code is a lost cluster."""
    known = {ExitCode(code) if code in set(ExitCode) else ExitCode.CLUSTER for code in codes}
    return next((code for code in WORST_FIRST if code in known), ExitCode.CLUSTER)


def lines(found: Matrix) -> list[str]:
    """Return what a terminal shows: a line a cluster, then what is open or differs."""
    told = [
        f"{column.label}: exit code {column.exit_code}, {'; '.join(filter(None, (column.version, column.state)))}"
        for column in found.columns
    ]
    rows = [line for line in found.claims if line.open or line.differs]
    width = max((len(line.id) for line in rows), default=0)
    told += [f"  {line.id:<{width}}  {''.join(f'{sign:<18}' for sign in _signs(line)).rstrip()}" for line in rows]
    same = len(found.claims) - len(rows)
    return [*told, f"{same} of {len(found.claims)} claims came out alike, and nothing is open about them"]


def _signs(line: Line) -> list[str]:
    return [f"{MARKS.get(verdict, '!')} {verdict}" for verdict in line.verdicts]


def markdown(found: Matrix) -> str:
    """Return the matrix as a page."""
    parts = [f"# podvow matrix {found.id}", "", f"Started {found.started}, exit code {int(found.exit_code)}.", ""]
    parts += ["| cluster | exit code | versions | run | |", "| --- | ---: | --- | --- | --- |"]
    parts += [
        f"| {cell(c.label)} | {c.exit_code} | {cell(c.version)} | {_run(c)} | {cell(c.state)} |"
        for c in found.columns
    ]
    for title, rows in sections(found):
        parts += ["", f"## {title}", "", f"| | {' | '.join(cell(c.label) for c in found.columns)} |"]
        parts.append("| --- |" + " --- |" * len(found.columns))
        parts += [f"| `{cell(line.id)}` | {' | '.join(_signs(line))} |" for line in rows]
    return "\n".join(parts) + "\n"


def sections(found: Matrix) -> list[tuple[str, list[Line]]]:
    """Return what is told, what needs a reader first: scenarios only where they are open or differ."""
    picked = [
        ("Claims that are open or differ", [line for line in found.claims if line.open or line.differs]),
        ("Scenarios that are open or differ", [line for line in found.scenarios if line.open or line.differs]),
        ("Claims that came out alike", [line for line in found.claims if not (line.open or line.differs)]),
    ]
    return [(title, rows) for title, rows in picked if rows]


def _run(column: Column) -> str:
    return f"[{column.run_id}]({column.link})" if column.link else column.run_id


def to_json(found: Matrix) -> str:
    """Return the matrix for machines (docs/matrix.md tells the format)."""
    labels = [column.label for column in found.columns]

    def as_json(line: Line) -> dict[str, Any]:
        return {"id": line.id, "differs": line.differs, "verdicts": dict(zip(labels, line.verdicts, strict=True))}

    document = {
        "schema": SCHEMA,
        "id": found.id,
        "started": found.started,
        "exit_code": int(found.exit_code),
        "clusters": [
            {
                "label": c.label,
                "run": c.run_id,
                "exit_code": c.exit_code,
                "complete": c.night is not None and c.night.complete,
                "server_version": c.night.version.server if c.night else "",
                "kubelet_versions": list(c.night.version.kubelets) if c.night else [],
                "why": c.why,
            }
            for c in found.columns
        ],
        "claims": [as_json(line) for line in found.claims],
        "scenarios": [as_json(line) for line in found.scenarios],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
