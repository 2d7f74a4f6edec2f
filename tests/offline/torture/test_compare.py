from __future__ import annotations

from typing import Any

import pytest

from tests.torture.compare import Match, compare, match, unexpected
from tests.torture.disturbances import DISTURBANCES, named
from tests.torture.effects import Reset
from tests.torture.selections import ROWS
from tests.torture.table import Line, Outcome, as_json, as_markdown, as_row, as_text
from tests.torture.tally import Tally


def scenario(key: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "claims": ["a.b.c"],
        "verdict": verdict,
        "reason": "",
        "expectations": [],
        "evidence": f"evidence/{key}.jsonl",
        "expected": {},
        **more,
    }


@pytest.mark.parametrize(
    ("was", "became", "expected", "found"),
    [
        ("holds", "holds", {}, Match.SAME),
        ("violated", "violated", {}, Match.SAME),
        ("holds", "inconclusive", {}, Match.OPEN),
        ("violated", "not-injected", {}, Match.OPEN),
        ("holds", "violated", {}, Match.WRONG),
        ("violated", "holds", {}, Match.WRONG),
        ("holds", "not-applicable", {}, Match.WRONG),
        ("inconclusive", "holds", {"a": "holds"}, Match.SAME),
        ("inconclusive", "violated", {"a": "holds"}, Match.WRONG),
        ("inconclusive", "holds", {}, Match.WRONG),
    ],
)
def test_only_the_same_or_an_open_verdict_is_right(
    was: str, became: str, expected: dict[str, str], found: Match
) -> None:
    assert match(was, became, expected) is found


def test_every_verdict_is_accounted_for() -> None:
    before = [scenario("a", "holds"), scenario("b", "violated"), scenario("c", "holds"), scenario("d", "holds")]
    after = [
        scenario("a", "violated", expectations=[{"text": "x ran", "outcome": "violated", "detail": "never"}]),
        scenario("b", "inconclusive", evidence="evidence/a.jsonl"),
        scenario("d", "inconclusive", reason="harness error: KeyError"),
        scenario("e", "holds"),
    ]
    found = compare(before, after)
    assert (found.recordings, found.verdicts, found.same, found.open, found.refutable) == (3, 4, 0, 1, 1)
    assert {(w.scenario, w.became, w.detail) for w in found.wrong} == {
        ("a", "violated", "x ran: never"),
        ("c", "missing", ""),
        ("d", "inconclusive", "harness error: KeyError"),
        ("e", "holds", ""),
    }


def test_what_was_not_asked_for_is_not_missed() -> None:
    before = [scenario("a", "holds"), scenario("b", "holds", claims=["other.x.y"])]
    assert compare(before, [scenario("a", "holds")], ["a.b.c"]).wrong == ()


def test_a_baseline_that_the_register_does_not_expect_is_told() -> None:
    known = scenario("a", "violated", expected={"a.b.c": "violated"})
    strange = scenario("b", "violated", expected={"a.b.c": "holds"})
    assert [w.scenario for w in unexpected([known, strange, scenario("c", "holds")])] == ["b"]


def test_a_row_in_which_nothing_was_disturbed_is_void_and_fails() -> None:
    played = compare([scenario("a", "holds")], [scenario("a", "holds")])
    tally = Tally()
    idle = Line("errors", "nodes", played, tally, 0, 1.0)
    assert idle.void
    assert any("void" in c for c in Outcome("v1", [idle], [], [], "s", 1.0, least=0).complaints)
    tally.hit(Reset("before"), "GET", "/a", answered=False)
    outcome = Outcome("v1", [idle], [], [], "s", 1.0, least=1)
    assert not outcome.complaints
    assert "1 disturbed scenario runs" in outcome.summary
    assert "errors" in as_text([idle])
    assert "| errors |" in as_markdown(outcome)
    assert '"injected": {' in as_json(outcome)


def test_what_was_not_played_and_what_is_too_little_fails() -> None:
    outcome = Outcome("v1", [], ["storm/nodes"], [], "s", 1.0)
    assert outcome.complaints == [
        "storm/nodes: not played, the time was up",
        "0 disturbed scenario runs, 300 are wanted",
    ]


def test_the_sums_are_a_row_of_their_own() -> None:
    became = scenario("a", "violated", detail="x ran: never")
    played = compare([scenario("a", "holds"), scenario("b", "violated")], [became, scenario("b", "violated")])
    tally = Tally()
    tally.hit(Reset("before"), "GET", "/a", answered=False)
    line = Line("errors", "nodes", played, tally, 0, 1.0, ("namespace x was left behind",))
    head, _, figures = as_row(Outcome("v1", [line], [], [], "s", 120.0, least=1), fixed=5).splitlines()
    told = dict(
        zip(*([cell.strip() for cell in text.strip("|").split("|")] for text in (head, figures)), strict=True)
    )
    assert (told["false violated"], told["false holds"]) == ("1", "0 (of 1 that could be)")
    assert (told["other troubles"], told["findings fixed"], told["minutes"]) == ("1", "5", "2")


def test_every_disturbance_is_played_and_every_row_could_have_a_false_holds() -> None:
    assert {row.disturbance for row in ROWS} | {"none"} == {d.name for d in DISTURBANCES}
    for row in ROWS:
        assert named(row.disturbance).about
        assert any(claim.startswith("seed.") for claim in row.claims)
        assert len(set(row.claims)) == len(row.claims)
