"""Runs that left traces: on this machine (folders with journals) and in a cluster (namespaces with our labels)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podvow.api import Api
from podvow.journal import log, mirror
from podvow.journal.audit import Spared
from podvow.journal.namespaces import labelled
from podvow.journal.reading import is_closed
from podvow.journal.undo import node_of
from podvow.labels import JOURNAL_KEY, namespace_of
from podvow.paths import runs_folders

YOUNG_S = 900.0
"""A run without a lease counts as alive while one of its namespaces is younger than that, in seconds."""


def journals(folder: Path | None = None) -> Iterator[Path]:
    """Yield the journals of this machine that are not closed, oldest first.

    Args:
        folder: where the runs' folders lie; by default all that this checkout knows.
    """
    places = runs_folders() if folder is None else (folder,)
    found = [path for place in places for path in place.glob(f"*/{log.FILE}")]
    for path in sorted(found, key=lambda path: path.parent.name):
        if not is_closed(path):
            yield path


def runs_in(api: Api) -> dict[str, list[str]]:
    """Return the namespaces of every run that has any in the cluster.

    Raises:
        ApiError: the server refused.
    """
    return {run: [str(raw["metadata"]["name"]) for raw in group] for run, group in labelled(api).items()}


def spared(api: Api, alive: Iterable[str]) -> Spared:
    """Return what belongs to runs that are alive: they, and the nodes that they disturb just now.

    Raises:
        ApiError: the server refused.
    """
    runs = frozenset(alive)
    copies = [mirror.load(api, namespace_of(run, JOURNAL_KEY)) for run in runs]
    nodes = {node_of(entry.undo) for copy in copies for entry in copy.entries}
    return Spared(runs, frozenset(nodes - {""}))


def alive_in(api: Api, runs: Mapping[str, list[Mapping[str, Any]]], *, certain: frozenset[str]) -> dict[str, str]:
    """Tell which runs in a cluster are, or may be, alive.

    Args:
        api: the API server.
        runs: namespaces by run, as `namespaces.labelled` returns them.
        certain: runs that somebody insists on, or whose folder says that they are dead: no word about their age.

    Returns:
        Why, by run.
    """
    told: dict[str, str] = {}
    own = {run: namespace_of(run, JOURNAL_KEY) for run in runs}
    leased = {
        run: own[run] for run, group in runs.items() if own[run] in {raw["metadata"]["name"] for raw in group}
    }
    for run in mirror.beating(api, leased):
        told[run] = "its lease is being renewed"
    for run, group in runs.items():
        if run in told or run in certain or (run in leased and mirror.renewed(api, leased[run])):
            continue
        age_s = min(_age_s(raw) for raw in group)
        if age_s < YOUNG_S:
            told[run] = f"it has no lease, and a namespace that is {age_s:.0f} s old; --run {run} insists"
    return told


def _age_s(raw: Mapping[str, Any]) -> float:
    try:
        made = datetime.fromisoformat(str(raw["metadata"].get("creationTimestamp")))
        return max(0.0, (datetime.now(UTC) - made).total_seconds())
    except (ValueError, TypeError):
        return 0.0
