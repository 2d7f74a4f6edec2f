"""The trials as a table for docs/reliability.md, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from podvow.paths import ROOT
from tests.reliability.points import Selection
from tests.reliability.trial import ALONE, RECOVER, Trial, steps_of

PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- kill points: begin -->", "<!-- kill points: end -->"
_WAYS = {
    "SIGKILL": "SIGKILL",
    "SIGTERM": "SIGTERM",
    "SIGINT2": "Ctrl-C twice",
    "SIGHUP": "terminal closed",
    "PARENT": "controller of `-n 4` killed",
}


def table(trials: Sequence[Trial], selections: Mapping[str, Selection]) -> list[str]:
    """Return the table in Markdown: a row per selection, and the sums."""
    head = (
        "what is injected",
        "fault points",
        "runs killed",
        "healed alone",
        "`recover` killed",
        "not reached",
        "leaks",
    )
    lines = [f"| {' | '.join((*head, '`recover`: median, longest'))} |", f"|{' --- |' * (len(head) + 1)}"]
    names = [name for name in selections if any(t.point.selection == name for t in trials)]
    lines += [_row(selections[name].faults, [t for t in trials if t.point.selection == name]) for name in names]
    return [*lines, _row("**all**", trials)]


def _row(title: str, rows: Sequence[Trial]) -> str:
    took = [t.recover_s for t in rows if t.how == RECOVER and t.recover_s]
    cells = (
        title,
        steps_of(rows),
        len(rows),
        sum(t.how == ALONE for t in rows),
        sum(max(0, len(t.recovers) - 1) for t in rows),
        sum(not t.struck for t in rows),
        sum(bool(t.leaks) for t in rows),
        f"{median(took):.1f} s, {max(took):.1f} s" if took else "",
    )
    return f"| {' | '.join(map(str, cells))} |"


def summary(trials: Sequence[Trial], unplayed: int) -> str:
    """Return what came of all of them, in a few lines."""
    ways = Counter(_WAYS[t.point.way] for t in trials)
    told = ", ".join(f"{count} {way}" for way, count in ways.most_common())
    leaks, missed = sum(bool(t.leaks) for t in trials), sum(not t.struck for t in trials)
    healed = [t.healed_s for t in trials if t.how == ALONE]
    alone = (
        f" Nodes that nobody recovered were well after {median(healed):.0f} s, at most {max(healed):.0f} s."
        if healed
        else ""
    )
    short = f"{unplayed} trials were not played. " if unplayed else ""
    return (
        f"{len(trials)} runs killed at {steps_of(trials)} fault points ({told}): "
        f"{leaks} leaks, {missed} not reached.{alone} "
        f"{short}They took {sum(t.wall_s for t in trials) / 60:.0f} minutes of a small cluster's time."
    )


def save(trials: Sequence[Trial], path: Path) -> None:
    """Write the trials as JSON."""
    path.write_text(json.dumps([t.json for t in trials], indent=1), encoding="utf-8")


def load(path: Path) -> list[Trial]:
    """Read the trials of an earlier play; none where there was none."""
    return [Trial.of(raw) for raw in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def publish(text: str, page: Path = PAGE) -> None:
    """Put a text between the markers of the page."""
    head, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    page.write_text(f"{head}{_BEGIN}\n{text}\n{_END}{tail}", encoding="utf-8")
