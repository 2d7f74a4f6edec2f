"""What the scheduler is told of planned scenarios and of the nodes; the same for a run and for its rehearsal."""

from __future__ import annotations

from collections.abc import Iterable

from podvow.cluster.profile import NodeProfile
from podvow.cluster.provider import DISTURBED, ROLE_LABEL
from podvow.scenario.model import Scenario
from podvow.scenario.scheduler import Job

BUSY = 10
"""How many scenarios may be in their busy first part at a time."""
_KEPT_FREE = 10


def job_of(key: str, scenario: Scenario, nodes: tuple[str, ...], *, per_node: int) -> Job:
    """Return what the scheduler knows of a scenario.

    Args:
        key: its name.
        scenario: what it does.
        nodes: the nodes that it may run on; empty for any.
        per_node: how many Pods a node takes at a time, at most.
    """
    return Job(
        key,
        min(scenario.pod_count, per_node),
        scenario.isolation,
        scenario.typical_s,
        nodes,
        repr(scenario.node_faults),
    )


def room_of(node: NodeProfile, *, per_node: int) -> int:
    """Return how many Pods of ours a node takes at a time: some of what it allows are others'."""
    return min(per_node, max(1, node.allocatable_pods - _KEPT_FREE))


def disturbed_of(nodes: Iterable[NodeProfile]) -> list[str]:
    """Return the nodes that are meant to have faults rather than others."""
    return [node.name for node in nodes if node.labels.get(ROLE_LABEL) == DISTURBED]
