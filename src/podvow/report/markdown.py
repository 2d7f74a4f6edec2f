"""Text as part of a Markdown page: what it says must not steer the page."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return text on one line that opens no HTML tag."""
    return " ".join(text.replace("<", "&lt;").split())


def cell(text: str) -> str:
    """Return text for a cell of a table: on one line, and without an end of the cell in it."""
    return plain(text.replace("\\", "\\\\").replace("|", "\\|"))
