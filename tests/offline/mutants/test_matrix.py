"""Results as they are written and read again, and as people see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from podvow.errors import UsageError
from podvow.mutants import matrix
from podvow.mutants.score import Fate, Kill, Result, Score

KILL = Kill(
    "ordering.one[a|b]", ("ordering.inits.one-at-a-time",), "init-2 after init-1", "0.3 s before", "r-2/e.jsonl"
)
RESULTS = (
    Result("control-a", "Other words.", True, Fate.GREEN, "9 scenarios", claims={"a.b.c": "holds"}),
    Result("killed-b", "Two at once.", False, Fate.KILLED, kill=KILL, claims={"a.b.c": "violated"}, wall_s=41.2),
    Result("left-c", "Nothing.", False, Fate.SURVIVED, "all holds", claims={"a.b.d": "inconclusive"}),
    Result(
        "killed-d", "A name.", False, Fate.KILLED, kill=KILL, claims={"a.b.c": "violated"}, target="kube-apiserver"
    ),
)
TOLD = matrix.Told(
    run="1126-ab",
    started="2026-11-26T12:00:00+00:00",
    node="worker",
    version="v1.37.2",
    kubelets=("ab12",),
    baseline={"scenarios": 9, "not_as_expected": []},
    score=Score(1, 2, ""),
    mutants=RESULTS,
    wall_s=300.0,
)


def test_results_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / matrix.FILE
    path.write_text(matrix.to_json(TOLD))
    assert matrix.read(path) == TOLD
    assert json.loads(path.read_text())["mutants"][1]["kill"]["expectation"] == KILL.expectation


def test_results_of_before_there_were_other_programs_are_read(tmp_path: Path) -> None:
    raw = json.loads(matrix.to_json(TOLD))
    for result in raw["mutants"]:
        del result["target"]
    path = tmp_path / matrix.FILE
    path.write_text(json.dumps(raw))
    assert {result.target for result in matrix.read(path).mutants} == {"kubelet"}


def test_they_lie_in_the_run_s_folder_for_machines_and_for_people(tmp_path: Path) -> None:
    more = tmp_path / "more.json"
    matrix.save(TOLD, tmp_path, more)
    assert matrix.read(tmp_path / matrix.FILE) == matrix.read(more) == TOLD
    assert (tmp_path / matrix.PAGE).read_text() == matrix.markdown(TOLD)


def test_broken_results_are_refused(tmp_path: Path) -> None:
    path = tmp_path / matrix.FILE
    path.write_text(matrix.to_json(TOLD).replace('"killed"', '"slain"', 1))
    with pytest.raises(UsageError, match=r"mutants\.json"):
        matrix.read(path)


def test_people_see_who_was_killed_by_what() -> None:
    said = list(matrix.lines(TOLD))
    assert said[1].startswith("✓ killed-b")
    assert KILL.expectation in said[1]
    assert said[2].startswith("✗ left-c")
    assert said[-1].startswith("1 of 2 mutants killed")


def test_the_page_has_a_row_by_mutant_and_a_column_in_the_matrix() -> None:
    page = matrix.markdown(TOLD)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(RESULTS)
    assert all(row.replace("\\|", "").count("|") == 8 for row in rows), "a | in a text must not make a column"
    assert "| a.b.c | · | ✗ |  | ✗ |" in page
    assert "| `killed-d` | kube-apiserver | A name. |" in page
    assert "a.b.d" not in page, "a claim that no mutant violates is no row"


def test_the_matrix_goes_below_the_mark_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n<!-- {matrix.MARK}\n\nan older one\n")
    assert matrix.put_into(page, "new\n") == f"# Page\n\n<!-- {matrix.MARK}\n\nnew\n"
    page.write_text("# Page\n")
    with pytest.raises(UsageError, match="no line in it"):
        matrix.put_into(page, "new\n")
