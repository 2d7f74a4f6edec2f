"""Whether a node is well, and what makes it well again: its units, its readiness, its network."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from podvow.api import ApiError
from podvow.cluster import network
from podvow.cluster.node import NodePower
from podvow.cluster.process import CommandError
from podvow.deadline import Deadline
from podvow.errors import InjectionError, PodvowError
from podvow.faults.base import NODE_ACCESS, FaultContext, Isolation, NodeLostError
from podvow.journal.undo import HealNode

KUBELET = "kubelet"
CONTAINERD = "containerd"
_UNITS = (CONTAINERD, KUBELET)
_POLL_S = 0.25
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class NodeFault:
    """Common part: reaches everything on one node, and heals it in the end."""

    @property
    def isolation(self) -> Isolation:
        """One node."""
        return Isolation.NODE

    @property
    def needs(self) -> frozenset[str]:
        """Commands on the node."""
        return frozenset({NODE_ACCESS})

    def undoing(self, node: str) -> HealNode:
        """Heal the node."""
        return HealNode(node)

    def undo(self, context: FaultContext) -> None:
        """Heal the node; harmless when it is well."""
        heal(context)


def unit(context: FaultContext, name: str) -> dict[str, Any]:
    """Return `{"pid": main process (0 for none), "state": systemd's word}` of a unit of the node."""
    argv = ["systemctl", "show", name, "--property=MainPID,ActiveState"]
    said = dict(
        line.split("=", 1)
        for line in context.nodes.exec(context.node, argv).stdout.decode().splitlines()
        if "=" in line
    )
    return {"pid": int(said.get("MainPID", 0)), "state": said.get("ActiveState", "")}


def node_clock(context: FaultContext) -> float:
    """Return the node's wall clock in seconds since the epoch."""
    return float(context.nodes.exec(context.node, ["date", "+%s.%N"]).stdout)


def readiness(context: FaultContext) -> Mapping[str, Any]:
    """Return the node's condition Ready as the API tells it; empty when it tells none."""
    status = context.api.get(f"/api/v1/nodes/{context.node}").get("status") or {}
    return next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})


def _well(context: FaultContext, since_s: float) -> str:
    """Return what a node still lacks; empty when its kubelet works and has said so after a moment of its clock.

    The API is asked first: a program on the node costs a hundred times as much, and this is asked again and again.
    """
    ready = readiness(context)
    if ready.get("status") != "True":
        return f"Ready={ready.get('status')}: {ready.get('message', '')}"
    if datetime.fromisoformat(str(ready["lastHeartbeatTime"])).timestamp() < int(since_s):
        return "the kubelet has not reported since"
    units = context.nodes.exec(context.node, ["systemctl", "is-active", *_UNITS], check=False)
    if idle := [name for name, state in zip(_UNITS, units.stdout.split(), strict=False) if state != b"active"]:
        return f"{', '.join(idle)} is not active"
    asked = context.nodes.exec(context.node, ["curl", "-s", "-m", "2", "localhost:10248/healthz"], check=False)
    return "" if asked.stdout.strip() == b"ok" else "the kubelet does not answer"


def await_ready(context: FaultContext, since_s: float = 0.0) -> float:
    """Wait until the node's kubelet works and reports the node Ready.

    Args:
        context: names the node.
        since_s: its report must be younger than this moment of the node's clock, in seconds since the epoch.

    Returns:
        How long it took, in seconds.

    Raises:
        NodeLostError: it did not within the harness's patience. That is longer than any window of the profile: on a
            busy machine a node that is late is no node that is lost, and nothing is judged by it.
    """
    began, deadline = time.monotonic(), Deadline.after(_PATIENCE_S)
    while True:
        try:
            lacks = _well(context, since_s)
        except (CommandError, ApiError, ValueError, KeyError) as error:
            lacks = str(error)
        if not lacks:
            return round(time.monotonic() - began, 3)
        if deadline.passed:
            raise NodeLostError(f"{context.node} was not ready within {_PATIENCE_S:.0f} s: {lacks}")
        time.sleep(_POLL_S)


def rouse(context: FaultContext) -> None:
    """Make programs run on a node again: power and frost; nothing where the nodes cannot be switched."""
    access: object = context.access
    if isinstance(access, NodePower):
        life = context.power.life(context.node)
        if life.frozen:
            context.power.thaw(context.node)
        if not life.running:
            context.power.switch_on(context.node)


def heal(context: FaultContext) -> None:
    """Bring a node back: power, frost, units.

    Raises:
        NodeLostError: it does not become ready.
    """
    rouse(context)
    for name in _UNITS:
        with contextlib.suppress(CommandError):
            if unit(context, name)["state"] != "active":
                context.nodes.exec(context.node, ["systemctl", "restart", name])
    await_ready(context)


def repair(context: FaultContext) -> str:
    """Do more and more to a node that did not come back; return how that ended."""
    for what, act in (("restarting containerd and kubelet", _restart_units), ("rebooting it", _reboot)):
        try:
            act(context)
            await_ready(context)
        except (PodvowError, OSError):
            continue
        return f"{what} repaired it"
    return "it could not be repaired"


def _restart_units(context: FaultContext) -> None:
    context.nodes.exec(context.node, ["systemctl", "restart", CONTAINERD, KUBELET])


def _reboot(context: FaultContext) -> None:
    if not context.power.life(context.node).running:
        context.power.switch_on(context.node)
    else:
        context.power.reboot(context.node)


def rejoin(context: FaultContext, old_address: str) -> Mapping[str, Any]:
    """Let a node that was off come back; routes of a network of ours follow it to a new address.

    Returns:
        Facts: its address, and how long it took to be ready.

    Raises:
        NodeLostError: it does not come back.
    """
    address = context.power.life(context.node).address
    ready_s = await_ready(context, node_clock(context))
    if address != old_address:
        reroute(context)
    return {"address": address, "old_address": old_address, "ready_after_s": ready_s}


def reroute(context: FaultContext) -> None:
    """Give every node its routes again, in a cluster whose pod network podvow made."""
    nets = network.node_nets(context.api.get("/api/v1/nodes"))
    ours = context.nodes.exec(context.node, ["test", "-e", network.CONFLIST], check=False).code == 0
    if ours and not network.routed(context.nodes, nets):
        network.ensure(context.nodes, nets)


def proven(before: Mapping[str, Any], after: Mapping[str, Any], *, alive: bool) -> bool:
    """Tell whether a unit's main process went and, if it is to be `alive`, another one came."""
    gone = after["pid"] != before["pid"]
    return bool(gone and (after["pid"] > 0 and after["state"] == "active") is alive)


def refuse_control_plane(context: FaultContext) -> None:
    """Insist on a worker.

    Raises:
        InjectionError: the node carries the control plane, which is needed to see anything.
    """
    labels = context.api.get(f"/api/v1/nodes/{context.node}")["metadata"].get("labels") or {}
    if "node-role.kubernetes.io/control-plane" in labels:
        raise InjectionError(f"{context.node} carries the control plane", hint="add a worker")
