"""Faults of the kubelet and of containerd as units of the node: stopped, started, restarted, killed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.deadline import Deadline
from podvow.errors import InjectionError
from podvow.faults.base import FaultContext
from podvow.faults.upkeep import KUBELET, NodeFault, await_ready, node_clock, proven, unit
from podvow.journal import faultpoint
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark

_ARGV = {
    "stop": ("systemctl", "stop"),
    "start": ("systemctl", "start"),
    "restart": ("systemctl", "restart"),
    "kill": ("systemctl", "kill", "--kill-who=main", "--signal=SIGKILL"),
}
_PROOF_S = 15.0
_POLL_S = 0.1


@dataclass(frozen=True)
class DisturbUnit(NodeFault):
    """Stop, start, restart or kill a unit of the node; the proof is its main process before and after.

    Attributes:
        unit: the unit.
        action: `stop`, `start`, `restart`, or `kill` (SIGKILL; systemd starts it again).
    """

    unit: str
    action: str

    @property
    def name(self) -> str:
        """Unit and action."""
        return f"{self.unit}_{self.action}"

    @property
    def target(self) -> str:
        """The unit."""
        return f"{self.unit} of the node"

    @property
    def comes_back(self) -> bool:
        """Whether the unit runs afterwards."""
        return self.action != "stop"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Do it, and wait for a unit that comes back until the node is ready again.

        The kubelet's word is waited for after a fault of its own; containerd's end is noticed by the next call.
        """
        before, at_s = unit(context, self.unit), node_clock(context)
        context.nodes.exec(context.node, [*_ARGV[self.action], self.unit])
        faultpoint.midway()
        after = self._settled(context, before)
        facts: dict[str, Any] = {"before": before, "after": after}
        if self.comes_back:
            facts["ready_after_s"] = await_ready(context, at_s if self.unit == KUBELET else 0.0)
        return facts

    def _settled(self, context: FaultContext, before: Mapping[str, Any]) -> dict[str, Any]:
        deadline = Deadline.after(_PROOF_S)
        while True:
            after = unit(context, self.unit)
            if proven(before, after, alive=self.comes_back):
                return after
            if deadline.passed:
                raise InjectionError(f"{self.name}: {self.unit} was {before} and is {after}")
            time.sleep(_POLL_S)

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:  # noqa: ARG002 (protocol)
        """Another main process than before, or none, by systemd."""
        return proven(mark.facts["before"], mark.facts["after"], alive=self.comes_back)


def kubelet_stop() -> DisturbUnit:
    """Return the fault that stops the kubelet and leaves it so."""
    return DisturbUnit(KUBELET, "stop")


def kubelet_start() -> DisturbUnit:
    """Return the fault that starts a stopped kubelet and waits until the node is ready."""
    return DisturbUnit(KUBELET, "start")


def kubelet_restart() -> DisturbUnit:
    """Return the fault that restarts the kubelet in good order."""
    return DisturbUnit(KUBELET, "restart")


def kubelet_kill() -> DisturbUnit:
    """Return the fault that kills the kubelet; systemd starts it again."""
    return DisturbUnit(KUBELET, "kill")
