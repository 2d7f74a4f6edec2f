"""Faults of the container runtime as a unit of the node; its containers live on under their shims."""

from __future__ import annotations

from podvow.faults.kubelet import DisturbUnit
from podvow.faults.upkeep import CONTAINERD


def containerd_restart() -> DisturbUnit:
    """Return the fault that restarts containerd in good order."""
    return DisturbUnit(CONTAINERD, "restart")


def containerd_kill() -> DisturbUnit:
    """Return the fault that kills containerd; systemd starts it again."""
    return DisturbUnit(CONTAINERD, "kill")
