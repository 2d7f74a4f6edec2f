"""What comes out of a comparison: for machines, for a change ticket, for reading; and the command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from podvow.cli import app
from podvow.compare import Class, compare, write
from podvow.compare.output import JSON, MARKDOWN, PAGE
from podvow.errors import UsageError
from podvow.paths import ROOT
from podvow.verdict import Verdict
from tests.offline.compare.runs import judged, write_run
from tests.offline.report import build
from tests.offline.report.test_html import Page


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    once, again = build.started("x.s"), build.started("x.s")
    again.run("init-1", 3.5, 3.9)
    for c in (once, again):
        c.hold(5, 30)
    before = [judged("x.s"), judged("x.same"), judged("x.gone"), judged("x.lost")]
    after = [
        judged("x.s", Verdict.VIOLATED, kubelet="v1.37.2"),
        judged("x.same"),
        judged("x.lost", Verdict.INCONCLUSIVE, reason="no <b>answer</b> | at all"),
    ]
    return (
        write_run(tmp_path / "before", before, evidence={"x.s": once.timeline()}),
        write_run(tmp_path / "after", after, evidence={"x.s": again.timeline()}, kubelet="v1.37.2"),
    )


def _written(runs: tuple[Path, Path], folder: Path) -> dict[str, str]:
    write(compare([runs[0]], [runs[1]]), folder)
    return {name: (folder / name).read_text(encoding="utf-8") for name in (JSON, MARKDOWN, PAGE)}


def test_the_file_for_machines_tells_every_change_with_both_sides(runs: tuple[Path, Path], tmp_path: Path) -> None:
    told = json.loads(_written(runs, tmp_path / "out")[JSON])
    assert (told["schema"], told["stop"], told["exit_code"]) == (1, True, 1)
    assert told["totals"] == {str(kind): 0 for kind in Class} | {"regressed": 1, "lost": 1, "gone": 1}
    assert told["unchanged"] == {"holds": 1}
    change = told["changes"][0]
    assert (change["scenario"], change["class"]) == ("x.s", "regressed")
    assert change["difference"]["after"]["text"] == "init-1 #2 started"
    assert change["difference"]["before"] is None
    assert change["after"]["evidence"] == "evidence/x.s.jsonl"
    assert str(tmp_path) not in json.dumps(told)


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {str(key) for key in value} | {key for inner in value.values() for key in _keys(inner)}
    return {key for inner in value for key in _keys(inner)} if isinstance(value, list) else set()


def test_every_key_is_documented(runs: tuple[Path, Path], tmp_path: Path) -> None:
    told = json.loads(_written(runs, tmp_path / "out")[JSON])
    for change in told["changes"]:
        for side in ("before", "after"):
            if change[side]:
                change[side]["runs"] = {}
    page = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"[\w-]+", page))
    assert _keys(told) <= documented


def test_the_ticket_is_short_and_says_what_to_do_first(runs: tuple[Path, Path], tmp_path: Path) -> None:
    text = _written(runs, tmp_path / "out")[MARKDOWN]
    lines = text.splitlines()
    assert lines[0] == "# podvow compare: v1.36.3 → v1.37.2"
    assert lines[2] == "**Stop the rollout: 1 regressed.**"
    assert "    - before: nothing of the kind in 35.0 s" in lines
    assert any(line.startswith("    - after: init-1 #2 started at +") for line in lines)
    assert "&lt;b>answer&lt;/b> \\| at all" in text
    assert len(lines) < 60


def test_a_long_list_is_cut_in_the_ticket_and_whole_on_the_page(tmp_path: Path) -> None:
    names = [f"x.s{n:02}" for n in range(15)]
    before = write_run(tmp_path / "b", [judged(name) for name in names])
    after = write_run(tmp_path / "a", [judged(name, Verdict.VIOLATED) for name in names])
    text = _written((before, after), tmp_path / "out")
    assert "… and 3 more: comparison.html" in text[MARKDOWN]
    assert "x.s14" not in text[MARKDOWN]
    assert all(name in text[PAGE] for name in names)


def test_the_page_is_whole_loads_nothing_and_draws_both_timelines(runs: tuple[Path, Path], tmp_path: Path) -> None:
    text = _written(runs, tmp_path / "out")[PAGE]
    page = Page(text)
    assert page.loads == []
    assert len(page.ids) == len(set(page.ids))
    assert page.open == []
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert inner
    assert inner <= set(page.ids)
    assert text.count('<svg class="tl"') == 2
    assert text.count('class="mark"') == 1  # only one side has the transition
    assert "no &lt;b&gt;answer&lt;/b&gt;" in text


def test_the_command_prints_the_differences_and_exits_with_the_answer(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["compare", str(runs[0]), str(runs[1]), "--out", str(out)])
    assert result.exit_code == 1
    assert "first difference: init-1, after the start" in result.output
    assert result.output.splitlines()[-2:] == ["Stop the rollout: 1 regressed.", f"report {out / PAGE}"]
    assert (out / JSON).is_file()


def test_the_command_takes_repeated_runs_on_both_sides(runs: tuple[Path, Path], tmp_path: Path) -> None:
    more = [
        write_run(tmp_path / f"more{n}", [judged("x.s")], kubelet=k) for n, k in enumerate(["v1.36.3", "v1.37.2"])
    ]
    options = ["--before", str(more[0]), "--after", str(more[1]), "--out", str(tmp_path / "out")]
    CliRunner().invoke(app, ["compare", str(runs[0]), str(runs[1]), *options])
    told = json.loads((tmp_path / "out" / JSON).read_text(encoding="utf-8"))
    assert [len(told[side]) for side in ("before", "after")] == [2, 2]
    assert told["changes"][0]["p"] == 1.0
    assert told["changes"][0]["after"]["runs"] == {"violated": 1, "holds": 1}


def test_the_command_does_not_list_what_another_selection_left_out(tmp_path: Path) -> None:
    before = write_run(tmp_path / "b", [judged(f"x.s{n:02}") for n in range(30)])
    after = write_run(tmp_path / "a", [judged("x.s00"), judged("x.new", Verdict.VIOLATED)])
    result = CliRunner().invoke(app, ["compare", str(before), str(after), "--out", str(tmp_path / "out")])
    assert result.exit_code == 4
    assert "x.s07" not in result.output
    assert "x.new" in result.output
    assert "1 new, 29 gone; the same on both sides: 1 holds" in result.output


def test_a_run_that_is_none_is_a_usage_error(runs: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["compare", str(runs[0]), "no-such-run"])
    assert isinstance(result.exception, UsageError)
    assert "no run 'no-such-run'" in str(result.exception)
