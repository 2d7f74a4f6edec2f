"""Faults through the node's container runtime: killed containers, lost sandboxes.

Signals go through `ctr tasks kill`; sandboxes and records go through CRI, because the CRI plugin of containerd
keeps a store of its own that `ctr` does not reach (a fault that never took place once looked like a result).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, PodFaultFromNode
from podvow.faults.patience import NotDoneError, known, until_done
from podvow.timeline import Run, Sandbox, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark

_KILLED = 137


def live_run(timeline: Timeline, container: str) -> Run:
    """Return the run of a container that has not ended.

    Raises:
        InjectionError: there is none whose container's id is known.
    """
    alive = [r for r in timeline.runs(container) if r.container_id and r.exit is None]
    if not alive:
        raise InjectionError(f"container {container} is not known to run")
    return alive[-1]


def live_sandbox(timeline: Timeline) -> Sandbox:
    """Return the Pod's sandbox that has not ended.

    Raises:
        InjectionError: the runtime source saw none.
    """
    alive = [s for s in timeline.sandboxes() if s.exit is None]
    if not alive:
        raise InjectionError("the Pod has no live sandbox that the runtime source saw")
    return alive[-1]


def _strike(context: FaultContext) -> str:
    """Kill the sandbox's own process and return the sandbox's id.

    CRI stops the containers of a sandbox before the sandbox itself. A kubelet that looks in between sees dead apps
    in a sandbox that is ready and rightly restarts them in place (seen under load), so the sandbox has to go first.
    """
    sandbox = known(lambda: live_sandbox(context.timeline()))
    context.runtime.kill(context.node, sandbox.id)
    return sandbox.id


@dataclass(frozen=True)
class KillContainers(PodFaultFromNode):
    """SIGKILL the main process of containers, one right after the other."""

    containers: tuple[str, ...]
    name: str = "kill_containers"

    @property
    def target(self) -> str:
        """The containers."""
        return ", ".join(self.containers)

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Send the signals."""
        ids = known(lambda: {n: live_run(context.timeline(), n).container_id for n in self.containers})
        for cid in ids.values():
            context.runtime.kill(context.node, cid)
        return {"ids": ids}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The runtime saw every one of those containers exit by SIGKILL."""
        ended = {r.data["id"]: int(r.data["code"]) for r in timeline.of(Kind.CONTAINER_EXITED)}
        return all(ended.get(cid) == _KILLED for cid in mark.facts["ids"].values())


def kill(*containers: str) -> KillContainers:
    """Return the fault that kills containers from the node."""
    return KillContainers(containers)


@dataclass(frozen=True)
class KillPause(PodFaultFromNode):
    """SIGKILL the sandbox's own process; the containers in it go on living until the kubelet acts."""

    name: str = "kill_pause"

    @property
    def target(self) -> str:
        """The sandbox."""
        return "pause process of the sandbox"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Send the signal."""
        return {"sandbox": _strike(context)}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The runtime saw that sandbox exit by SIGKILL."""
        return any(
            r.data["id"] == mark.facts["sandbox"] and int(r.data["code"]) == _KILLED
            for r in timeline.of(Kind.SANDBOX_EXITED)
        )


@dataclass(frozen=True)
class StopSandbox(PodFaultFromNode):
    """Stop the sandbox by CRI, as upstream's simulated reboot does; its containers are stopped with it."""

    name: str = "stop_sandbox"

    @property
    def target(self) -> str:
        """The sandbox."""
        return "sandbox"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """End the sandbox's process, then call StopPodSandbox until it succeeds.

        The kubelet stops a sandbox that is not ready too, and CRI fails one of two that take its network down.
        """
        sandbox = _strike(context)
        until_done(lambda: context.runtime.stop_sandbox(context.node, sandbox))
        return {"sandbox": sandbox}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The runtime saw that sandbox exit."""
        return any(r.data["id"] == mark.facts["sandbox"] for r in timeline.of(Kind.SANDBOX_EXITED))


def _remove(context: FaultContext, sandbox_id: str) -> None:
    listed = [item["id"] for item in context.runtime.sandboxes(context.node)]
    if sandbox_id not in listed:
        return
    context.runtime.remove_sandbox(context.node, sandbox_id)
    if sandbox_id in [item["id"] for item in context.runtime.sandboxes(context.node)]:
        raise NotDoneError(f"sandbox {sandbox_id} is still listed")


@dataclass(frozen=True)
class RemoveSandbox(PodFaultFromNode):
    """Stop the sandbox and remove its record by CRI: the kubelet finds no trace of it."""

    name: str = "remove_sandbox"

    @property
    def target(self) -> str:
        """The sandbox and its record."""
        return "sandbox and its record"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """End the sandbox's process, then call StopPodSandbox and RemovePodSandbox until the record is gone.

        The kubelet clears up a stopped sandbox at the same time, and CRI refuses the second of two removals of one
        container; only the absence of the record counts.
        """
        sandbox = _strike(context)
        until_done(lambda: _remove(context, sandbox))
        return {"sandbox": sandbox, "record_absent": True}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The runtime saw that sandbox exit, and CRI no longer lists it."""
        return bool(mark.facts["record_absent"]) and any(
            r.data["id"] == mark.facts["sandbox"] for r in timeline.of(Kind.SANDBOX_EXITED)
        )


def kill_pause() -> KillPause:
    """Return the fault that kills the sandbox's pause process."""
    return KillPause()


def stop_sandbox() -> StopSandbox:
    """Return the fault that stops the sandbox."""
    return StopSandbox()


def remove_sandbox() -> RemoveSandbox:
    """Return the fault that removes the sandbox with its record."""
    return RemoveSandbox()
