"""Keeps the newest nights of a folder and deletes older ones: folders of runs and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from podvow import runlock
from podvow.errors import UsageError
from podvow.history.night import Night, folders, read
from podvow.journal import log
from podvow.journal.reading import is_closed
from podvow.report.results import FILE
from podvow.session import RUN_ID


@dataclass(frozen=True)
class Pruned:
    """What became of the older nights.

    Attributes:
        deleted: names of the folders that are gone.
        spared: names of folders that are older too, each with why it stays.
    """

    deleted: tuple[str, ...]
    spared: dict[str, str]


def prune(place: Path, keep: int) -> Pruned:
    """Delete all but the newest nights of a folder.

    What is no run with readable results stays: nobody knows what it is, or how old. So does a run that is alive,
    and one that left something in a cluster: only its journal knows how to take it back.

    Args:
        place: the folder that the runs' folders lie in.
        keep: how many nights stay, at least 1.

    Raises:
        UsageError: there is no such folder, or no night would stay.
    """
    if keep < 1:
        raise UsageError(f"{keep} nights are to be kept: at least the newest one stays")
    found: list[tuple[Night, Path]] = []
    for folder in folders(place):
        try:
            found.append((read(folder / FILE), folder))
        except UsageError:  # the trend names it
            continue
    found.sort(key=lambda each: (each[0].started, each[0].id))
    deleted: list[str] = []
    spared: dict[str, str] = {}
    for night, folder in found[:-keep]:
        if why := _needed(night, folder):
            spared[folder.name] = why
        else:
            shutil.rmtree(folder)  # removes a link in it, never what the link leads to
            deleted.append(folder.name)
    return Pruned(tuple(deleted), spared)


def _needed(night: Night, folder: Path) -> str:
    """Return why a folder must not be deleted; empty when it may be."""
    if not RUN_ID.fullmatch(folder.name) or night.id != folder.name:
        return f"it is not the folder of run {night.id}"
    if runlock.is_alive(folder):
        return "the run is alive"
    journal = folder / log.FILE
    if journal.exists() and not is_closed(journal):
        return f"it left something in a cluster: podvow recover --run {night.id}"
    return ""
