"""The commands about many nights: trend and prune; only options and printing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podvow.errors import ExitCode, UsageError
from podvow.inputs import plain
from podvow.paths import NIGHTS

Place = Annotated[Path | None, typer.Argument(help="Folder of the nights [default: reports/nights].")]


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("trend")(trend)
    app.command("prune")(prune)


def trend(
    folder: Place = None,
    nights: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write all of it to this file.")] = None,
    as_markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the page to this file.")] = None,
    listed: Annotated[
        Path | None,
        typer.Option("--quarantine", help="The list [default: $PODVOW_QUARANTINE, suites/quarantine.yaml]."),
    ] = None,
) -> None:
    """Tell what is new since when, what flips, what stays open, over the nights of a folder."""
    from podvow import quarantine  # noqa: PLC0415 - other commands do without it
    from podvow.history import night, tell  # noqa: PLC0415
    from podvow.history import trend as command  # noqa: PLC0415
    from podvow.whole import write_whole  # noqa: PLC0415

    place = folder or NIGHTS
    marks = quarantine.load(listed)
    found, unread = night.nights(place, nights)
    if not found:
        told = "".join(f"\n  {each.name}: {each.why}" for each in unread)
        raise UsageError(f"{place}: no night that can be read{told}", hint="scripts/nightly keeps one")
    result = command.trend(found, unread, marks)
    for path, text in ((as_json, tell.to_json), (as_markdown, tell.markdown)):
        if path is not None:
            write_whole(path, text(result))
    for line in tell.lines(result):
        typer.echo(plain(line))
    if marks.expired:
        raise typer.Exit(int(ExitCode.USAGE))


def prune(
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many nights stay: the newest.")],
    folder: Place = None,
) -> None:
    """Delete all but the newest nights of a folder; nothing but folders of runs, and none that is still needed."""
    from podvow.history.keep import prune as command  # noqa: PLC0415

    pruned = command(folder or NIGHTS, keep)
    typer.echo(f"deleted: {', '.join(pruned.deleted) or 'nothing'}")
    for name, why in pruned.spared.items():
        typer.echo(f"kept beyond the newest {keep}: {name}: {why}")
