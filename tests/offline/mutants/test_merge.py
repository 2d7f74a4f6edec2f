"""One result of what several clusters found out."""

from __future__ import annotations

import pytest

from podvow.claims import load_register
from podvow.errors import ExitCode
from podvow.mutants.definition import DEFINITIONS, load
from podvow.mutants.matrix import Told
from podvow.mutants.merge import joined, merged
from podvow.mutants.score import Fate, Kill, Result, Score
from podvow.paths import SUITES

REGISTER = load_register(SUITES / "claims.yaml")
OURS = {definition.id: definition for definition in load(DEFINITIONS)}
NAMES = ["control-log-text", "no-backoff", "parallel-inits"]
KILL = Kill("one", ("a.b.c",), "text", "detail", "r-a-2/e.jsonl")


def result(name: str, fate: Fate, reason: str = "", **more: object) -> Result:
    kill = KILL if fate is Fate.KILLED else None
    return Result(name, "title", OURS[name].control, fate, reason, kill, **more)  # type: ignore[arg-type]


def told(
    cluster: str, *results: Result, void: str = "", odd: tuple[str, ...] = (), leaks: tuple[str, ...] = ()
) -> Told:
    return Told(
        run=f"r-{cluster}",
        started="then",
        node=f"{cluster}-worker2, {cluster}-control-plane",
        version="v1.37.2",
        kubelets=("ab",),
        baseline={"scenarios": 4, "not_as_expected": list(odd)},
        score=Score(0, 0, void),
        mutants=results,
        wall_s=10.0,
        leaks=leaks,
    )


def whole(parts: dict[str, Told], lost: dict[str, str] | None = None) -> Told:
    mutants = [OURS[name] for name in NAMES]
    return merged(parts, lost or {}, mutants, register=REGISTER, run="r", started="now", wall_s=12.34)


def test_each_mutant_is_told_of_once_in_the_order_asked_for() -> None:
    a = told("a", result("control-log-text", Fate.GREEN, "4 scenarios"), result("parallel-inits", Fate.KILLED))
    b = told("b", result("control-log-text", Fate.GREEN, "5 scenarios"), result("no-backoff", Fate.SURVIVED))
    done = whole({"a": a, "b": b})
    assert [each.id for each in done.mutants] == NAMES
    assert done.mutants[0].reason == "a: 4 scenarios; b: 5 scenarios"
    assert (done.score.killed, done.score.counted, done.score.void) == (1, 2, "")
    assert done.score.exit_code is ExitCode.VIOLATED
    assert done.node == "a-worker2, a-control-plane, b-worker2, b-control-plane"
    assert (done.version, done.kubelets, done.wall_s) == ("v1.37.2", ("ab",), 12.3)
    assert done.baseline["scenarios"] == 8


@pytest.mark.parametrize("worse", [Fate.RED, Fate.CRASHED, Fate.INCONCLUSIVE])
def test_a_control_is_as_bad_as_where_it_was_worst(worse: Fate) -> None:
    good = result(
        "control-log-text", Fate.GREEN, claims={"a.b.c": "holds"}, scenarios=3, runs=("r-a-2",), wall_s=4.0
    )
    bad = result("control-log-text", worse, claims={"a.b.c": "violated"}, scenarios=2, runs=("r-b-2",), wall_s=9.0)
    done = whole({"a": told("a", good), "b": told("b", bad, void="control control-log-text is red")})
    (control,) = done.mutants
    assert (control.fate, control.scenarios, control.wall_s) == (worse, 5, 9.0)
    assert control.claims == {"a.b.c": "violated"}
    assert control.runs == ("r-a-2", "r-b-2")
    assert done.score.void == "b: control control-log-text is red"


def test_a_violation_without_a_mutant_on_one_cluster_makes_it_all_void() -> None:
    a = told("a", result("parallel-inits", Fate.KILLED))
    b = told(
        "b", result("no-backoff", Fate.KILLED), void="violated without a mutant: x", odd=("x",), leaks=("node n",)
    )
    done = whole({"a": a, "b": b})
    assert done.score.void == "b: violated without a mutant: x"
    assert done.score.exit_code is ExitCode.INCONCLUSIVE
    assert done.baseline["not_as_expected"] == ["x"]
    assert done.leaks == ("node n",)


def test_what_a_lost_cluster_was_to_run_is_open_and_says_why() -> None:
    a = told("a", result("parallel-inits", Fate.KILLED), result("control-log-text", Fate.GREEN))
    done = whole({"a": a}, {"b": "error: there is no cluster"})
    fates = {each.id: each.fate for each in done.mutants}
    assert fates["no-backoff"] is Fate.INCONCLUSIVE
    assert "there is no cluster" in done.mutants[1].reason
    assert done.score.void == "b: error: there is no cluster"


def test_what_has_not_been_run_yet_is_not_told_of() -> None:
    assert [each.id for each in whole({"a": told("a", result("no-backoff", Fate.KILLED))}).mutants] == [
        "no-backoff"
    ]


def test_runs_that_shared_the_mutants_are_one_result() -> None:
    a = told("a", result("control-log-text", Fate.GREEN), result("parallel-inits", Fate.KILLED))
    b = told("b", result("control-log-text", Fate.RED), result("no-backoff", Fate.SURVIVED), void="it is red")
    done = joined([a, b], list(OURS.values()), register=REGISTER)
    assert [each.id for each in done.mutants] == NAMES
    assert done.mutants[0].fate is Fate.RED
    assert (done.run, done.started, done.wall_s) == ("r-a, r-b", "then", 20.0)
    assert (done.score.killed, done.score.counted, done.score.void) == (1, 2, "r-b: it is red")


def test_of_a_mutant_that_was_tried_again_the_last_result_counts_and_says_so() -> None:
    a = told("a", result("control-log-text", Fate.RED), result("parallel-inits", Fate.SURVIVED))
    b = told("b", result("parallel-inits", Fate.KILLED), result("control-log-text", Fate.GREEN))
    control, mutant = joined([a, b], list(OURS.values()), register=REGISTER).mutants
    assert control.fate is Fate.RED
    assert (mutant.fate, mutant.reason) == (Fate.KILLED, "survived in r-a")
