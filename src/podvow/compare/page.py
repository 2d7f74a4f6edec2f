"""comparison.html: one self-contained page with both timelines of every changed scenario, one above the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from podvow.compare import words
from podvow.compare.model import Change, Class, Comparison, Seen
from podvow.errors import UsageError
from podvow.report import page
from podvow.report.ink import STYLE
from podvow.report.model import source_url
from podvow.timeline import load

TEMPLATE = "comparison.html.j2"
_DRAWN = 60
"""Changes whose timelines are drawn: a drawing takes some 30 kB, and nobody reads more of them."""


@dataclass(frozen=True)
class _Drawings:
    before: Markup
    after: Markup


def to_html(comparison: Comparison) -> str:
    """Return the page."""
    groups = [(kind, [c for c in comparison.changes if c.kind is kind]) for kind in comparison.counts]
    drawn = [change for change in comparison.changes if change.kind is not Class.GONE]
    drawings = {c.scenario: _drawings(c, n) for n, c in enumerate(drawn[:_DRAWN])}
    return page.render(
        TEMPLATE,
        comparison=comparison,
        groups=groups,
        drawings=drawings,
        words=words,
        url=source_url,
        style=Markup(STYLE),  # noqa: S704 (a constant of ours)
    )


def _drawings(change: Change, number: int) -> _Drawings:
    difference = change.difference
    seen = (difference.before, difference.after) if difference else (None, None)
    sides = (change.before, change.after)
    paths = [side.evidence if side else None for side in sides]
    return _Drawings(
        *(_draw(path, at, f"c{number}{name}") for path, at, name in zip(paths, seen, "ab", strict=True))
    )


def _draw(path: Path | None, seen: Seen | None, ident: str) -> Markup:
    if path is None:
        return Markup()
    try:
        timeline = load(path)
    except UsageError as error:
        return Markup.escape(error.message)
    return page.drawing(timeline, [seen.at_ns] if seen else [], ident)
