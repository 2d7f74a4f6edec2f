"""Whether several runs came to the same matrix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Done

from podvow.cli import app
from podvow.errors import UsageError
from podvow.mutants import matrix
from podvow.mutants.compare import differences
from podvow.mutants.matrix import Told
from podvow.mutants.score import Fate, Result, Score

ONE = Result("one", "a bug", control=False, fate=Fate.KILLED, claims={"order": "violated", "rerun": "holds"})
TWO = Result("two", "no bug", control=True, fate=Fate.GREEN, claims={"order": "holds"})


def told(run: str, *results: Result, void: str = "") -> Told:
    baseline = {"scenarios": 2, "not_as_expected": []}
    return Told(run, "2026-01-01", "worker", "v1.37.2", (), baseline, Score(1, 1, void), results, 60.0)


def test_runs_that_say_the_same_do_not_differ() -> None:
    assert list(differences([told("a", ONE, TWO), told("b", TWO, ONE), told("c", ONE, TWO)])) == []


def test_what_only_one_run_came_to_is_no_difference() -> None:
    further = replace(ONE, claims={**ONE.claims, "deletion": "violated"})
    assert list(differences([told("a", ONE), told("b", further)])) == []


def test_another_fate_is_one_with_its_reason() -> None:
    other = replace(ONE, fate=Fate.INCONCLUSIVE, reason="a fault was not observed")
    assert list(differences([told("a", ONE), told("b", ONE), told("c", other)])) == [
        "one: killed, but inconclusive in c (a fault was not observed)"
    ]


def test_a_claim_that_came_out_the_other_way_is_one() -> None:
    other = replace(ONE, claims={"order": "violated", "rerun": "violated"})
    assert list(differences([told("a", ONE), told("b", other)])) == ["one: rerun is holds, but violated in b"]


def test_a_mutant_that_one_run_lacks_is_one() -> None:
    assert list(differences([told("a", ONE), told("b", TWO)])) == ["one: not in b", "two: not in a"]


def compared(folder: Path, *runs: Told) -> Done:
    files = [folder / f"{each.run}.json" for each in runs]
    for path, each in zip(files, runs, strict=True):
        path.write_text(matrix.to_json(each))
    return CliRunner().invoke(app, ["mutants", "compare", *map(str, files)])


def test_the_command_ends_with_0_where_runs_are_the_same(tmp_path: Path) -> None:
    done = compared(tmp_path, told("a", ONE, TWO), told("b", ONE, TWO))
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "the same 2 times: 2 mutants and controls")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (told("b", replace(ONE, fate=Fate.SURVIVED)), "✗ one: killed, but survived in b"),
        (told("b", ONE, void="a control is red"), "✗ b: the score is void: a control is red"),
    ],
)
def test_the_command_ends_with_1_and_says_where_they_differ(tmp_path: Path, other: Told, said: str) -> None:
    done = compared(tmp_path, told("a", ONE), other)
    assert (done.exit_code, done.output.splitlines()[-1]) == (1, said)


def test_one_file_is_a_wrong_use(tmp_path: Path) -> None:
    done = compared(tmp_path, told("a", ONE))
    assert isinstance(done.exception, UsageError)
