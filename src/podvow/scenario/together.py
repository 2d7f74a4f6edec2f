"""Scenarios that need the same faults of one node share them: all get ready, one injection, all observe."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from podvow.faults.base import Fault, FaultContext, NodeLostError
from podvow.faults.journalled import Journalled
from podvow.faults.lifeline import Lifeline
from podvow.faults.upkeep import repair
from podvow.safety.guard import Guard

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 120.0
_TICK_S = 0.2


class LateError(Exception):
    """The others could not wait any longer: the fault has taken place without this member."""


class Party:
    """The members of a shared sequence of node faults, on one node.

    They meet before each fault; the last to arrive injects it for all. A member that ended, for whatever reason, is
    not waited for, and one that is far behind the others not for ever.

    Args:
        node: where they are.
        expected: keys of all members, running or still to be started.
        length: how many node faults the sequence has.
        before: the party that uses the node until it is over; its members must not be disturbed.
        stop: ends every wait.
        calm: is called when no fault of this party is to come any more.
        guard: is asked before every injection whether this is still the right node of the right cluster.
        lifeline: heals the node if this process dies; None when it is no node of ours to heal.
        patience_s: how long the first to arrive waits for the last, in seconds.
    """

    def __init__(
        self,
        node: str,
        expected: Collection[str],
        length: int,
        *,
        before: Party | None,
        stop: threading.Event,
        calm: Callable[[], None],
        guard: Guard,
        lifeline: Lifeline | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.node = node
        self._expected = set(expected)
        self._joined: set[str] = set()
        self._ending = False
        self._length = length
        self._before = before
        self._stop = stop
        self._calm = calm
        self._guard = guard
        self._lifeline = lifeline
        self._held = False
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._met: dict[int, dict[str, Callable[[], None]]] = {}
        self._facts: dict[int, Mapping[str, Any] | Exception] = {}
        self._closed: set[int] = set()
        self._injected: list[tuple[Fault, FaultContext]] = []
        self._over = threading.Event()
        self.undone: list[str] = []
        self.lost = ""
        self.exclusive_s = 0.0
        self._began = 0.0

    def meet(
        self, key: str, number: int, begin: Callable[[], None], fault: Fault, context: FaultContext
    ) -> Mapping[str, Any]:
        """Wait for the other members, then let one of them inject the fault.

        Args:
            key: the member.
            number: which of the sequence's faults.
            begin: is called for every member before the injection.
            fault: the fault; equal for all members.
            context: the member's own context.

        Returns:
            The facts of the injection, the same for all.

        Raises:
            LateError: the others went on without this member, or the run ends.
            IdentityError: this is not the right cluster any more.
            InjectionError: it could not be injected.
        """
        with self._changed:
            if number in self._closed:
                raise LateError
            arrived = self._met.setdefault(number, {})
            arrived[key] = begin
            self._changed.notify_all()
            since = 0.0
            while number not in self._closed:
                if self._stop.is_set():
                    raise LateError
                if self._granted():
                    since = since or time.monotonic()
                    if self._expected <= set(arrived) or time.monotonic() - since > self._patience_s:
                        self._closed.add(number)
                        return self._lead(number, fault, context)
                self._changed.wait(_TICK_S)
            while number not in self._facts:
                self._changed.wait(_TICK_S)
            return self._result(number)

    def _granted(self) -> bool:
        return self._before is None or self._before.over

    def _lead(self, number: int, fault: Fault, context: FaultContext) -> Mapping[str, Any]:
        """Inject for everybody; the lock is given back meanwhile (called with it held, returns with it held)."""
        members = dict(self._met[number])
        self._began = self._began or time.monotonic()
        self._changed.release()
        try:
            facts: Mapping[str, Any] | Exception = self._inject(fault, context, members.values())
        except Exception as error:  # noqa: BLE001 (every member must be told, whatever it was)
            facts = error
        finally:
            if number + 1 >= self._length:
                self._calm()  # without the lock: it takes the driver's
            self._changed.acquire()
        self._facts[number] = facts
        if isinstance(facts, NodeLostError):
            self.lost = str(facts)
        self._changed.notify_all()
        return self._result(number)

    def _inject(
        self, fault: Fault, context: FaultContext, begins: Iterable[Callable[[], None]]
    ) -> Mapping[str, Any]:
        """Arm what heals the node without us, tell every member, inject; what cannot be armed is not injected."""
        line = self._lifeline
        self._guard.check(self.node)
        real = fault.fault if isinstance(fault, Journalled) else fault
        try:
            if line is not None:
                line.before(self.node, real, held=self._held)
                self._held = True
            self._injected.append((fault, context))
            if isinstance(fault, Journalled):
                fault.prepare(context)
        finally:
            for begin in begins:  # last, so that its moment is the injection's
                begin()
        self._guard.check(self.node)  # what was done for so many members took its time
        facts = dict(fault.inject(context))
        if line is not None:
            line.after(self.node, real)
        return facts

    def _result(self, number: int) -> Mapping[str, Any]:
        facts = self._facts[number]
        if isinstance(facts, Exception):
            raise facts
        return facts

    def join(self, key: str) -> None:
        """Note that a member runs: it will leave one day."""
        with self._changed:
            self._joined.add(key)
            self._expected.add(key)

    def leave(self, key: str, context: FaultContext) -> None:
        """End a member's part; returns when all parts are over and the node is well again.

        Whoever finds that all have left undoes the faults, in reverse order.
        """
        with self._changed:
            self._joined.discard(key)
            self._expected.discard(key)
            for arrived in self._met.values():
                arrived.pop(key, None)
            self._changed.notify_all()
        while not self.over:
            with self._changed:
                # Once a run is stopped, members that have not begun never will.
                if (self._joined if self._stop.is_set() else self._expected) or self._ending:
                    self._changed.wait(_TICK_S)
                    continue
                self._ending = True
            self._end(context)

    def _undo_all(self, context: FaultContext) -> bool:
        """Undo every fault, the last one first; tell whether all of it went well."""
        self.undone.clear()
        went_well = [self._undo(fault, context) for fault, _ in reversed(self._injected)]
        return all(went_well)

    def _undo(self, fault: Fault, context: FaultContext) -> bool:
        try:
            fault.undo(context)
        except NodeLostError as error:
            self.lost = self.lost or str(error)
        except Exception as error:  # noqa: BLE001 (the other faults must be undone all the same)
            _LOG.warning("undo of %s: %s", fault.name, error)
            self.lost = self.lost or f"{fault.name} could not be undone: {error}"
        else:
            self.undone.append(fault.name)
            return True
        return False

    def _let_go(self) -> None:
        """Disarm what would heal the node. A node that is not well keeps it."""
        if self._lifeline is None or not self._held:
            return
        try:
            if not self._lifeline.release(self.node):
                self.lost = self.lost or f"the dead-man timer of {self.node} healed it in the middle"
        except Exception as error:  # noqa: BLE001 (the timer then goes off: harmless, but to be told)
            _LOG.warning("dead-man timer of %s: %s", self.node, error)

    @property
    def over(self) -> bool:
        """Whether all members are done and the node is well again."""
        return self._over.is_set()

    def _end(self, context: FaultContext) -> None:
        try:
            if (self._injected or self._held) and not self._guard.may_undo(self.node):
                names = ", ".join(fault.name for fault, _ in reversed(self._injected)) or "the dead-man timer"
                self.lost = f"{names} was not undone: this is another cluster now"
                return
            undone = self._undo_all(context)
            if self.lost:
                self.lost = f"{self.lost}; {repair(context)}"
                undone = undone or self._undo_all(context)
            if undone:
                self._let_go()
        finally:
            if self._began:
                self.exclusive_s = time.monotonic() - self._began
            self._calm()
            self._over.set()
            with self._changed:
                self._changed.notify_all()
