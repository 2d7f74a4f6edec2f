"""Decides which scenario starts when and on which node. Pure: knows no clock and no cluster.

Waiting overlaps, so everything that fits starts at once, the longest first. What bounds it is the number of Pods
that a node takes and the reach of faults: a scenario whose fault disturbs a node leases it, and one whose fault
disturbs the cluster runs alone. Starting containers costs CPU and waiting costs none: only so many scenarios are in
their first, busy part at a time, so that what a scenario measures is the cluster and not the crowd.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podvow.errors import UsageError
from podvow.faults.base import Isolation


@dataclass(frozen=True, slots=True)
class Job:
    """What the scheduler knows of a scenario.

    Attributes:
        key: its name.
        pods: how many Pods it brings.
        isolation: how far its faults reach.
        typical_s: how long it takes, in seconds.
        nodes: nodes it may run on; empty for any.
    """

    key: str
    pods: int = 1
    isolation: Isolation = Isolation.POD
    typical_s: float = 10.0
    nodes: tuple[str, ...] = ()


class Scheduler:
    """Hands out jobs to nodes.

    Args:
        jobs: what is to be run.
        capacity: Pods that each node takes at a time.
        busy: how many scenarios may be in their busy part at a time, 0 for any number.

    Raises:
        UsageError: a job can never run on these nodes.
    """

    def __init__(self, jobs: Iterable[Job], capacity: Mapping[str, int], *, busy: int = 0) -> None:
        self._most_busy = busy
        self._busy: set[str] = set()
        self._capacity = dict(capacity)
        self._used = dict.fromkeys(capacity, 0)
        self._leased: set[str] = set()
        self._running: dict[str, tuple[Job, str]] = {}
        self._waiting = sorted(jobs, key=lambda j: (-j.isolation, -j.typical_s, j.key))
        for job in self._waiting:
            if not any(self._capacity[n] >= job.pods for n in self._nodes(job)):
                raise UsageError(
                    f"scenario {job.key} needs room for {job.pods} Pods; no node has it",
                    hint="free or add a worker",
                )

    def _nodes(self, job: Job) -> list[str]:
        return [n for n in self._capacity if not job.nodes or n in job.nodes]

    @property
    def done(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._waiting and not self._running

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def _fits(self, job: Job, node: str) -> bool:
        if node in self._leased or self._used[node] + job.pods > self._capacity[node]:
            return False
        return job.isolation is Isolation.POD or self._used[node] == 0

    def ready(self) -> list[tuple[Job, str]]:
        """Take every job that can start now; return each with its node."""
        started: list[tuple[Job, str]] = []
        blocked: set[str] = set()
        alone = any(job.isolation is Isolation.CLUSTER for job, _ in self._running.values())
        for job in list(self._waiting):
            if self._most_busy and len(self._busy) >= self._most_busy:
                break
            if alone or (job.isolation is Isolation.CLUSTER and self._running):
                # Nothing overtakes a job that waits for the whole cluster, else it would wait for ever.
                break
            free = [n for n in self._nodes(job) if n not in blocked and self._fits(job, n)]
            if not free:
                if job.isolation is Isolation.NODE:
                    blocked.add(min(self._nodes(job), key=lambda n: (n in self._leased, self._used[n])))
                continue
            node = min(free, key=lambda n: (self._used[n] / self._capacity[n], n))
            self._waiting.remove(job)
            self._running[job.key] = (job, node)
            self._busy.add(job.key)
            self._used[node] += job.pods
            if job.isolation is not Isolation.POD:
                self._leased.add(node)
            alone = job.isolation is Isolation.CLUSTER
            started.append((job, node))
        return started

    def settled(self, key: str) -> None:
        """Note that a job's busy part is over: from now on it mostly waits."""
        self._busy.discard(key)

    def finish(self, key: str) -> None:
        """Give back what a job held."""
        self.settled(key)
        job, node = self._running.pop(key)
        self._used[node] -= job.pods
        if job.isolation is not Isolation.POD:
            self._leased.discard(node)


def limit_s(walls: Iterable[float], *, node_cpu_s: float, cores: int, exclusive: Iterable[float]) -> float:
    """Return L*, the physical limit of a run in seconds (docs/speed.md).

    Args:
        walls: how long each scenario's own evidence is, in seconds.
        node_cpu_s: CPU seconds that the nodes spent on the run's containers.
        cores: cores that the nodes share.
        exclusive: lengths of the scenarios whose faults exclude each other, in seconds.
    """
    return max(max(walls, default=0.0), node_cpu_s / max(cores, 1), sum(exclusive))
