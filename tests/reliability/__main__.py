"""Kills the harness at its journalled steps and counts what it leaves (`make reliability`).

Needs the running cluster `podvow`, and nobody else on it. Prints a line per trial and a table, and writes
reports/reliability.json and the table of docs/reliability.md. Exit code 5: something was left; 1: a point was never
reached.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
import yaml

from podvow.api import Api
from podvow.cluster import lifecycle
from podvow.cluster.node import DockerNodeAccess
from podvow.journal import faultpoint
from podvow.paths import REPORTS, ROOT
from tests.reliability.kill import Point, Trial, as_json, kill, kill_recover, reference
from tests.reliability.state import snapshot

_WAYS = ("SIGKILL", "SIGTERM", "SIGKILL", "SIGINT2", "SIGKILL", "SIGHUP")
"""SIGKILL most often: the others can be answered."""
_RECOVER_STEPS = 3
_PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- kill points: begin -->", "<!-- kill points: end -->"


def points(name: str, steps: Sequence[tuple[int, str, bool]], ways: Iterator[str]) -> list[Point]:
    """Return all fault points of a selection: two per step, and two more for one with an undo of its own."""
    return [
        Point(name, number, what, moment, next(ways))
        for number, what, own in steps
        for moment in (faultpoint.MOMENTS if own else faultpoint.MOMENTS[:2])
    ]


def spread(found: Sequence[Point], most: int) -> list[Point]:
    """Return at most so many of them, evenly spread."""
    if most <= 0 or len(found) <= most:
        return list(found)
    return [found[round(i * (len(found) - 1) / max(1, most - 1))] for i in range(most)]


def table(trials: Sequence[Trial]) -> list[str]:
    """Return the table in Markdown: a row per selection."""
    lines = [
        "| faults | points tried | reached | `recover` killed | leaks | `recover`, longest |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, group in itertools.groupby(trials, key=lambda t: t.point.selection):
        rows = list(group)
        killed = sum(len(t.recovers) - 1 for t in rows)
        lines.append(
            f"| {name} | {len(rows)} | {sum(t.struck for t in rows)} | {killed} "
            f"| {sum(bool(t.leaks) for t in rows)} | {max(t.recover_s for t in rows):.1f} s |"
        )
    return lines


def put_between(page: Path, text: str) -> None:
    """Put a text between the markers of a page."""
    head, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    page.write_text(f"{head}{_BEGIN}\n{text}\n{_END}{tail}", encoding="utf-8")


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--per-selection", type=int, default=0, help="fault points per selection; 0 for all")
    parser.add_argument("--only", action="append", default=[], help="only this selection (repeatable)")
    chosen = parser.parse_args()
    selections = yaml.safe_load((Path(__file__).parent / "selections.yaml").read_text(encoding="utf-8"))
    cluster = lifecycle.attach()
    assert isinstance(cluster.access, DockerNodeAccess)
    trials: list[Trial] = []
    with Api.connect(cluster.kubeconfig, cluster.context) as api:
        tools = api, cluster.access
        before = snapshot(*tools)
        ways = itertools.cycle(_WAYS)
        for name, selection in selections.items():
            if chosen.only and name not in chosen.only:
                continue
            options = selection["options"]
            own = itertools.cycle(selection["ways"]) if "ways" in selection else ways
            steps = reference(options)
            typer.echo(f"{name}: {len(steps)} journalled steps")
            picked = spread(points(name, steps, own), chosen.per_selection)
            trials += [_said(kill(point, options, tools, before)) for point in picked]
            last = Point(name, steps[-1][0], steps[-1][1], "after", "SIGKILL")
            trials.append(_said(kill_recover(last, options, tools, before, _RECOVER_STEPS)))
    (REPORTS / "reliability.json").write_text(json.dumps([as_json(t) for t in trials], indent=1), encoding="utf-8")
    leaks, missed = sum(bool(t.leaks) for t in trials), sum(not t.struck for t in trials)
    told = f"{len(trials)} kill points, {leaks} leaks, {missed} not reached"
    typer.echo("\n".join([*table(trials), "", told]))
    put_between(_PAGE, "\n".join([*table(trials), "", f"{told}."]))
    return 5 if leaks else 1 if missed else 0


def _said(trial: Trial) -> Trial:
    point = trial.point
    where = f"{point.selection} {point.what}#{point.number} {point.moment} {point.way}"
    result = "; ".join(trial.leaks) or "as before"
    clock = time.strftime("%H:%M:%S")
    typer.echo(f"{clock} {where}: ended {trial.ended}, recover {trial.recovers} {trial.recover_s} s: {result}")
    return trial


if __name__ == "__main__":
    sys.exit(main())
