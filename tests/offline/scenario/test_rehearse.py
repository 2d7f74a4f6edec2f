"""A run on virtual time: what is foretold must be what the scheduler would do."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.faults.base import Isolation
from podvow.scenario.rehearse import Rehearsal, rehearse
from podvow.scenario.scheduler import Job

FAST = settings(max_examples=80, deadline=None, derandomize=True)


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Job], dict[str, int], int]:
    capacity = {f"n{i}": draw(st.integers(3, 8)) for i in range(draw(st.integers(1, 3)))}
    shapes = st.tuples(
        st.integers(1, 3),
        st.sampled_from([*[Isolation.POD] * 6, *[Isolation.NODE] * 3, Isolation.CLUSTER]),
        st.integers(1, 90),
        st.sampled_from(["stop", "reboot"]),
    )
    jobs = [
        Job(f"j{n}", pods, isolation, float(typical), (), group)
        for n, (pods, isolation, typical, group) in enumerate(draw(st.lists(shapes, max_size=25)))
    ]
    return jobs, capacity, draw(st.integers(1, 5))


@FAST
@given(runs())
def test_everything_ends_within_bounds_and_node_faults_never_overlap(
    run: tuple[list[Job], dict[str, int], int],
) -> None:
    jobs, capacity, busy = run
    told = rehearse(jobs, capacity, busy=busy)
    assert set(told.ends) == set(told.nodes) == {job.key for job in jobs}
    assert all(told.ends[job.key] >= job.typical_s for job in jobs)
    assert told.wall_s <= sum(max(job.typical_s, 2.0) for job in jobs) + 2.0 * len(jobs)
    assert all(most <= capacity[node] for node, most in told.pods_at_once.items())
    _check_turns(told, jobs)


def _check_turns(told: Rehearsal, jobs: list[Job]) -> None:
    disturbing = [job.key for job in jobs if job.isolation is Isolation.NODE]
    assert sorted(key for turn in told.turns for key in turn.members) == sorted(disturbing)
    for node in {turn.node for turn in told.turns}:
        mine = sorted((turn.begin_s, turn.end_s) for turn in told.turns if turn.node == node)
        assert all(before[1] <= after[0] for before, after in pairwise(mine))
    assert sum(told.exclusive_s) <= told.wall_s + 1e-6


def test_scenarios_with_the_same_faults_share_one_turn_on_the_disturbed_node() -> None:
    jobs = [Job(f"k{n}", 1, Isolation.NODE, 30.0 + n, (), "reboot") for n in range(3)]
    told = rehearse([*jobs, Job("plain")], {"a": 10, "b": 10}, busy=10, disturbed=["b"])
    (turn,) = told.turns
    assert (turn.node, set(turn.members)) == ("b", {"k0", "k1", "k2"})
    assert told.exclusive_s == [turn.end_s - turn.begin_s] == [32.0]
    assert told.nodes["plain"] == "a"


def test_a_run_of_nothing_takes_no_time() -> None:
    told = rehearse([], {"a": 10}, busy=10)
    assert (told.wall_s, told.exclusive_s, told.turns) == (0.0, [], [])
