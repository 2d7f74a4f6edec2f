"""The scheduler on virtual time: runs of many jobs are played by an event queue, so that no second is waited."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.errors import UsageError
from podvow.faults.base import Isolation
from podvow.scenario.scheduler import Job, Scheduler, limit_s

FAST = settings(max_examples=80, deadline=None, derandomize=True)


@dataclass
class Played:
    """What happened in a simulated run.

    Attributes:
        began: for each job when and on which node it began.
        ended: when it ended.
    """

    began: dict[str, tuple[float, str]] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        return max(self.ended.values(), default=0.0)


def play(jobs: list[Job], capacity: dict[str, int], *, busy: int = 0, busy_share: float = 0.3) -> Played:
    """Run all jobs on virtual time, checking what must hold at every moment."""
    scheduler = Scheduler(jobs, capacity, busy=busy)
    by_key = {job.key: job for job in jobs}
    played = Played()
    now, tick = 0.0, count()
    queue: list[tuple[float, int, str, str]] = []
    running: dict[str, str] = {}
    working: set[str] = set()
    while not scheduler.done:
        for job, node in scheduler.ready():
            assert job.key not in played.began, "started twice"
            played.began[job.key] = (now, node)
            running[job.key] = node
            working.add(job.key)
            heapq.heappush(queue, (now + job.typical_s * busy_share, next(tick), "settled", job.key))
            heapq.heappush(queue, (now + job.typical_s, next(tick), "ended", job.key))
        _check(by_key, running, capacity)
        assert not busy or len(working) <= busy
        assert queue, f"{scheduler.waiting} jobs wait and nothing runs: they starve"
        now, _, what, key = heapq.heappop(queue)
        working.discard(key)
        if what == "settled":
            scheduler.settled(key)
        else:
            scheduler.finish(key)
            del running[key]
            played.ended[key] = now
    return played


def _check(jobs: dict[str, Job], running: dict[str, str], capacity: dict[str, int]) -> None:
    for node, room in capacity.items():
        here = [jobs[key] for key, where in running.items() if where == node]
        assert sum(job.pods for job in here) <= room, "over capacity"
        leased = [job for job in here if job.isolation is Isolation.NODE]
        assert not leased or leased == here, "a leased node is shared"
        assert len({job.group or job.key for job in leased}) <= 1, "two groups disturb each other"
    if any(jobs[key].isolation is Isolation.CLUSTER for key in running):
        assert len(running) == 1, "something runs beside what disturbs the whole cluster"
    for key, where in running.items():
        assert not jobs[key].nodes or where in jobs[key].nodes


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Job], dict[str, int]]:
    capacity = {f"n{i}": draw(st.integers(3, 8)) for i in range(draw(st.integers(1, 3)))}
    shapes = st.tuples(
        st.integers(1, 3),
        st.sampled_from([*[Isolation.POD] * 6, *[Isolation.NODE] * 2, Isolation.CLUSTER]),
        st.integers(1, 90),
        st.sampled_from([(), (), ("n0",)]),
        st.sampled_from(["", "", "stop", "reboot"]),
    )
    jobs = [
        Job(f"j{n}", pods, isolation, float(typical), nodes, group)
        for n, (pods, isolation, typical, nodes, group) in enumerate(draw(st.lists(shapes, max_size=25)))
    ]
    return jobs, capacity


@given(runs(), st.integers(0, 5))
@FAST
def test_everything_runs_once_and_never_too_much_at_a_time(
    run: tuple[list[Job], dict[str, int]], busy: int
) -> None:
    jobs, capacity = run
    played = play(jobs, capacity, busy=busy)
    assert set(played.ended) == set(played.began) == {job.key for job in jobs}


def _bound(jobs: list[Job], capacity: dict[str, int]) -> float:
    """List scheduling: as long as a job waits, it is for want of room, and so some node is full but for its size.

    Whatever is leased counts with its whole node. What disturbs the cluster, or a node, comes first and adds up.
    """
    exclusive = sum(j.typical_s for j in jobs if j.isolation is not Isolation.POD)
    shared = [j for j in jobs if j.isolation is Isolation.POD]
    biggest = max((j.pods for j in shared), default=1)
    tightest = min(capacity.values()) - biggest + 1
    work = sum(j.pods * j.typical_s for j in shared)
    return exclusive + work / tightest + max((j.typical_s for j in shared), default=0.0)


@given(runs())
@FAST
def test_a_run_is_not_longer_than_list_scheduling_promises(run: tuple[list[Job], dict[str, int]]) -> None:
    jobs, capacity = run
    assert play(jobs, capacity).makespan <= _bound(jobs, capacity) + 1e-6


@given(st.lists(st.integers(1, 90), min_size=1, max_size=30))
@FAST
def test_what_fits_at_once_takes_as_long_as_its_longest(walls: list[int]) -> None:
    jobs = [Job(f"j{n}", typical_s=float(wall)) for n, wall in enumerate(walls)]
    assert play(jobs, {"n0": 20, "n1": 20}).makespan == max(walls)


def test_a_big_run_with_leases_stays_near_its_limit() -> None:
    jobs = [Job(f"p{n}", typical_s=10.0 + n % 40) for n in range(80)]
    jobs += [Job(f"n{n}", isolation=Isolation.NODE, typical_s=20.0) for n in range(4)]
    jobs += [Job("c", isolation=Isolation.CLUSTER, typical_s=15.0)]
    played = play(jobs, {"w1": 40, "w2": 40}, busy=10)
    # 15 s alone, then two leases on each node, then everything else at once
    limit = limit_s([j.typical_s for j in jobs], node_cpu_s=0, cores=2, exclusive=[15.0, 20.0, 20.0])
    assert limit == 55.0
    assert played.makespan <= 2.5 * limit


def test_the_longest_starts_first_and_the_emptier_node_takes_it() -> None:
    scheduler = Scheduler([Job("s", typical_s=1), Job("l", typical_s=9), Job("m", typical_s=5)], {"a": 2, "b": 2})
    assert [(job.key, node) for job, node in scheduler.ready()] == [("l", "a"), ("m", "b"), ("s", "a")]
    assert not scheduler.ready()


def test_nothing_overtakes_a_job_that_waits_for_the_whole_cluster() -> None:
    jobs = [Job("c1", isolation=Isolation.CLUSTER), Job("c2", isolation=Isolation.CLUSTER), Job("p")]
    scheduler = Scheduler(jobs, {"a": 9})
    for expected in ("c1", "c2", "p"):
        assert [job.key for job, _ in scheduler.ready()] == [expected]
        assert not scheduler.ready()
        scheduler.finish(expected)
    assert scheduler.done


def test_a_node_that_is_to_be_leased_is_drained() -> None:
    scheduler = Scheduler([Job("n", isolation=Isolation.NODE), Job("m", isolation=Isolation.NODE)], {"a": 9})
    assert [job.key for job, _ in scheduler.ready()] == ["m"]
    assert not scheduler.ready()
    scheduler.finish("m")
    assert [job.key for job, _ in scheduler.ready()] == ["n"]


def _groups(*names: str, **more: float) -> list[Job]:
    return [Job(f"{name}{n}", isolation=Isolation.NODE, group=name, **more) for name in names for n in (1, 2)]  # type: ignore[arg-type]


def test_a_group_leases_one_node_the_disturbed_one_and_the_rest_takes_the_others() -> None:
    jobs = [*_groups("stop"), Job("p1"), Job("p2", nodes=("b",))]
    scheduler = Scheduler(jobs, {"a": 9, "b": 9}, disturbed=["b"])
    assert sorted((job.key, node) for job, node in scheduler.ready()) == [
        ("p1", "a"),
        ("stop1", "b"),
        ("stop2", "b"),
    ]
    assert scheduler.group("stop1")[1] == ("stop1", "stop2")
    assert scheduler.group("p1") == ("", ())
    scheduler.finish("stop1")
    assert not scheduler.ready(), "the lease is held by the group"
    scheduler.finish("stop2")
    assert [job.key for job, _ in scheduler.ready()] == ["p2"]


def test_the_next_group_gets_ready_beside_one_that_has_its_faults_behind_it() -> None:
    scheduler = Scheduler([*_groups("x", "y", "z"), Job("p")], {"a": 9, "b": 1})
    assert {job.key for job, _ in scheduler.ready()} == {"x1", "x2", "p"}
    assert not scheduler.ready()
    scheduler.calm(scheduler.group("x1")[0])
    assert {job.key for job, _ in scheduler.ready()} == {"y1", "y2"}
    scheduler.calm(scheduler.group("y1")[0])
    assert not scheduler.ready(), "one under way and one getting ready"
    for key in ("x1", "x2"):
        scheduler.finish(key)
    assert {job.key for job, _ in scheduler.ready()} == {"z1", "z2"}


def test_once_nothing_else_waits_groups_take_every_free_node() -> None:
    scheduler = Scheduler(_groups("x", "y"), {"a": 9, "b": 9})
    assert {node for _, node in scheduler.ready()} == {"a", "b"}


def test_a_group_that_no_node_can_take_at_once_is_split() -> None:
    jobs = [Job(f"j{n}", pods=2, isolation=Isolation.NODE, group="big") for n in range(5)]
    scheduler = Scheduler(jobs, {"a": 5})
    parts = []
    while not scheduler.done:
        started = [job.key for job, _ in scheduler.ready()]
        assert set(started) == set(scheduler.group(started[0])[1])
        parts.append(started)
        for key in started:
            scheduler.finish(key)
    assert [len(part) for part in parts] == [2, 2, 1]


def test_a_settled_job_makes_room_for_the_next_busy_one() -> None:
    scheduler = Scheduler([Job(f"j{n}") for n in range(3)], {"a": 9}, busy=2)
    assert len(scheduler.ready()) == 2
    assert not scheduler.ready()
    scheduler.settled("j0")
    assert [job.key for job, _ in scheduler.ready()] == ["j2"]
    assert scheduler.waiting == 0


def test_a_smaller_crowd_stops_nobody_and_lets_nobody_in() -> None:
    scheduler = Scheduler([Job(f"j{n}") for n in range(4)], {"a": 9}, busy=2)
    assert len(scheduler.ready()) == 2
    scheduler.bear(1)
    scheduler.settled("j0")
    assert not scheduler.ready()
    scheduler.settled("j1")
    assert len(scheduler.ready()) == 1
    scheduler.bear(2)
    assert len(scheduler.ready()) == 1


def test_a_job_for_which_no_node_has_room_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="scenario big needs room for 5 Pods"):
        Scheduler([Job("big", pods=5)], {"a": 4, "b": 4})
    with pytest.raises(UsageError, match="no node has it"):
        Scheduler([Job("picky", nodes=("c",))], {"a": 4})


@pytest.mark.parametrize(
    ("walls", "cpu", "cores", "exclusive", "limit"),
    [
        ([], 0.0, 0, [], 0.0),
        ([3.0, 40.0], 10.0, 2, [5.0], 40.0),
        ([3.0, 40.0], 100.0, 2, [5.0], 50.0),
        ([3.0, 40.0], 100.0, 2, [30.0, 31.0], 61.0),
    ],
)
def test_the_physical_limit_of_a_run(
    walls: list[float], cpu: float, cores: int, exclusive: list[float], limit: float
) -> None:
    assert limit_s(walls, node_cpu_s=cpu, cores=cores, exclusive=exclusive) == limit


def test_a_group_goes_where_all_its_members_fit_at_a_time() -> None:
    jobs = [Job("big", 3, Isolation.NODE, 9.0, (), "stop"), Job("small", 1, Isolation.NODE, 9.0, (), "stop")]
    scheduler = Scheduler(jobs, {"few": 3, "many": 4}, disturbed=["few"])
    assert {node for _, node in scheduler.ready()} == {"many"}
