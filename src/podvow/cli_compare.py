"""The command that compares two runs; only options and printing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podvow.errors import UsageError
from podvow.paths import REPORTS, runs_folders

_RUN = "A run: its folder, its id, or latest."
_COMPARISONS = "comparisons"


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("compare")(compare)


def compare(
    before: Annotated[str, typer.Argument(help=_RUN)],
    after: Annotated[str, typer.Argument(help=_RUN)],
    more_before: Annotated[list[str] | None, typer.Option("--before", help="A repeated run (repeatable).")] = None,
    more_after: Annotated[list[str] | None, typer.Option("--after", help="A repeated run (repeatable).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to, instead of reports/comparisons/BEFORE..AFTER.")
    ] = None,
) -> None:
    """Compare two runs: what regressed, what changed as documented, what takes longer. Exits 1 on a regression."""
    from podvow import compare as room  # noqa: PLC0415 - the reports' libraries are not loaded for other commands
    from podvow.compare import output, words  # noqa: PLC0415

    befores = [_folder(name) for name in (before, *(more_before or ()))]
    afters = [_folder(name) for name in (after, *(more_after or ()))]
    comparison = room.compare(befores, afters)
    name = f"{comparison.befores[0].id}..{comparison.afters[0].id}"
    folder = out or REPORTS / _COMPARISONS / name
    room.write(comparison, folder)
    for line in words.lines(comparison):
        typer.echo(line)
    typer.echo(f"report {folder / output.PAGE}")
    raise typer.Exit(int(comparison.exit_code))


def _folder(name: str) -> Path:
    """Return the folder of a run.

    Raises:
        UsageError: there is none.
    """
    known = [REPORTS / name] if name == "latest" else [place / name for place in runs_folders()]
    for folder in (Path(name), *known):
        if folder.is_dir():
            return folder.resolve()
    places = ", ".join(str(place) for place in runs_folders())
    raise UsageError(f"no run {name!r}", hint=f"give its folder, its id (a folder below {places}), or latest")
