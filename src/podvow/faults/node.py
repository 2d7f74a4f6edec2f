"""Faults of a whole node: frozen for a while, rebooted, cut from its power."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.faults.base import NODE_ACCESS, WORKER, FaultContext
from podvow.faults.upkeep import NodeFault, await_ready, node_clock, refuse_control_plane, rejoin
from podvow.journal import faultpoint
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark


@dataclass(frozen=True)
class _MachineFault(NodeFault):
    """Common part of what is done to the node as a machine."""

    @property
    def needs(self) -> frozenset[str]:
        """A node that is no control plane."""
        return frozenset({NODE_ACCESS, WORKER})

    @property
    def target(self) -> str:
        """The node."""
        return "the whole node"


@dataclass(frozen=True)
class FreezeNode(_MachineFault):
    """Let everything on the node stand still for a while.

    Attributes:
        seconds: how long.
    """

    seconds: float = 5.0
    name: str = "freeze_node"

    @property
    def outage_s(self) -> float:
        """As long as it is frozen."""
        return self.seconds

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Freeze, wait, thaw; the node's uptime goes on meanwhile."""
        refuse_control_plane(context)
        before = context.power.life(context.node)
        context.power.freeze(context.node)
        try:
            frozen = context.power.life(context.node).frozen
            faultpoint.midway()
            time.sleep(self.seconds)
        finally:
            context.power.thaw(context.node)
        after = context.power.life(context.node)
        return {
            "frozen": frozen,
            "thawed": not after.frozen,
            "same_life": before.since == after.since,
            "ready_after_s": await_ready(context),
        }

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The engine said that the node was frozen, and then that it was not."""
        return bool(mark.facts["frozen"] and mark.facts["thawed"])


@dataclass(frozen=True)
class RestartNode(_MachineFault):
    """Reboot the node, or cut its power and switch it on again.

    Attributes:
        orderly: whether its init is told to shut down.
    """

    orderly: bool = True

    @property
    def name(self) -> str:
        """What is done."""
        return "reboot_node" if self.orderly else "cut_power"

    @property
    def outage_s(self) -> float:
        """No longer than switching it off and on takes."""
        return 0.0

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Do it, and wait until the node is ready in its new life."""
        refuse_control_plane(context)
        before, at_s = context.power.life(context.node), node_clock(context)
        if self.orderly:
            context.power.reboot(context.node)
        else:
            context.power.cut_power(context.node)
            faultpoint.midway()
            context.power.switch_on(context.node)
        after = context.power.life(context.node)
        facts = {"since": after.since, "old_since": before.since, "off_at_s": at_s}
        return {**facts, **rejoin(context, before.address)}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """The engine says that the node was switched on anew."""
        return bool(mark.facts["since"] != mark.facts["old_since"])


def freeze_node(seconds: float = 5.0) -> FreezeNode:
    """Return the fault that freezes the node for a while."""
    return FreezeNode(seconds)


def reboot_node() -> RestartNode:
    """Return the fault that reboots the node."""
    return RestartNode(orderly=True)


def cut_power() -> RestartNode:
    """Return the fault that ends the node at once and switches it on again."""
    return RestartNode(orderly=False)
