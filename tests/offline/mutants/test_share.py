"""How mutants are dealt out to clusters."""

from __future__ import annotations

import pytest

from podvow.mutants.campaign import Wish
from podvow.mutants.definition import DEFINITIONS, Target, load, of_target
from podvow.mutants.share import Place, dealt, rounds

OURS = load(DEFINITIONS)
BUGS = {definition.id for definition in OURS if not definition.control}


@pytest.mark.parametrize("lanes", [1, 2, 3, 50, 200])
def test_every_mutant_goes_to_one_cluster_and_every_control_to_all_that_can_judge_it(lanes: int) -> None:
    shares = dealt(Wish(OURS, OURS, OURS), "folder", lanes)
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
    shares = dealt(Wish(only, OURS, OURS), "folder", 2)
    assert {name for share in shares for name in share.peers} == BUGS
    assert not set(shares[0].peers) & set(shares[1].peers)
    assert [share.mutants for share in shares] == [
        ("control-log-text", "no-backoff"),
        ("control-log-text", "parallel-inits"),
    ]


def test_shares_are_even_for_each_program() -> None:
    shares = dealt(Wish(OURS, OURS, OURS), "folder", 2)
    for target in Target:
        ids = {d.id for d in of_target(OURS, target)} & BUGS
        sizes = [len(ids & set(share.mutants)) for share in shares]
        assert max(sizes) - min(sizes) <= 1


def test_how_thoroughly_is_the_same_everywhere() -> None:
    for share in dealt(Wish(OURS, OURS, OURS, everything=True, related_only=True), "folder", 2):
        assert share.everything
        assert share.related_only
        assert share.definitions == "folder"


def test_clusters_with_one_place_each_go_through_all_programs_by_themselves() -> None:
    places = [Place("a"), Place("b")]
    (only,) = rounds(Wish(OURS, OURS, OURS), "folder", places)
    assert only == list(zip(places, dealt(Wish(OURS, OURS, OURS), "folder", 2), strict=True))


def test_a_control_plane_waits_for_the_kubelets_of_all_its_workers() -> None:
    places = [Place("a", "a-worker2"), Place("a", "a-worker3"), Place("b", "b-worker2")]
    kubelets, others = rounds(Wish(OURS, OURS, OURS, related_only=True), "folder", places)
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
    (part,) = rounds(Wish(only, OURS, OURS), "folder", [Place("a", "a-worker2"), Place("a", "a-worker3")])
    assert [(place, share.mutants) for place, share in part] == [(Place("a"), ("init-image-fixed",))]
