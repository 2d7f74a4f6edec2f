"""index.html: one self-contained page with verdicts, coverage of the seed and drawn timelines."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from podvow.report import page
from podvow.report.gather import WORST_FIRST, ClaimEntry, Entry, Report
from podvow.report.ink import STYLE
from podvow.report.model import source_url
from podvow.report.summary import MARKS, oracle_line, quarantine_lines, surprise, totals_line, wall_line

TEMPLATE = "index.html.j2"
_MANY = 5
"""Scenarios of one claim and one verdict that are linked from its line; of more only the number is told."""
_RANK = {name: n for n, name in enumerate(WORST_FIRST)}


@dataclass(frozen=True)
class _Row:
    """One line of a coverage matrix: a sentence or a catalogue entry, and a claim of it (None when it has none)."""

    name: str
    text: str
    note: str
    first: bool
    span: int
    claim: ClaimEntry | None


def _rows(name: str, text: str, note: str, claims: tuple[ClaimEntry, ...]) -> list[_Row]:
    cells: list[ClaimEntry | None] = [*claims] or [None]
    return [_Row(name, text, note, n == 0, len(cells), claim) for n, claim in enumerate(cells)]


def _matrices(report: Report) -> list[tuple[str, str, str, str, list[_Row]]]:
    """Return the coverage matrices that are not empty: anchor, title, what it is, head of its column, lines."""
    seed = [row for s, claims in report.by_sentence for row in _rows(str(s.line), s.text, s.note, claims)]
    topics = [
        row for t, claims in report.by_topic for row in _rows(t.id, t.title, "" if claims else t.reason, claims)
    ]
    named = sum(bool(claims) for _, claims in report.by_topic)
    judged = sum(any(e.scenarios for e in claims) for _, claims in report.by_topic)
    told = f"{len(report.by_topic)} behaviours: claims name {named} of them, this run judged {judged}."
    found = [
        (
            "seed",
            "Coverage of the seed",
            "Each sentence of the seed, its claims, and their verdicts.",
            "line",
            seed,
        ),
        ("catalogue", "Coverage of the catalogue", told, "id", topics),
    ]
    return [matrix for matrix in found if matrix[-1]]


def _drawing(entry: Entry, number: int) -> Markup:
    if entry.path is not None and entry.unread:
        return Markup.escape(f"could not be made from this evidence: {entry.unread}")
    if entry.timeline is None or not entry.timeline.records:
        return Markup()
    return page.drawing(entry.timeline, entry.marks, f"s{number}")


def to_html(report: Report) -> str:
    """Return the page."""
    entries = [(n, entry, _drawing(entry, n)) for n, entry in enumerate(report.worst_first)]
    return page.render(
        TEMPLATE,
        report=report,
        run=report.run,
        claims=sorted(report.claims, key=lambda c: (_RANK.get(c.shown, len(_RANK)), c.claim.id)),
        entries=entries,
        anchors={entry.judged.scenario: f"s{n}" for n, entry, _ in entries},
        matrices=_matrices(report),
        areas=sorted({entry.claim.area for entry in report.claims}),
        marks=MARKS,
        oracle=oracle_line(report),
        quarantine=quarantine_lines(report),
        surprise=surprise,
        order=WORST_FIRST,
        many=_MANY,
        totals=totals_line(report),
        wall=wall_line(report),
        url=source_url,
        style=Markup(STYLE),  # noqa: S704 (a constant of ours)
    )
