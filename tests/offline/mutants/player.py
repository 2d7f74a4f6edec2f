"""Plays the process of a cluster: what it does is told by the cluster's name."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from podvow.mutants import lanes, matrix
from podvow.mutants.score import Fate, Result, Score
from podvow.session import Session


def main(argv: list[str]) -> int:
    session = Session.load(Path(argv[1]))
    share = json.loads((session.folder / lanes.FILE).read_text())
    if session.name == "away":
        _say("error: there is no cluster 'away'")
        return 3
    if session.name == "slow":
        return _ended(session.folder)
    results = tuple(Result(name, "title", False, Fate.KILLED) for name in share["mutants"])
    told = matrix.Told(
        run=session.run_id,
        started="then",
        node=session.node or f"{session.name}-worker2",
        version="v1.37.2",
        kubelets=(),
        baseline={"scenarios": 1, "not_as_expected": []},
        score=Score(len(results), len(results), ""),
        mutants=results,
        wall_s=1.0,
    )
    matrix.save(told, session.folder)
    _say(f"ran {', '.join(share['mutants'])}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _ended(folder: Path) -> int:
    """Go on until somebody asks for the end, and then take back what was done."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    _say("at work")
    while not asked:
        time.sleep(0.02)
    (folder / "taken-back").touch()
    return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv))
