"""Every pair of verdicts has a sort, and none is called a regression that is none."""

from __future__ import annotations

import itertools

import pytest

from podvow.compare.classify import classify, shifted, worst
from podvow.compare.model import UNANSWERED, ClaimNote, Class, Side

ALL = ("holds", "violated", "conflict", "refuted", "inconclusive", "not-injected", "not-applicable")


def side(verdict: str, kubelet: str = "v1") -> Side:
    return Side(verdict, {verdict: 1}, kubelet)


def claim(before: str = "holds", after: str = "holds", kind: str = "documented") -> ClaimNote:
    return ClaimNote("a.b.c", kind, "It does.", ("concepts/x#y",), before, after)


SAME = claim()
EXPECTED_TO_BREAK = claim("holds", "violated")
EXPECTED_TO_HOLD = claim("violated", "holds")
KNOWN_ON_BOTH = claim("violated", "violated")


@pytest.mark.parametrize(
    ("was", "now", "claims", "kind"),
    [
        ("holds", "violated", SAME, Class.REGRESSED),
        ("conflict", "violated", EXPECTED_TO_HOLD, Class.REGRESSED),
        ("violated", "holds", SAME, Class.FIXED),
        ("conflict", "holds", EXPECTED_TO_HOLD, Class.DOCUMENTED),
        ("conflict", "holds", KNOWN_ON_BOTH, Class.FIXED),
        ("holds", "conflict", EXPECTED_TO_BREAK, Class.CONFLICT),
        ("holds", "conflict", claim("holds", "violated", "characterised"), Class.DOCUMENTED),
        ("holds", "conflict", KNOWN_ON_BOTH, Class.CONFLICT),
        ("violated", "conflict", EXPECTED_TO_BREAK, Class.CONFLICT),
        ("holds", "refuted", SAME, Class.SEED),
        ("refuted", "holds", SAME, Class.SEED),
        ("holds", "inconclusive", SAME, Class.LOST),
        ("violated", "not-injected", SAME, Class.LOST),
        ("holds", "not-applicable", SAME, Class.LOST),
        ("not-injected", "holds", SAME, Class.GAINED),
        ("not-applicable", "conflict", EXPECTED_TO_BREAK, Class.GAINED),
    ],
)
def test_a_pair_of_verdicts_has_its_sort(was: str, now: str, claims: ClaimNote, kind: Class) -> None:
    found = classify(side(was, "v1.36.3"), side(now, "v1.37.2"), [claims])
    assert found
    assert found.kind is kind
    assert found.why


@pytest.mark.parametrize("was", sorted(UNANSWERED))
def test_a_violation_without_a_verdict_before_is_no_regression_and_says_so(was: str) -> None:
    found = classify(side(was), side("violated"), [SAME], by_version=True)
    assert found
    assert found.kind is Class.GAINED
    assert "nobody knows" in found.why


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("not-applicable", "holds", Class.DOCUMENTED),
        ("holds", "not-applicable", Class.DOCUMENTED),
        ("not-applicable", "conflict", Class.CONFLICT),
    ],
)
def test_a_claim_about_one_of_the_versions_changes_as_documented(was: str, now: str, kind: Class) -> None:
    found = classify(side(was), side(now), [SAME], by_version=True)
    assert found
    assert found.kind is kind


@pytest.mark.parametrize(("was", "now"), list(itertools.product(ALL, ALL)))
@pytest.mark.parametrize("by_version", [True, False])
@pytest.mark.parametrize("claims", [SAME, EXPECTED_TO_BREAK, EXPECTED_TO_HOLD, KNOWN_ON_BOTH])
def test_only_a_new_violation_that_nobody_expects_is_a_regression(
    was: str, now: str, claims: ClaimNote, *, by_version: bool
) -> None:
    found = classify(side(was), side(now), [claims], by_version=by_version)
    if was == now or (was in UNANSWERED and now in UNANSWERED):
        assert found is None
    else:
        assert found
        assert (found.kind is Class.REGRESSED) == (now == "violated" and was not in UNANSWERED)


@pytest.mark.parametrize(
    ("verdict", "more", "less"),
    [
        ("violated", Class.REGRESSED, Class.FIXED),
        ("conflict", Class.CONFLICT, Class.CONFLICT),
        ("refuted", Class.SEED, Class.SEED),
    ],
)
def test_what_is_violated_more_often_regresses_only_when_nobody_expects_it(
    verdict: str, more: Class, less: Class
) -> None:
    rarely, mostly = (Side(verdict, {verdict: n, "holds": 8 - n, "inconclusive": 1}) for n in (1, 7))
    assert shifted(rarely, mostly).kind is more
    assert shifted(mostly, rarely).kind is less


def test_of_repeated_runs_the_worst_answer_counts_and_no_answer_only_without_any() -> None:
    assert worst(["holds", "violated", "inconclusive"]) == "violated"
    assert worst(["inconclusive", "holds"]) == "holds"
    assert worst(["not-applicable", "not-injected"]) == "not-injected"
