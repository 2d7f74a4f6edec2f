"""Kills the harness at its journalled steps and counts what it leaves (`make reliability`).

Makes clusters of its own, plays on all of them at once, and deletes them at the end. Prints a line per trial and a
table; writes reports/reliability.json and, unless only some were asked for, the table of docs/reliability.md.
Exit code 5: something was left; 1: a point was never reached, or not played.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from podvow.cluster import lifecycle
from podvow.deadline import Deadline
from podvow.paths import FIXTURES
from tests.reliability import table
from tests.reliability.commands import Commands
from tests.reliability.lane import Lane
from tests.reliability.play import FOLDER, RESULTS, Play
from tests.reliability.points import selections

_PAIR = Path(__file__).with_name("pair.yaml")
_SINGLE = FIXTURES / "kind" / "single.yaml"


@contextlib.contextmanager
def _sharing(locks: Sequence[Path]) -> Iterator[None]:
    """Pass through all locks but the last one, and hold that together with others while something is played."""
    for number, path in enumerate(locks, start=1):
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH if number == len(locks) else fcntl.LOCK_EX)
            if number == len(locks):
                yield
                return
    yield


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--per-selection", type=int, default=0, help="trials per selection; 0 for all")
    parser.add_argument("--only", action="append", default=[], help="only this selection (repeatable)")
    parser.add_argument("--pairs", type=int, default=2, help="clusters of a control plane and a worker")
    parser.add_argument("--singles", type=int, default=1, help="clusters of one node, for what needs no worker")
    parser.add_argument("--keep", action="store_true", help="do not delete the clusters at the end")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin nothing new after so long")
    parser.add_argument("--resume", action="store_true", help="go on with a play: what held is not played again")
    about = "lock to pass before a trial; the last one is shared with others while it is played"
    parser.add_argument("--share", type=Path, action="append", default=[], help=about)
    given = parser.parse_args()
    chosen = {name: s for name, s in selections().items() if not given.only or name in given.only}
    configs = [_PAIR] * given.pairs + [_SINGLE] * given.singles
    names = [f"rel-{number}" for number in range(1, len(configs) + 1)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Before this process enters the clusters' network: a command enters it by itself.
    with Commands(FOLDER) as commands:
        for name, config in zip(names, configs, strict=True):
            lifecycle.up(name=name, config=config)
        done = [t for t in table.load(RESULTS) if given.resume and not t.leaks and t.point.selection in chosen]
        deadline = Deadline.after(given.minutes * 60)
        game = Play(chosen, given.per_selection, lambda: _sharing(given.share), done, deadline=deadline)
        with contextlib.ExitStack() as stack:
            lanes = [stack.enter_context(Lane(name, commands)) for name in names]
            threads = [threading.Thread(target=game.lane, args=(lane,), name=lane.name) for lane in lanes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if not given.keep:
            for name in names:
                lifecycle.down(name)
    return _report(game, whole=not given.only and not given.per_selection)


def _report(game: Play, *, whole: bool) -> int:
    trials = game.trials
    lines = [table.summary(trials, game.left), "", *table.table(trials, game.chosen)]
    typer.echo("\n".join(lines))
    for error in game.errors:
        typer.echo(f"not played: {type(error).__name__}: {error}", err=True)
    if whole:
        table.publish("\n".join(lines))
    leaks, missed = any(t.leaks for t in trials), not all(t.struck for t in trials)
    return 5 if leaks else 1 if missed or game.errors or game.left else 0


if __name__ == "__main__":
    sys.exit(main())
