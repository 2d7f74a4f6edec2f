"""Sequences of steps that scenarios share: equal sequences of node faults are injected once for all of them."""

from __future__ import annotations

from podvow.faults.base import Fault
from podvow.faults.containerd import containerd_kill, containerd_restart
from podvow.faults.kubelet import kubelet_kill, kubelet_start, kubelet_stop
from podvow.faults.network import break_network, heal_network
from podvow.faults.node import cut_power, freeze_node, reboot_node
from podvow.scenario.conditions import Condition
from podvow.scenario.model import Inject, Step, Until, promised

UNSETTLING = (kubelet_kill(), containerd_restart(), containerd_kill(), freeze_node())
"""What happens to a node without any of its containers being touched."""
SETTLED = "rerun"
"""Window in which something that is to run again would do so."""


def while_kubelet_is_down(*faults: Fault, then: Condition | None = None) -> tuple[Step, ...]:
    """Stop the kubelet, inject, start it again, and wait for a state that proves that it has acted on the Pod."""
    own = [Inject(fault) for fault in faults]
    control = (Until(then, control=True),) if then else ()
    return (Inject(kubelet_stop()), *own, Inject(kubelet_start()), *control)


def unsettled(seen: Condition | None = None) -> tuple[Step, ...]:
    """Do to a node all that touches no container; after each, wait for a sign that the Pod is looked after."""
    steps: list[Step] = []
    for fault in UNSETTLING:
        steps.append(Inject(fault))
        if seen:
            steps.append(Until(seen, control=True))
    return tuple(steps)


def lost_twice(back: Condition) -> tuple[Step, ...]:
    """Reboot the node, wait for what its Pods are promised to come to, cut its power, wait for it again."""
    return tuple(step for fault in (reboot_node(), cut_power()) for step in (Inject(fault), promised(back)))


def without_network(*faults: Fault, seen: Condition, then: Condition) -> tuple[Step, ...]:
    """Break the node's pod network, inject, wait for its consequence, heal it, wait for the recovery."""
    own = [Inject(fault) for fault in faults]
    return (Inject(break_network()), *own, Until(seen), Inject(heal_network()), Until(then, control=True))
