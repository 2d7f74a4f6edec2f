"""How mutants are dealt out to places."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.mutants.campaign import Wish
from podvow.mutants.definition import DEFINITIONS, Target, load, of_target
from podvow.mutants.share import Place, dealt, rounds

OURS = load(DEFINITIONS)
BUGS = {definition.id for definition in OURS if not definition.control}
TESTS = {definition.id: set(definition.claims) for definition in OURS}
KUBELETS = [definition for definition in of_target(OURS, Target.KUBELET) if not definition.control]


@pytest.mark.parametrize("lanes", [1, 2, 3, 50, 200])
def test_every_mutant_goes_to_one_cluster_and_every_control_to_all_that_can_judge_it(lanes: int) -> None:
    shares = dealt(Wish(OURS, OURS, OURS), "folder", lanes, TESTS)
    assert len(shares) == lanes
    given = [name for share in shares for name in share.mutants if name in BUGS]
    assert sorted(given) == sorted(BUGS)
    for share in shares:
        own = {d.target for d in OURS if d.id in share.peers}
        assert {name for name in share.mutants if name not in BUGS} == {
            d.id for d in OURS if d.control and d.target in own
        }


def test_together_controls_are_judged_by_the_scenarios_of_all_mutants() -> None:
    only = [d for d in OURS if d.id in {"parallel-inits", "no-backoff", "control-log-text"}]
    shares = dealt(Wish(only, OURS, OURS), "folder", 2, TESTS)
    assert {name for share in shares for name in share.peers} == {definition.id for definition in KUBELETS}
    assert not set(shares[0].peers) & set(shares[1].peers)
    assert sorted(share.mutants for share in shares) == [
        ("control-log-text", "no-backoff"),
        ("control-log-text", "parallel-inits"),
    ]


@given(st.lists(st.sets(st.integers(0, 60), max_size=25), min_size=3, max_size=len(KUBELETS)), st.integers(2, 5))
def test_no_place_takes_longer_than_another_by_more_than_one_mutant(needed: list[set[int]], lanes: int) -> None:
    tests = {each.id: {str(n) for n in some} for each, some in zip(KUBELETS, needed, strict=False)}
    bugs = [each for each in KUBELETS if each.id in tests]
    took = []
    for share in dealt(Wish(bugs, bugs, bugs), "folder", lanes, tests):
        ran = {test for each in share.mutants for test in tests[each]}
        took.append(5 * len(ran) + 55 * len(share.mutants))
    most = max(5 * len(some) + 55 for some in tests.values())
    assert all(abs(one - other) <= most for one, other in combinations(took, 2))


def test_mutants_that_need_the_same_tests_go_to_the_same_place() -> None:
    tests = {each.id: {f"{number % 2}-{n}" for n in range(40)} for number, each in enumerate(KUBELETS[:4])}
    one, other = dealt(Wish(KUBELETS[:4], OURS, OURS), "folder", 2, tests)
    assert [set(one.mutants), set(other.mutants)] == [
        {KUBELETS[0].id, KUBELETS[2].id},
        {KUBELETS[1].id, KUBELETS[3].id},
    ]


def test_how_thoroughly_is_the_same_everywhere() -> None:
    for share in dealt(Wish(OURS, OURS, OURS, everything=True, related_only=True), "folder", 2, TESTS):
        assert share.everything
        assert share.related_only
        assert share.definitions == "folder"


def test_clusters_with_one_place_each_go_through_all_programs_by_themselves() -> None:
    places = [Place("a"), Place("b")]
    (only,) = rounds(Wish(OURS, OURS, OURS), "folder", places, TESTS)
    assert only == list(zip(places, dealt(Wish(OURS, OURS, OURS), "folder", 2, TESTS), strict=True))


def test_a_control_plane_waits_for_the_kubelets_of_all_its_workers() -> None:
    places = [Place("a", "a-worker2"), Place("a", "a-worker3"), Place("b", "b-worker2")]
    kubelets, others = rounds(Wish(OURS, OURS, OURS, related_only=True), "folder", places, TESTS)
    assert [place for place, _ in kubelets] == places
    assert [place for place, _ in others] == [Place("a"), Place("b")]
    target = {definition.id: definition.target for definition in OURS}
    for share in (share for _, share in kubelets):
        assert {target[each] for each in (*share.mutants, *share.peers)} == {Target.KUBELET}
        assert share.related_only
    for share in (share for _, share in others):
        assert Target.KUBELET not in {target[each] for each in (*share.mutants, *share.peers)}
    given = [each for part in (kubelets, others) for _, share in part for each in share.mutants if each in BUGS]
    assert sorted(given) == sorted(BUGS)


def test_a_round_without_a_mutant_is_left_out() -> None:
    only = [d for d in OURS if d.id == "init-image-fixed"]
    (part,) = rounds(Wish(only, OURS, OURS), "folder", [Place("a", "a-worker2"), Place("a", "a-worker3")], TESTS)
    assert [(place, share.mutants) for place, share in part] == [(Place("a"), ("init-image-fixed",))]
