"""Faults through the node's container runtime: killed containers, lost sandboxes.

Signals go through `ctr tasks kill`; sandboxes and records go through CRI, because the CRI plugin of containerd
keeps a store of its own that `ctr` does not reach (a fault that never took place once looked like a result).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tenacity

from podvow.cluster.process import CommandError
from podvow.errors import InjectionError
from podvow.faults.base import NODE_ACCESS, FaultContext, Isolation
from podvow.timeline import Run, Sandbox, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark

_KILLED = 137
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class _RuntimeFault:
    """Common part: reaches one Pod, needs the node."""

    @property
    def isolation(self) -> Isolation:
        """One Pod."""
        return Isolation.POD

    @property
    def needs(self) -> frozenset[str]:
        """Commands on the node."""
        return frozenset({NODE_ACCESS})

    def undo(self, context: FaultContext) -> None:
        """Nothing: the kubelet or the Pod's deletion clears it up."""


def _live(timeline: Timeline, container: str) -> Run:
    runs = [r for r in timeline.runs(container) if r.container_id and r.exit is None]
    if not runs:
        raise InjectionError(f"container {container} is not known to run")
    return runs[-1]


def _sandbox(timeline: Timeline) -> Sandbox:
    alive = [s for s in timeline.sandboxes() if s.exit is None]
    if not alive:
        raise InjectionError("the Pod has no live sandbox that the runtime source saw")
    return alive[-1]


@dataclass(frozen=True)
class KillContainers(_RuntimeFault):
    """SIGKILL the main process of containers, one right after the other."""

    containers: tuple[str, ...]
    name: str = "kill_containers"

    @property
    def target(self) -> str:
        """The containers."""
        return ", ".join(self.containers)

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Send the signals."""
        timeline = context.timeline()
        ids = {name: _live(timeline, name).container_id for name in self.containers}
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
class KillPause(_RuntimeFault):
    """SIGKILL the sandbox's own process; the containers in it go on living until the kubelet acts."""

    name: str = "kill_pause"

    @property
    def target(self) -> str:
        """The sandbox."""
        return "pause process of the sandbox"

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Send the signal."""
        sandbox = _sandbox(context.timeline())
        context.runtime.kill(context.node, sandbox.id)
        return {"sandbox": sandbox.id}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """The runtime saw that sandbox exit by SIGKILL."""
        return any(
            r.data["id"] == mark.facts["sandbox"] and int(r.data["code"]) == _KILLED
            for r in timeline.of(Kind.SANDBOX_EXITED)
        )


class _StillThereError(InjectionError):
    """CRI still lists a sandbox that was removed."""


def _until_done(act: Callable[[], None]) -> None:
    """Repeat what CRI refuses while the kubelet does the same; what counts is that it is done in the end."""
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((CommandError, _StillThereError)),
        stop=tenacity.stop_after_delay(_PATIENCE_S),
        wait=tenacity.wait_fixed(0.2),
        reraise=True,
    ):
        with attempt:
            act()


def _strike(context: FaultContext) -> str:
    """Kill the sandbox's own process and return the sandbox's id.

    CRI stops the containers of a sandbox before the sandbox itself. A kubelet that looks in between sees dead apps
    in a sandbox that is ready and rightly restarts them in place (seen under load), so the sandbox has to go first.
    """
    sandbox = _sandbox(context.timeline())
    context.runtime.kill(context.node, sandbox.id)
    return sandbox.id


@dataclass(frozen=True)
class StopSandbox(_RuntimeFault):
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
        _until_done(lambda: context.runtime.stop_sandbox(context.node, sandbox))
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
        raise _StillThereError(f"sandbox {sandbox_id} is still listed")


@dataclass(frozen=True)
class RemoveSandbox(_RuntimeFault):
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
        _until_done(lambda: _remove(context, sandbox))
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
