"""Writes what comes out of a comparison into a folder."""

from __future__ import annotations

from pathlib import Path

from podvow.compare.document import to_json
from podvow.compare.markdown import to_markdown
from podvow.compare.model import Comparison
from podvow.compare.page import to_html
from podvow.whole import write_whole

JSON, MARKDOWN, PAGE = "comparison.json", "comparison.md", "comparison.html"


def write(comparison: Comparison, folder: Path) -> None:
    """Write comparison.json, comparison.md and comparison.html.

    Args:
        comparison: what to tell.
        folder: where to; it is made when it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The machine's file first: a failure in a drawing must not cost the answer.
    write_whole(folder / JSON, to_json(comparison))
    write_whole(folder / MARKDOWN, to_markdown(comparison))
    write_whole(folder / PAGE, to_html(comparison))
