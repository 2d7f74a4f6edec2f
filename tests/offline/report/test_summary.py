"""summary.md and the table at the end of a run."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from podvow.report.gather import gather
from podvow.report.model import ClaimInfo, RunInfo
from podvow.report.summary import to_markdown, verdict_table
from podvow.verdict import Judged, Judgement, Outcome, Verdict
from tests.offline.report import build


def test_what_needs_a_reader_comes_first(written: Path) -> None:
    text = (written / "summary.md").read_text()
    order = [text.index(part) for part in ("violated: update.", "not-injected: rerun.", "## Claims", "## Refuted")]
    assert order == sorted(order)
    assert "init-1 #2 started" in text
    assert "97.4 s (÷ L* of 83.0 s: 1.17)" in text
    assert "Not judged in this run: `resources.requests.max-of-inits`" in text


def test_cells_cannot_break_the_table() -> None:
    claim = ClaimInfo("a.b.c", statement="one | two\nthree <b>")
    judged = Judged("a.b", "t", ("a.b.c",), Verdict.VIOLATED, message="``` fence")
    text = to_markdown(gather(Path(), RunInfo("r"), [judged], [claim], [], read=False))
    assert "one \\| two three &lt;b>" in text
    assert "````\n``` fence\n````" in text


def test_the_terminal_table_names_every_judged_claim(written: Path) -> None:
    assert written.is_dir()
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(verdict_table(build.RUN, build.run_folder(written), build.CLAIMS))
    text = console.export_text()
    assert "✗ violated" in text
    assert "↯ refuted" in text
    assert "resources.requests" not in text
    assert text.index("✗ violated") < text.index("✓ holds")


def test_the_terminal_ends_with_why_a_claim_came_out_otherwise() -> None:
    broken = (Judgement("init-1 ran once", Outcome.VIOLATED, "ran twice"),)
    judged = Judged(
        "a.b", "t", ("a.b.c",), Verdict.VIOLATED, broken, kubelet="v1.37.2", expected={"a.b.c": "holds"}
    )
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(verdict_table(build.RUN, [judged], [ClaimInfo("a.b.c", statement="s")]))
    caption = console.export_text().partition("a.b.c: expected holds, came out violated")[2]
    assert "a.b: init-1 ran once: ran twice" in caption
