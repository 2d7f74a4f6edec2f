"""Brings a node back that is frozen or without power, as a watchdog does when nobody else will."""

from __future__ import annotations

import time
from pathlib import Path

from podvow.api import Api
from podvow.cluster import network
from podvow.cluster.node import DockerNodeAccess
from podvow.cluster.process import CommandError
from podvow.deadline import Deadline
from podvow.errors import InjectionError, PodvowError
from podvow.faults import deadman, upkeep
from podvow.journal.act import Site
from podvow.watchdog.state import Away, State

_POWER_S = 180.0
_HEAL_S = 120.0
_POLL_S = 0.5


def mend(known: State, away: Away, *, thorough: bool) -> list[str]:
    """Bring a node back.

    Args:
        known: run and cluster.
        away: the node.
        thorough: whether its driver is dead, so that everything else that was done to it is healed as well.

    Returns:
        What was done, in words.

    Raises:
        PodvowError: it could not be brought back in time.
    """
    access = DockerNodeAccess()
    did = _power(access, away.node, settled_s=known.settled_s if thorough else 0.0)
    if thorough:
        _heal(access, away.node, known.run_id)
        did.append("healed")
        if known.kubeconfig:
            did += _rejoin(access, known, away)
    return did


def _power(access: DockerNodeAccess, node: str, *, settled_s: float) -> list[str]:
    """Thaw it, switch it on, until it has been well for a while."""
    did: list[str] = []
    deadline, settled = Deadline.after(_POWER_S), Deadline.after(settled_s)
    while True:
        try:
            life = access.life(node)
            if life.running and not life.frozen:
                if settled.passed:
                    return did
            elif life.running:
                access.thaw(node)
                did.append("thawed")
            else:
                access.switch_on(node)
                did.append("switched on")
            if not life.running or life.frozen:
                settled = Deadline.after(settled_s)
        except CommandError:
            if deadline.passed:
                raise
        time.sleep(_POLL_S)


def _heal(access: DockerNodeAccess, node: str, run_id: str) -> None:
    """Heal the rest; a node that was just switched on needs a moment before anything can be run on it."""
    deadline = Deadline.after(_HEAL_S)
    while True:
        try:
            deadman.heal(access, node, run_id)
        except CommandError:
            if deadline.passed:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _rejoin(access: DockerNodeAccess, known: State, away: Away) -> list[str]:
    """Give all nodes their routes again if it has another address now; wait until the node is ready."""
    with Api.connect(Path(known.kubeconfig), known.context) as api:
        context = Site(api, access).context(away.node)
        address, did = access.life(away.node).address, []
        try:
            if away.address not in {"", address}:
                _await_address(api, away.node, address)
                upkeep.reroute(context)
                did.append("routes set for its new address")
            upkeep.await_ready(context)
        except PodvowError as error:
            return [*did, f"not ready yet: {error.message}"]
        return [*did, "ready"]


def _await_address(api: Api, node: str, address: str) -> None:
    """Wait until the kubelet has told the API its new address, from which the others' routes are made."""
    deadline = Deadline.after(_HEAL_S)
    while (node, address) not in {(n.name, n.address) for n in network.node_nets(api.get("/api/v1/nodes"))}:
        if deadline.passed:
            raise InjectionError(f"{node} has not told the API its new address {address}")
        time.sleep(_POLL_S)
