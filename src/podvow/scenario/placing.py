"""Which scenarios run on which nodes, and which cannot be judged on this cluster, and why; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from podvow.claims import Claim
from podvow.cluster.profile import ClusterProfile
from podvow.errors import ClusterUnusableError
from podvow.scenario.applicable import applicable_nodes, lacking
from podvow.scenario.driver import Planned, workers


@dataclass(frozen=True)
class Item:
    """A test that is to be judged.

    Attributes:
        id: its stable id.
        planned: the recording that it judges, possibly shared with other tests.
        claims: the claims that it judges.
    """

    id: str
    planned: Planned
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Placed:
    """What becomes of a selection on a cluster.

    Attributes:
        runnable: the recordings that are to be made, each with the nodes that it may be made on.
        reasons: by id, the tests that cannot be judged here, and why.
    """

    runnable: tuple[Planned, ...]
    reasons: Mapping[str, str]


def place(
    items: Sequence[Item],
    profile: ClusterProfile,
    *,
    node_access: bool,
    withheld: Mapping[str, str],
    node: str = "",
) -> Placed:
    """Put recordings on the nodes that their claims are about; note the tests that no node can serve.

    Args:
        items: the tests.
        profile: the cluster.
        node_access: whether commands can be run on its nodes.
        withheld: capabilities that the run must not use, each with the reason.
        node: the one node that is meant; empty for all.

    Raises:
        ClusterUnusableError: no node takes Pods, or the one that is meant does not.
    """
    every = workers(profile)
    able = [each for each in every if node in {"", each.name}]
    if not able:
        raise ClusterUnusableError(f"node {node} takes no Pods", hint="look at `kubectl get nodes`")
    worker = any("control-plane" not in each.roles for each in able)
    scenarios = {item.planned.key: item.planned.scenario for item in items}
    lacks = {
        key: lacking(scenario.needs, node_access=node_access, worker=worker, withheld=withheld)
        for key, scenario in scenarios.items()
    }
    nodes: dict[str, tuple[Planned, set[str]]] = {}
    reasons: dict[str, str] = {}
    for item in items:
        fit, why = applicable_nodes(item.claims, profile, able)
        reason = lacks[item.planned.key] or ("" if fit else why)
        if reason:
            reasons[item.id] = reason
        else:
            _, known = nodes.setdefault(item.planned.key, (item.planned, set(fit)))
            known &= set(fit)
    runnable = tuple(
        replace(planned, nodes=() if len(fit) == len(every) else tuple(sorted(fit)))
        for planned, fit in nodes.values()
    )
    return Placed(runnable, reasons)
