"""What came of mutants, for machines (JSON) and for people (a table by mutant, a matrix of mutants and claims)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from podvow.errors import UsageError
from podvow.inputs import read_json, read_text, shaped
from podvow.mutants.command import Outcome
from podvow.mutants.score import Fate, Result, Score
from podvow.report.markdown import cell
from podvow.verdict import Verdict
from podvow.whole import write_whole

SCHEMA = 1
FILE = "mutants.json"
"""Name of the file in the run's folder."""
PAGE = "mutants.md"
"""The same for people."""
MARK = "do not edit below -->"
"""Ends the line of a page below which the matrix stands."""
_LIMIT = 64 << 20
_SHOWN = {
    Verdict.VIOLATED: "✗",
    Verdict.HOLDS: "·",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_INJECTED: "?",
    Verdict.NOT_APPLICABLE: "",
}


@dataclasses.dataclass(frozen=True)
class Told:
    """What a file of results says.

    Attributes:
        run: id of the run.
        started: when, ISO 8601.
        node: the nodes whose programs were swapped.
        version: of Kubernetes there.
        kubelets: SHA-256 of the programs that were tried, those of the control plane too.
        baseline: how many scenarios were judged without a mutant, and which of them did not come out as expected.
        score: how many mutants were killed.
        mutants: what became of each.
        wall_s: how long it took, in seconds.
        leaks: what could not be removed.
    """

    run: str
    started: str
    node: str
    version: str
    kubelets: tuple[str, ...]
    baseline: Mapping[str, Any]
    score: Score
    mutants: tuple[Result, ...]
    wall_s: float
    leaks: tuple[str, ...] = ()


_TOLD = TypeAdapter(Told)


def told(outcome: Outcome, *, run: str, started: str) -> Told:
    """Return what the file of a campaign says."""
    return Told(
        run=run,
        started=started,
        node=", ".join(outcome.nodes),
        version=", ".join(outcome.versions),
        kubelets=outcome.programs,
        baseline={"scenarios": len(outcome.baseline), "not_as_expected": list(outcome.odd)},
        score=outcome.score,
        mutants=outcome.results,
        wall_s=outcome.wall_s,
        leaks=outcome.leaks,
    )


def to_json(results: Told) -> str:
    """Return the results for machines (docs/mutants.md tells the format)."""
    return json.dumps({"schema": SCHEMA, **dataclasses.asdict(results)}, indent=1) + "\n"


def read(path: Path) -> Told:
    """Read results.

    Raises:
        UsageError: the file holds none, or those of another podvow.
    """
    what = "file of mutants' results"
    raw = read_json(path, what=what, schema=SCHEMA, limit=_LIMIT)
    return shaped(_TOLD, raw, where=str(path), what=what)


def save(results: Told, folder: Path, *more: Path) -> None:
    """Write the results into a run's folder, for machines and for people.

    Args:
        results: the results.
        folder: of the run.
        more: files that get them for machines too.
    """
    for path in (folder / FILE, *more):
        write_whole(path, to_json(results))
    write_whole(folder / PAGE, markdown(results))


def lines(results: Told) -> Iterator[str]:
    """Yield the results as text."""
    width = max((len(result.id) for result in results.mutants), default=0)
    for result in results.mutants:
        yield f"{_mark(result)} {result.id:<{width}}  {result.fate:<17}  {_why(result)}"
    score = results.score
    where = f"{results.wall_s:.0f} s on {results.node} ({results.version})"
    yield f"{score.killed} of {score.counted} mutants killed, {where}"
    if score.void:
        yield f"the score is void: {score.void}"
    yield from (f"LEAK: {leak}" for leak in results.leaks)


def _mark(result: Result) -> str:
    return "✓" if result.fate in {Fate.KILLED, Fate.GREEN} else "-" if result.fate in _QUIET else "✗"


_QUIET = frozenset({Fate.EQUIVALENT, Fate.ELSEWHERE})


def _why(result: Result) -> str:
    if result.kill is None:
        return result.reason
    detail = f": {result.kill.detail}" if result.kill.detail else ""
    more = f" ({result.reason})" if result.reason else ""
    return f"{result.wall_s:.0f} s, {result.kill.scenario}: {result.kill.expectation}{detail}{more}"


def markdown(results: Told) -> str:
    """Return the results as a page: what became of each mutant, and the matrix."""
    score, odd = results.score, len(results.baseline["not_as_expected"])
    void = f" The score is void: {score.void}." if score.void else ""
    what = f"{len(results.mutants)} mutants and controls in {results.wall_s / 60:.0f} minutes"
    killed = f"**{score.killed} of {score.counted} mutants killed.**"
    parts = [
        f"Run {results.run}: Kubernetes {results.version}, {what}. {killed}{void}",
        f"Without a mutant: {results.baseline['scenarios']} scenarios, {odd} not as expected.",
        "",
        "| mutant | in | the bug | what became of it | s | noticed by | expectation that was violated |",
        "| --- | --- | --- | --- | ---: | --- | --- |",
        *(_row(result) for result in results.mutants),
        "",
        *_matrix(results.mutants),
    ]
    return "\n".join(parts) + "\n"


def put_into(page: Path, text: str) -> str:
    """Return a page with the matrix below its mark.

    Raises:
        UsageError: it has no mark.
    """
    above, mark, _ = read_text(page, what="page").partition(MARK)
    if not mark:
        raise UsageError(f"{page}: no line in it ends with {MARK!r}")
    return f"{above}{mark}\n\n{text}"


def _row(result: Result) -> str:
    by = f"`{cell(result.kill.scenario)}`" if result.kill else ""
    what = cell(f"{result.kill.expectation}: {result.kill.detail}") if result.kill else cell(result.reason)
    about = f"`{result.id}` | {result.target} | {cell(result.title)}"
    fate = f"{result.fate} ({cell(result.reason)})" if result.kill and result.reason else str(result.fate)
    return f"| {about} | {fate} | {result.wall_s:.0f} | {by} | {what} |"


def _matrix(results: Sequence[Result]) -> Iterator[str]:
    """Yield mutants by claims, with those claims that at least one mutant violates; mutants have numbers."""
    claims = sorted({c for r in results for c, v in r.claims.items() if v == Verdict.VIOLATED})
    if not claims:
        return
    yield "Mutants by number: " + ", ".join(f"{n} `{r.id}`" for n, r in enumerate(results, 1)) + "."
    yield "✗ violated, · holds, ? no verdict, empty: not judged, for a run stops once a mutant is killed."
    yield ""
    yield "| claim | " + " | ".join(map(str, range(1, len(results) + 1))) + " |"
    yield "| --- |" + " :-: |" * len(results)
    for claim in claims:
        cells = [_SHOWN[Verdict(r.claims[claim])] if claim in r.claims else "" for r in results]
        yield f"| {claim} | " + " | ".join(cells) + " |"
