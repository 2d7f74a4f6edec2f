"""`podvow run --cluster A --cluster B`: the runs, then the page that shows them side by side."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from podvow.errors import ExitCode
from podvow.inputs import plain
from podvow.matrix.race import COMMAND, Entrant, Race
from podvow.matrix.table import lines, matrix
from podvow.matrix.target import Target
from podvow.matrix.write import column, write
from podvow.session import fresh_id, runs_folder

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def run(
    targets: Sequence[Target], options: Sequence[str], place: Path, *, command: Sequence[str] = COMMAND
) -> ExitCode:
    """Judge several clusters at once.

    Args:
        targets: the clusters.
        options: of `podvow run`, for each of them.
        place: folder that the folders of matrices lie in.
        command: what is started for each cluster.

    Returns:
        The worst exit code of the runs (`podvow.matrix.table.WORST_FIRST`).

    Raises:
        KeyboardInterrupt: it was asked to end; every run has undone what it did, the page says how far they came.
    """
    now = datetime.now(UTC)
    matrix_id = fresh_id(now)
    folder = place / matrix_id
    folder.mkdir(parents=True)
    entrants = [
        # The number keeps logs and ids apart whose labels differ only in what no file name may have.
        Entrant(
            target.label,
            f"{matrix_id}-{number}",
            (*target.options, *options),
            folder / f"{number}-{_PLAIN.sub('-', target.label)[-60:].strip('-.')}.log",
        )
        for number, target in enumerate(targets, 1)
    ]
    race = Race(_say, command)
    try:
        race.run(entrants)
    finally:
        # One that never began, because this was asked to end before, has no code of its own.
        codes = race.codes
        found = matrix(
            matrix_id,
            now.isoformat(timespec="seconds"),
            [
                column(e, codes.get(e.label, int(ExitCode.CLUSTER)), runs_folder() / e.run_id, folder)
                for e in entrants
            ],
        )
        write(found, folder)
        for line in lines(found):
            sys.stdout.write(f"{plain(line)}\n")
        sys.stdout.write(f"report {folder / 'index.html'}\n")
    return found.exit_code


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
