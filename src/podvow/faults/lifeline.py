"""What heals the nodes of a run if the run dies: a timer on each disturbed node, and a watchdog on this machine.

The timer reaches everything that a node can do for itself; the watchdog what it cannot, frozen or without power.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field

from podvow.cluster.node import NodeAccess, NodePower
from podvow.cluster.process import CommandError
from podvow.errors import InjectionError
from podvow.faults import deadman
from podvow.faults.base import Fault, Outage
from podvow.journal.log import Journal
from podvow.journal.undo import DisarmTimer
from podvow.watchdog.leash import Watchdog

MARGIN_S = 900.0
"""How much longer than the longest scenario a node is left disturbed, at most."""
_FRESH_S = 30.0
_OUTAGE_MARGIN_S = 240.0


@dataclass
class _Timer:
    """A node's timer as this run sees it.

    Attributes:
        lock: one call at a time.
        holds: how many of this run need it.
        entry: its entry in the journal.
        armed_at: monotonic moment of the last arming, in seconds.
        fired: whether it went off under this run.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    holds: int = 0
    entry: int = 0
    armed_at: float = 0.0
    fired: bool = False


class Lifeline:
    """Arms and disarms what heals nodes, for all scenarios of a run.

    Args:
        access: way onto the nodes.
        run_id: under which the nodes know this run.
        journal: takes every timer before it is armed.
        watchdog: heals from outside.
        seconds: after which a node that nobody let go is healed.
    """

    def __init__(
        self, access: NodeAccess, run_id: str, journal: Journal, watchdog: Watchdog, *, seconds: float = MARGIN_S
    ) -> None:
        self._access = access
        self._run_id = run_id
        self._journal = journal
        self._watchdog = watchdog
        self._seconds = seconds
        self._timers: dict[str, _Timer] = {}
        self._lock = threading.Lock()

    def hold(self, node: str, *, resource: str = "") -> None:
        """Arm a node's timer, to be called before the node is disturbed; each call needs one of `release`.

        Args:
            node: the node.
            resource: an extended resource that is about to be put on the Node's status.

        Raises:
            InjectionError: it cannot be armed, or it has gone off under this run: the node must be left alone.
        """
        timer = self._timer(node)
        with timer.lock:
            if not timer.holds:
                timer.fired = False
                timer.entry = self._journal.open("node timer", DisarmTimer(node, self._run_id), node=node)
                with self._journal.making(timer.entry):
                    self._arm(node, timer, resource)
            elif resource or time.monotonic() - timer.armed_at > _FRESH_S:
                self._arm(node, timer, resource)
            timer.holds += 1

    def _timer(self, node: str) -> _Timer:
        with self._lock:
            return self._timers.setdefault(node, _Timer())

    def _arm(self, node: str, timer: _Timer, resource: str = "") -> None:
        try:
            counting = deadman.arm(self._access, node, self._run_id, self._seconds, resource=resource)
        except CommandError as error:
            if not timer.holds:
                # It may have been armed all the same, and the answer was lost.
                with contextlib.suppress(CommandError):
                    deadman.disarm(self._access, node, self._run_id)
                    self._journal.done(timer.entry, note="not armed")
            raise InjectionError(
                f"the dead-man timer of {node} cannot be armed: {error}", hint="the node needs systemd and flock"
            ) from error
        timer.armed_at = time.monotonic()
        if timer.holds and not counting:
            timer.fired = True
            raise InjectionError(f"the dead-man timer of {node} has healed it in the meantime")

    def release(self, node: str) -> bool:
        """Let go of a node that is well again.

        Returns:
            False when its timer has gone off meanwhile: what was seen since is no evidence about the cluster.

        Raises:
            CommandError: the node does not answer; its timer will heal it.
        """
        timer = self._timer(node)
        with timer.lock:
            timer.holds -= 1
            if timer.holds > 0:
                return not timer.fired
            with self._journal.undoing(timer.entry):
                counting = deadman.disarm(self._access, node, self._run_id)
            self._watchdog.close(node)
            return counting and not timer.fired

    def before(self, node: str, fault: Fault, *, held: bool) -> None:
        """Get ready for a fault of a node.

        Args:
            node: the node.
            fault: what is about to be injected.
            held: whether `hold` was called before for the sequence that the fault is part of.

        Raises:
            InjectionError: nothing would heal the node: the fault must not be injected.
        """
        if held:
            timer = self._timer(node)
            with timer.lock:
                if time.monotonic() - timer.armed_at > _FRESH_S:
                    self._arm(node, timer)
        else:
            self.hold(node)
        if isinstance(fault, Outage):
            try:
                access: object = self._access
                address = access.life(node).address if isinstance(access, NodePower) else ""
                self._watchdog.open(node, fault.name, fault.outage_s + _OUTAGE_MARGIN_S, address)
            except BaseException:
                if not held:
                    self.release(node)
                raise

    def after(self, node: str, fault: Fault) -> None:
        """Note that a fault has been injected: a node that was away is back."""
        if isinstance(fault, Outage):
            self._watchdog.close(node)

    def stop(self) -> None:
        """Send the watchdog home; it heals first what is still open."""
        self._watchdog.stop()
