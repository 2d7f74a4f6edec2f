"""A run on virtual time: the scheduler's own decisions, without a cluster and without waiting."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from podvow.faults.base import Isolation
from podvow.scenario.scheduler import Job, Scheduler

BUSY_S = 2.0
"""How long a scenario's busy first part takes, in seconds: sandbox, first containers."""
_CALM = 0.6
"""Share of a sequence of node faults after which none is to come any more."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Scenarios that share one sequence of node faults, on their node.

    Attributes:
        node: where.
        members: their keys.
        begin_s: when the first fault may come, in seconds from the start of the run.
        end_s: when the node is well again.
    """

    node: str
    members: tuple[str, ...]
    begin_s: float
    end_s: float


@dataclass
class Rehearsal:
    """What would happen.

    Attributes:
        nodes: for each scenario its node.
        ends: for each scenario when it ends, in seconds from the start of the run.
        turns: the sequences of node faults, in order.
        pods_at_once: the most Pods that a node has at a time, by node.
    """

    nodes: dict[str, str] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    pods_at_once: dict[str, int] = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        """When the last scenario ends, in seconds."""
        return max(self.ends.values(), default=0.0)

    @property
    def exclusive_s(self) -> list[float]:
        """The longest chain of node faults: how long each sequence keeps its node to itself, in seconds."""
        chains: dict[str, list[float]] = {}
        for turn in self.turns:
            chains.setdefault(turn.node, []).append(turn.end_s - turn.begin_s)
        return max(chains.values(), key=sum, default=[])


def rehearse(
    jobs: Sequence[Job], capacity: Mapping[str, int], *, busy: int, disturbed: Collection[str] = ()
) -> Rehearsal:
    """Play a run on virtual time; every scenario takes its typical time.

    Args:
        jobs: what is to be run.
        capacity: Pods that each node takes at a time.
        busy: how many scenarios may be in their busy part at a time.
        disturbed: nodes to lease before others.

    Raises:
        UsageError: a job can never run on these nodes.
    """
    return _Stage(Scheduler(jobs, capacity, busy=busy, disturbed=disturbed), jobs, capacity).play()


class _Stage:
    """The event queue."""

    def __init__(self, scheduler: Scheduler, jobs: Sequence[Job], capacity: Mapping[str, int]) -> None:
        self._scheduler = scheduler
        self._typical = {job.key: job.typical_s for job in jobs}
        self._told = Rehearsal(pods_at_once=dict.fromkeys(capacity, 0))
        self._used = dict.fromkeys(capacity, 0)
        self._events: list[tuple[float, int, str, str]] = []
        self._order = count()
        self._well: dict[str, float] = {}
        self._began: dict[str, set[str]] = {}
        self._pods = {job.key: job.pods for job in jobs}

    def play(self) -> Rehearsal:
        """Go from event to event until all is done."""
        now = 0.0
        while not self._scheduler.done:
            for job, node in self._scheduler.ready():
                self._start(now, job, node)
            if not self._events:
                break
            now, _, what, key = heapq.heappop(self._events)
            match what:
                case "settled":
                    self._scheduler.settled(key)
                case "calm":
                    self._scheduler.calm(key)
                case _:
                    self._end(now, key)
        return self._told

    def _at(self, when: float, what: str, key: str) -> None:
        heapq.heappush(self._events, (when, next(self._order), what, key))

    def _start(self, now: float, job: Job, node: str) -> None:
        self._told.nodes[job.key] = node
        self._used[node] += job.pods
        self._told.pods_at_once[node] = max(self._told.pods_at_once[node], self._used[node])
        self._at(now + BUSY_S, "settled", job.key)
        if job.isolation is not Isolation.NODE:
            self._at(now + job.typical_s, "end", job.key)
            return
        group, members = self._scheduler.group(job.key)
        there = self._began.setdefault(group, set())
        there.add(job.key)
        if there < set(members):
            return  # the last to arrive lets the faults begin
        begin = max(now, self._well.get(node, 0.0))
        end = begin + max(self._typical[key] for key in members)
        self._well[node] = end
        self._told.turns.append(Turn(node, members, begin, end))
        self._at(begin + _CALM * (end - begin), "calm", group)
        for key in members:
            self._at(end, "end", key)

    def _end(self, now: float, key: str) -> None:
        self._told.ends[key] = now
        self._used[self._told.nodes[key]] -= self._pods[key]
        self._scheduler.finish(key)
