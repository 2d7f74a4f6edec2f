"""index.html: one self-contained page with verdicts, coverage of the seed and drawn timelines."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from podvow.paths import REPORTS
from podvow.report import attach, svg
from podvow.report.gather import WORST_FIRST, ClaimEntry, Entry, Report
from podvow.report.ink import STYLE
from podvow.report.model import SeedSentence, source_url
from podvow.report.summary import MARKS, totals_line, wall_line

TEMPLATE = "index.html.j2"
_RANK = {name: n for n, name in enumerate(WORST_FIRST)}


@dataclass(frozen=True)
class _Row:
    """One line of the coverage matrix: a sentence of the seed and a claim of it (None when it has none)."""

    sentence: SeedSentence
    first: bool
    span: int
    claim: ClaimEntry | None


def _coverage(report: Report) -> list[_Row]:
    known = {entry.claim.id: entry for entry in report.claims}
    rows = []
    for sentence in report.seed:
        found = [known[name] for name in sentence.claims if name in known]
        cells: list[ClaimEntry | None] = [*found] or [None]
        rows += [_Row(sentence, n == 0, len(cells), claim) for n, claim in enumerate(cells)]
    return rows


def _drawing(entry: Entry, number: int) -> Markup:
    if entry.timeline is None or not entry.timeline.records:
        return Markup()
    timeline = entry.timeline
    drawn = attach.tolerant(lambda: svg.draw(timeline, marks=entry.marks, ident=f"s{number}"))
    return Markup(drawn) if drawn.startswith("<svg") else Markup.escape(drawn)  # noqa: S704 (draw escapes)


def to_html(report: Report) -> str:
    """Return the page. Nothing is loaded from anywhere: it can be mailed, archived and opened from disk."""
    loader = jinja2.FileSystemLoader(REPORTS / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    entries = [(n, entry, _drawing(entry, n)) for n, entry in enumerate(report.worst_first)]
    return environment.get_template(TEMPLATE).render(
        report=report,
        run=report.run,
        claims=sorted(report.claims, key=lambda c: (_RANK.get(c.shown, len(_RANK)), c.claim.id)),
        entries=entries,
        anchors={entry.judged.scenario: f"s{n}" for n, entry, _ in entries},
        coverage=_coverage(report),
        areas=sorted({entry.claim.area for entry in report.claims}),
        marks=MARKS,
        totals=totals_line(report),
        wall=wall_line(report),
        url=source_url,
        style=Markup(STYLE),  # noqa: S704 (a constant of ours)
    )
