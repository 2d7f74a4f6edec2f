from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.scenario.crowd import Crowd


def _after(*seconds: float, most: int = 10) -> int:
    crowd = Crowd(most)
    for each in seconds:
        crowd.started(each)
    return crowd.limit


def test_where_pods_start_promptly_the_limit_stays() -> None:
    assert _after(*[1.0] * 50) == 10


def test_where_pods_start_late_fewer_are_started_at_a_time() -> None:
    assert _after(*[6.0] * 50) == 4


def test_one_late_start_is_no_crowd() -> None:
    assert _after(*[1.5] * 10, 5.0) == 10


def test_nor_is_one_that_hangs() -> None:
    assert _after(*[2.2] * 10, 60.0) == 10


def test_on_a_disturbed_node_only_a_prompt_start_says_something() -> None:
    crowd = Crowd(10)
    for _ in range(50):
        crowd.started(30.0, disturbed=True)
    assert crowd.limit == 10
    for _ in range(50):
        crowd.started(6.0)
    for _ in range(50):
        crowd.started(0.5, disturbed=True)
    assert crowd.limit == 10


def test_a_crowd_that_has_gone_makes_room_again() -> None:
    assert _after(*[6.0] * 20, *[1.0] * 40) == 10


def test_in_a_crowd_silence_means_less() -> None:
    prompt, late = Crowd(10), Crowd(10)
    for _ in range(30):
        prompt.started(0.5)
        late.started(20.0)
    assert (prompt.patience_s, round(late.patience_s)) == (8.0, 24)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_small_limit_or_none_is_not_made_larger_or_smaller(most: int) -> None:
    assert _after(*[60.0] * 20, most=most) == most


@given(st.lists(st.floats(0, 1000)), st.integers(1, 30))
def test_the_limit_stays_in_its_bounds(seconds: list[float], most: int) -> None:
    assert min(4, most) <= _after(*seconds, most=most) <= most
