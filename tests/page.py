"""Pages of the documentation whose figures are written by the command that measured them."""

from __future__ import annotations

import re
from pathlib import Path

from podvow.paths import ROOT

DOCS = ROOT / "docs"


def put_between(page: Path, name: str, text: str) -> None:
    """Put a text between the markers of a name on a page.

    Raises:
        ValueError: the page has no such markers.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} lacks {begin} and {end}")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def bullets(page: Path, heading: str) -> int:
    """Count the points of a page's section.

    Args:
        page: the page.
        heading: the section's, without its marks.

    Raises:
        ValueError: there is no such section.
    """
    sections = re.split(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = dict(zip(sections[1::2], sections[2::2], strict=True))
    if heading not in texts:
        raise ValueError(f"{page} has no section {heading!r}")
    return len(re.findall(r"^- ", texts[heading], flags=re.MULTILINE))


def row(cells: dict[str, object]) -> str:
    """Return a table of one row, for figures that belong together."""
    lines = (cells.keys(), ["---:"] * len(cells), map(str, cells.values()))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
