"""Decides which scenario starts when and on which node. Pure: knows no clock and no cluster.

Waiting overlaps, so everything that fits starts at once, the longest first. What bounds it is the number of Pods
that a node takes and the reach of faults. Scenarios whose faults disturb a node lease it, together with those that
need the same faults (a group); one whose fault disturbs the cluster runs alone. The groups follow each other on one
node while the others take the rest; the next group gets ready on the leased node as soon as the present one has all
its faults behind it. Starting containers costs CPU and waiting costs none: only so many scenarios are in their
first, busy part at a time, so that what a scenario measures is the cluster and not the crowd.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from podvow.errors import UsageError
from podvow.faults.base import Isolation

_AT_ONCE = 2
"""Groups on a leased node: one under way, one getting ready."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the scheduler knows of a scenario.

    Attributes:
        key: its name.
        pods: how many Pods it brings.
        isolation: how far its faults reach.
        typical_s: how long it takes, in seconds.
        nodes: nodes it may run on; empty for any.
        group: name of what it shares its node faults with; empty for nobody.
    """

    key: str
    pods: int = 1
    isolation: Isolation = Isolation.POD
    typical_s: float = 10.0
    nodes: tuple[str, ...] = ()
    group: str = ""


class Scheduler:
    """Hands out jobs to nodes.

    Args:
        jobs: what is to be run.
        capacity: Pods that each node takes at a time.
        busy: how many scenarios may be in their busy part at a time, 0 for any number.
        disturbed: nodes to lease before others.

    Raises:
        UsageError: a job can never run on these nodes.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        capacity: Mapping[str, int],
        *,
        busy: int = 0,
        disturbed: Collection[str] = (),
    ) -> None:
        self._most_busy = busy
        self._busy: set[str] = set()
        self._capacity = dict(capacity)
        self._disturbed = set(disturbed)
        self._used = dict.fromkeys(capacity, 0)
        self._running: dict[str, tuple[Job, str]] = {}
        self._groups: dict[str, list[Job]] = {}
        self._unfinished: dict[str, set[str]] = {}
        self._leases: dict[str, list[str]] = {node: [] for node in capacity}
        self._calm: set[str] = set()
        self._waiting = self._grouped(jobs)
        for job in self._waiting:
            if not any(self._capacity[n] >= job.pods for n in self._nodes(job)):
                raise UsageError(
                    f"scenario {job.key} needs room for {job.pods} Pods; no node has it",
                    hint="free or add a worker",
                )

    def _grouped(self, jobs: Iterable[Job]) -> list[Job]:
        """Sort the jobs, and split groups that do not fit on a node; the members of a group stay together."""
        ordered = sorted(jobs, key=lambda j: (-j.isolation, -j.typical_s, j.key))
        parts: dict[str, tuple[int, int]] = {}
        named: list[Job] = []
        for job in ordered:
            if job.isolation is not Isolation.NODE:
                named.append(job)
                continue
            wanted = f"{job.group}@{','.join(job.nodes)}" if job.group else job.key
            room = max((self._capacity[n] for n in self._nodes(job)), default=0)
            part, taken = parts.get(wanted, (0, 0))
            if taken + job.pods > room:
                part, taken = part + 1, 0
            parts[wanted] = part, taken + job.pods
            mine = replace(job, group=f"{wanted}/{part}")
            self._groups.setdefault(mine.group, []).append(mine)
            named.append(mine)
        self._unfinished = {name: {j.key for j in members} for name, members in self._groups.items()}
        longest = {name: max(j.typical_s for j in members) for name, members in self._groups.items()}
        return sorted(
            named, key=lambda j: (-j.isolation, -longest.get(j.group, j.typical_s), j.group, -j.typical_s, j.key)
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

    def group(self, key: str) -> tuple[str, tuple[str, ...]]:
        """Return the group of a running job and the keys of all its members; ("", ()) for one without."""
        job, _ = self._running[key]
        if job.isolation is not Isolation.NODE:
            return "", ()
        return job.group, tuple(j.key for j in self._groups[job.group])

    def _roomy(self, job: Job) -> list[str]:
        """Return the nodes that take all members of a job's group at a time: they wait for each other."""
        size = sum(j.pods for j in self._groups[job.group])
        return [n for n in self._nodes(job) if self._capacity[n] >= size]

    def _lease(self, job: Job) -> str:
        """Return the node on which a job's group is, or can be now; empty for none."""
        for node, groups in self._leases.items():
            if job.group in groups:
                return node
        size = sum(j.pods for j in self._groups[job.group])
        leased = [n for n, groups in self._leases.items() if groups]
        for node in leased:
            groups = self._leases[node]
            fits = self._used[node] + size <= self._capacity[node]
            if node in self._nodes(job) and len(groups) < _AT_ONCE and fits and groups[-1] in self._calm:
                return node
        if leased and any(j.isolation is Isolation.POD for j in self._waiting):
            return ""  # one node for the faults, the others for the rest
        free = [n for n in self._roomy(job) if not self._leases[n] and self._used[n] == 0]
        return min(free, key=lambda n: (n not in self._disturbed, n), default="")

    def _place(self, job: Job, blocked: set[str]) -> str:
        """Return the node on which a job can start now; empty for none."""
        if job.isolation is Isolation.NODE:
            node = self._lease(job)
            return node if node and self._used[node] + job.pods <= self._capacity[node] else ""
        free = [
            n
            for n in self._nodes(job)
            if n not in blocked and not self._leases[n] and self._used[n] + job.pods <= self._capacity[n]
        ]
        return min(free, key=lambda n: (self._used[n] / self._capacity[n], n), default="")

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
            node = self._place(job, blocked)
            if not node:
                if job.isolation is Isolation.NODE and not blocked and not any(self._leases.values()):
                    # A node is drained for it: nothing new starts there.
                    blocked.add(min(self._roomy(job), key=lambda n: (n not in self._disturbed, self._used[n])))
                continue
            self._start(job, node)
            alone = job.isolation is Isolation.CLUSTER
            started.append((job, node))
        return started

    def _start(self, job: Job, node: str) -> None:
        self._waiting.remove(job)
        self._running[job.key] = (job, node)
        self._busy.add(job.key)
        self._used[node] += job.pods
        if job.isolation is Isolation.NODE and job.group not in self._leases[node]:
            self._leases[node].append(job.group)

    def bear(self, busy: int) -> None:
        """Change how many scenarios may be in their busy part at a time, 0 for any number; none is stopped."""
        self._most_busy = busy

    def settled(self, key: str) -> None:
        """Note that a job's busy part is over: from now on it mostly waits."""
        self._busy.discard(key)

    def calm(self, group: str) -> None:
        """Note that a group has all its faults behind it: the next one may get ready beside it."""
        self._calm.add(group)

    def finish(self, key: str) -> None:
        """Give back what a job held; the last of a group gives back the node."""
        self.settled(key)
        job, node = self._running.pop(key)
        self._used[node] -= job.pods
        left = self._unfinished.get(job.group)
        if left is not None:
            left.discard(key)
            if not left:
                self._leases[node].remove(job.group)


def limit_s(walls: Iterable[float], *, node_cpu_s: float, cores: int, exclusive: Iterable[float]) -> float:
    """Return L*, the physical limit of a run in seconds (docs/speed.md).

    Args:
        walls: how long each scenario's own evidence is, in seconds.
        node_cpu_s: CPU seconds that the nodes spent on the run's containers.
        cores: cores that the nodes share.
        exclusive: lengths of the scenarios whose faults exclude each other, in seconds.
    """
    return max(max(walls, default=0.0), node_cpu_s / max(cores, 1), sum(exclusive))
