"""`podvow plan`: what a run would make, which node gets which fault, and how long it takes; changes nothing."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from podvow.cluster.profile import ClusterProfile, read_profile
from podvow.cluster.provider import Cluster
from podvow.faults.base import NODE_STATUS, Isolation
from podvow.live import connect
from podvow.scenario.driver import Planned, workers
from podvow.scenario.jobs import BUSY, disturbed_of, job_of, room_of
from podvow.scenario.placing import Placed, place
from podvow.scenario.rehearse import Rehearsal, rehearse
from podvow.scenario.scheduler import limit_s
from podvow.selection import Collected
from podvow.session import Session

CPU_S = 1.6
"""CPU seconds that the nodes spend on one Pod from its creation to its deletion, with what runs on them anyway
(measured: 749 s for a run of all suites with 462 Pods)."""
CROWDED = 1.3
"""How much longer a run takes than its nodes' CPU time ÷ cores when that binds (measured: 498 s to 375 s)."""


@dataclass(frozen=True)
class NodeTurn:
    """A sequence of node faults that some scenarios share.

    Attributes:
        node: the node that has them.
        faults: their names, in order.
        scenarios: ids of the scenarios.
        begin_s: about when the first one comes, in seconds from the start.
        end_s: about when the node is well again, in seconds from the start.
    """

    node: str
    faults: tuple[str, ...]
    scenarios: tuple[str, ...]
    begin_s: float
    end_s: float


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        server: address of the API server.
        tests: how many tests were selected.
        scenarios: how many scenarios would be played; tests may share one.
        namespaces: how many namespaces would be made: one per scenario, and the run's own.
        pods: how many Pods they make.
        nodes: for each node the most of these Pods that it has at a time.
        scenarios_on: for each node how many scenarios it has.
        turns: the sequences of node faults.
        on_nodes: by node what else is changed there (its status, its static Pods), and by how many scenarios.
        pod_faults: how often each fault on a single Pod or object is injected.
        wall_s: estimated time, in seconds.
        limit_s: estimated L*, in seconds (docs/speed.md).
        longest_s: the longest scenario, in seconds.
        cpu_s: estimated CPU time of the nodes ÷ cores, in seconds.
        exclusive_s: the longest chain of node faults, in seconds.
        not_applicable: by reason the tests that would not be judged.
    """

    server: str
    tests: int
    scenarios: int
    namespaces: int
    pods: int
    nodes: Mapping[str, int]
    scenarios_on: Mapping[str, int]
    turns: Sequence[NodeTurn]
    on_nodes: Mapping[str, Mapping[str, int]]
    pod_faults: Mapping[str, int]
    wall_s: float
    limit_s: float
    longest_s: float
    cpu_s: float
    exclusive_s: float
    not_applicable: Mapping[str, Sequence[str]]

    def to_json(self) -> str:
        """Return it for machines."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=1) + "\n"


def plan(session: Session, collected: Collected) -> Plan:
    """Ask the cluster what it is and play the run on virtual time.

    Args:
        session: how it would be run.
        collected: what would be judged.

    Raises:
        ClusterUnusableError: the cluster is away or no node takes Pods.
    """
    cluster, api = connect(session)
    with api:
        profile = read_profile(api)
    placed = place(collected.items, profile, node_access=cluster.access is not None, withheld=session.withheld)
    return plan_on(
        profile, placed, tests=len(collected.items), per_node=session.per_node, cores=_cores(cluster, profile)
    )


def plan_on(profile: ClusterProfile, placed: Placed, *, tests: int, per_node: int, cores: float) -> Plan:
    """Return the plan for a known cluster.

    Args:
        profile: the cluster.
        placed: what of the selection can be judged there.
        tests: how many tests were selected.
        per_node: how many Pods a node takes at a time, at most.
        cores: cores that the nodes share.
    """
    able = workers(profile)
    jobs = [job_of(p.key, p.scenario, p.nodes, per_node=per_node) for p in placed.runnable]
    rooms = {node.name: room_of(node, per_node=per_node) for node in able}
    played = rehearse(jobs, rooms, busy=BUSY, disturbed=disturbed_of(able))
    pods = sum(p.scenario.pod_count for p in placed.runnable)
    longest_s = max((p.scenario.typical_s for p in placed.runnable), default=0.0)
    exclusive_s = sum(played.exclusive_s)
    shared = max(1, round(cores))
    cpu_s = pods * CPU_S / shared
    limit = limit_s([longest_s], node_cpu_s=pods * CPU_S, cores=shared, exclusive=[exclusive_s])
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for name, reason in placed.reasons.items():
        reasons[reason].append(name)
    return Plan(
        server=profile.server_address,
        tests=tests,
        scenarios=len(placed.runnable),
        namespaces=len(placed.runnable) + 1,
        pods=pods,
        nodes=played.pods_at_once,
        scenarios_on={name: list(played.nodes.values()).count(name) for name in rooms},
        turns=tuple(_turns(played, placed.runnable)),
        on_nodes=_on_nodes(played, placed.runnable),
        pod_faults=_pod_faults(placed.runnable),
        wall_s=round(max(played.wall_s, limit, cpu_s * CROWDED), 1),
        limit_s=round(limit, 1),
        longest_s=longest_s,
        cpu_s=round(cpu_s, 1),
        exclusive_s=round(exclusive_s, 1),
        not_applicable=dict(reasons),
    )


def _cores(cluster: Cluster, profile: ClusterProfile) -> float:
    """Return the cores that the nodes share: kind's nodes all have this machine's."""
    if cluster.provider == "kind":
        return float(os.cpu_count() or 1)
    return sum(node.cpu for node in workers(profile))


def _turns(played: Rehearsal, planned: Sequence[Planned]) -> Iterator[NodeTurn]:
    by_key = {p.key: p for p in planned}
    for turn in played.turns:
        first = by_key[turn.members[0]].scenario
        yield NodeTurn(
            turn.node,
            tuple(fault.name for fault in first.node_faults),
            tuple(by_key[key].id for key in turn.members),
            round(turn.begin_s, 1),
            round(turn.end_s, 1),
        )


def _on_nodes(played: Rehearsal, planned: Sequence[Planned]) -> dict[str, dict[str, int]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in planned:
        names = {fault.name for fault in each.scenario.faults if NODE_STATUS in fault.needs}
        counts[played.nodes[each.key]].update(names | ({"static Pod"} if each.scenario.static else set()))
    return {node: dict(sorted(told.items())) for node, told in sorted(counts.items()) if told}


def _pod_faults(planned: Sequence[Planned]) -> dict[str, int]:
    counts = Counter(
        fault.name
        for each in planned
        for fault in each.scenario.faults
        if fault.isolation is Isolation.POD and NODE_STATUS not in fault.needs
    )
    return dict(sorted(counts.items()))


def lines(made: Plan, *, verbose: bool) -> Iterator[str]:
    """Yield a plan as text.

    Args:
        made: the plan.
        verbose: name every scenario that shares a node fault, and every test that is not applicable.
    """
    yield f"cluster   {made.server}"
    yield f"judged    {made.tests - sum(map(len, made.not_applicable.values()))} of {made.tests} tests"
    of = "one per scenario and one for the run's journal"
    yield f"makes     {made.namespaces} namespaces, {of}, and {made.pods} Pods; all are removed again"
    for name, most in made.nodes.items():
        yield f"          {name}: {made.scenarios_on[name]} scenarios, at most {most} of their Pods at a time"
    if made.pod_faults:
        told = ", ".join(f"{name} {count}x" for name, count in made.pod_faults.items())
        yield f"faults    on Pods and objects of its own: {told}"
    for node, changes in made.on_nodes.items():
        told = ", ".join(f"{name} {count}x" for name, count in changes.items())
        yield f"faults    on {node}, undone with the scenario: {told}"
    for turn in made.turns:
        span = f"about {turn.begin_s:.0f} s to {turn.end_s:.0f} s"
        yield f"faults    on {turn.node}, {span}: {', '.join(turn.faults)} ({len(turn.scenarios)} scenarios)"
        if verbose:
            yield from (f"            {name}" for name in turn.scenarios)
    if not made.turns:
        yield "faults    on nodes: none"
    yield (
        f"takes     about {made.wall_s:.0f} s; L* {made.limit_s:.0f} s (longest scenario {made.longest_s:.0f} s, "
        f"nodes' CPU {made.cpu_s:.0f} s, chain of node faults {made.exclusive_s:.0f} s)"
    )
    for reason, tests in made.not_applicable.items():
        yield f"not here  {len(tests)} tests: {reason}"
        if verbose:
            yield from (f"            {name}" for name in tests)
