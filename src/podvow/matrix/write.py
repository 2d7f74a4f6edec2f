"""The folder of a matrix: what the runs left, put side by side as index.html, matrix.md and matrix.json."""

from __future__ import annotations

import os
from pathlib import Path

from podvow.errors import UsageError
from podvow.history import night
from podvow.matrix.race import Entrant
from podvow.matrix.table import Column, Matrix, markdown, sections, to_json
from podvow.report import page
from podvow.report.results import FILE
from podvow.report.summary import MARKS
from podvow.whole import write_whole

TEMPLATE = "matrix.html.j2"


def column(entrant: Entrant, code: int, run: Path, place: Path) -> Column:
    """Return what became of a cluster; a run without results is a column without verdicts, with the reason.

    Args:
        entrant: its run.
        code: the exit code.
        run: the run's folder, which may not be there.
        place: the folder of the matrix.
    """
    label, run_id = entrant.label, entrant.run_id
    if not (run / FILE).exists():
        return Column(label, run_id, code, None, f"no results: {_last_words(entrant.log)}")
    link = os.path.relpath(run / "index.html", place)
    try:
        return Column(label, run_id, code, night.read(run / FILE), link=link)
    except UsageError as error:
        return Column(label, run_id, code, None, error.message, link=link)


def _last_words(log: Path) -> str:
    """Return the error that a run ended with, else its last line."""
    try:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        said = []
    told = [line for line in said if line.strip()]
    error = next((line for line in reversed(told) if line.startswith("error: ")), told[-1] if told else "")
    return error.removeprefix("error: ") or "it said nothing"


def to_html(found: Matrix) -> str:
    """Return the page."""
    return page.render(TEMPLATE, found=found, sections=sections(found), marks=MARKS)


def write(found: Matrix, place: Path) -> None:
    """Write everything into the folder of the matrix, the machine's file first."""
    write_whole(place / "matrix.json", to_json(found))
    write_whole(place / "matrix.md", markdown(found))
    write_whole(place / "index.html", to_html(found))
