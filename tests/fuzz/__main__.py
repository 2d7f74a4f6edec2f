"""`make fuzz`: damaged files on every reader, for a bounded time; prints the table and writes reports/fuzz.json."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from podvow.paths import REPORTS, ROOT
from podvow.whole import write_whole
from tests import page
from tests.fuzz.damage import KINDS
from tests.fuzz.engine import Report, fuzz

_PAGE = page.DOCS / "reliability.md"
_MEMORY = 3 << 30
_WIDTH = 170


def _table(report: Report) -> Table:
    totals = report.totals
    title = f"{totals['tried']} damaged files in {report.seconds:.0f} s: refused/read, findings marked"
    table = Table(title=title)
    table.add_column("reader", no_wrap=True)
    for kind in KINDS:
        table.add_column(kind, justify="right")
    for reader, kinds in report.cells.items():
        row = []
        for kind in KINDS:
            tally = kinds.get(kind)
            bad = sum(f.reader == reader and f.kind == kind for f in report.findings)
            row.append(
                "" if tally is None else f"{tally.refused}/{tally.read}" + (f" [red]{bad}![/]" if bad else "")
            )
        table.add_row(reader, *row)
    return table


def _figures(report: Report) -> dict[str, object]:
    totals = report.totals
    return {
        "readers": len(report.cells),
        "inputs": totals["tried"],
        "clear errors": totals["refused"],
        "read": totals["read"],
        "findings": totals["findings"],
        "findings fixed": page.bullets(_PAGE, "Damaged on purpose"),
        "slowest": f"{report.slowest_s:.1f} s",
        "seconds": f"{report.seconds:.0f}",
    }


def main() -> int:
    """Run; the exit code is 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
    parser.add_argument("--out", type=Path, default=REPORTS / "fuzz.json", help="where the figures go")
    parser.add_argument("--page", action="store_true", help=f"put the figures into {_PAGE.relative_to(ROOT)}")
    chosen = parser.parse_args()
    # More than a reader may ever need: what takes it is a finding (MemoryError), not a dead machine.
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        report = fuzz(Path(folder), seed=chosen.seed, seconds=chosen.seconds)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(chosen.out, json.dumps(report.document(), indent=1) + "\n")
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    console.print(_table(report))
    for found in report.findings:
        console.print(
            f"{found.reader}, {found.kind}, {found.sample}, seed {found.seed}: {found.what}", markup=False
        )
    if chosen.page:
        page.put_between(_PAGE, "fuzz", page.row(_figures(report)))
    totals = report.totals
    console.print(
        f"inputs {totals['tried']}, clear errors {totals['refused']}, read {totals['read']}, "
        f"findings {totals['findings']}, slowest {report.slowest_s:.1f} s, figures {chosen.out}"
    )
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
