from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podvow.scenario.freshness import Freshness, Late


def pod(version: int, uid: str = "u") -> dict[str, dict[str, str]]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


def test_what_was_told_in_its_last_version_is_fresh() -> None:
    fresh = Freshness()
    fresh.took("a", "Pod", pod(4), 5, deleted=False)
    fresh.took("a", "Pod", pod(7), 5, deleted=False)
    assert fresh.late("a", "Pod", [pod(7)], fresh.live("a", "Pod")) == []


def test_what_has_changed_since_or_was_never_told_is_late() -> None:
    fresh = Freshness()
    fresh.took("a", "Pod", pod(4), 5, deleted=False)
    found = [pod(9), pod(5, "other")]
    late = fresh.late("a", "Pod", found, fresh.live("a", "Pod"))
    assert [(each.raw, each.gone, each.since_ns) for each in late] == [(found[0], False, 5), (found[1], False, 0)]


def test_what_is_gone_without_a_word_is_late_until_it_is_told() -> None:
    fresh = Freshness()
    fresh.took("a", "Pod", pod(4), 5, deleted=False)
    known = fresh.live("a", "Pod")
    assert fresh.late("a", "Pod", [], known) == [Late(pod(4), gone=True, since_ns=5)]
    fresh.took("a", "Pod", pod(5), 5, deleted=True)
    assert fresh.late("a", "Pod", [], known) == []


def test_what_is_made_while_one_looks_is_not_taken_for_gone() -> None:
    fresh = Freshness()
    known = fresh.live("a", "Pod")
    fresh.took("a", "Pod", pod(4), 5, deleted=False)
    assert fresh.late("a", "Pod", [], known) == []


def test_what_was_deleted_while_one_looked_is_not_late() -> None:
    fresh = Freshness()
    fresh.took("a", "Pod", pod(4), 5, deleted=False)
    known = fresh.live("a", "Pod")
    fresh.took("a", "Pod", pod(6), 5, deleted=True)
    assert fresh.late("a", "Pod", [pod(5)], known) == []


def test_a_line_that_was_held_up_is_no_news() -> None:
    fresh = Freshness()
    assert fresh.took("a", "Pod", pod(4), 5, deleted=False)
    assert fresh.took("a", "Pod", pod(9), 6, deleted=False)
    assert not fresh.took("a", "Pod", pod(7), 7, deleted=False)
    assert fresh.took("a", "Pod", pod(9), 8, deleted=False), "the same once more tells nothing wrong"
    assert fresh.took("a", "Pod", pod(9), 9, deleted=True)
    assert not fresh.took("a", "Pod", pod(10), 10, deleted=False), "what is gone does not come back under its UID"
    assert fresh.live("a", "Pod") == frozenset()


def test_scenarios_and_kinds_are_kept_apart() -> None:
    fresh = Freshness()
    fresh.took("a", "Pod", pod(4), 5, deleted=False)
    assert fresh.live("b", "Pod") == fresh.live("a", "Job") == frozenset()
    fresh.forget("a")
    assert fresh.live("a", "Pod") == frozenset()


@given(st.lists(st.integers(1, 50), min_size=1), st.data())
def test_only_a_lost_last_word_is_noticed(versions: list[int], data: st.DataObject) -> None:
    versions = sorted(set(versions))
    told = [v for v in versions if data.draw(st.booleans())]
    fresh = Freshness()
    for version in told:
        fresh.took("a", "Pod", pod(version), 5, deleted=False)
    late = fresh.late("a", "Pod", [pod(versions[-1])], fresh.live("a", "Pod"))
    assert bool(late) is (versions[-1] not in told)
