"""On which nodes a scenario can be judged, and why on no other: capabilities, versions and gates, as detected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from podvow.claims import Claim
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.faults.base import HOST_ACCESS, NODE_ACCESS, NODE_STATUS, WORKER

_NOTHING: Mapping[str, str] = MappingProxyType({})
NAMESPACED: Mapping[str, str] = MappingProxyType(
    dict.fromkeys((HOST_ACCESS, NODE_ACCESS, NODE_STATUS), "--namespaced stays inside namespaces of its own")
)
"""What a run must not use whose every effect stays inside namespaces that it made."""


def lacking(
    needs: frozenset[str],
    *,
    node_access: bool,
    worker: bool = True,
    withheld: Mapping[str, str] = _NOTHING,
) -> str:
    """Return which capabilities a run does without, in words; empty when it has all that are needed.

    Args:
        needs: the capabilities that a scenario needs.
        node_access: whether commands can be run on the nodes.
        worker: whether there is a node beside the control plane.
        withheld: capabilities that this run must not use, each with the reason.
    """
    for capability in sorted(needs & set(withheld)):
        return f"this run does without {capability}: {withheld[capability]}"
    absent = {capability for capability, has in ((NODE_ACCESS, node_access), (WORKER, worker)) if not has}
    missing = needs & absent
    return f"this cluster lacks: {', '.join(sorted(missing))}" if missing else ""


def gate_of(profile: ClusterProfile, node: NodeProfile, name: str) -> bool | None:
    """Return whether a gate is on for a node: off where the API server, its kubelet or its declaration says so.

    A node that declares features (`status.declaredFeatures`, Kubernetes 1.36) and leaves out one that others
    declare cannot do it, whatever its gates are.
    """
    states = [state for state in (profile.gate(name), node.gate(name)) if state is not None]
    if not states:
        return None
    declared = {feature for other in profile.nodes for feature in other.declared_features}
    return all(states) and (name not in declared or name in node.declared_features)


def inapplicable(claims: Iterable[Claim], profile: ClusterProfile, node: NodeProfile) -> str:
    """Return why claims are not about a node, with what was detected; empty when all of them are."""
    for claim in claims:
        reason = claim.inapplicable(node.version, lambda name: gate_of(profile, node, name), node.capabilities)
        if reason:
            return f"{reason} ({node.name})"
    return ""


def applicable_nodes(
    claims: Sequence[Claim], profile: ClusterProfile, nodes: Sequence[NodeProfile]
) -> tuple[tuple[str, ...], str]:
    """Return the nodes that the claims are about, and why not the others.

    Args:
        claims: what is to be judged.
        profile: the cluster.
        nodes: the nodes that scenarios may run on.

    Returns:
        Names of nodes, and the first reason that excludes one (empty when none is excluded).
    """
    reasons = {node.name: inapplicable(claims, profile, node) for node in nodes}
    fit = tuple(name for name, reason in reasons.items() if not reason)
    return fit, next((reason for reason in reasons.values() if reason), "")
