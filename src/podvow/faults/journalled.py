"""A fault whose undo is written to the journal before it is injected, and noted as done after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podvow.faults.base import Fault, FaultContext, Isolation
from podvow.journal.log import Journal
from podvow.journal.undo import DeleteNamespace, Undo
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark


class Journalled:
    """Wraps a fault; used for one injection.

    Args:
        fault: the fault.
        undo: how it is taken back, as data.
        journal: takes it.
    """

    def __init__(self, fault: Fault, undo: Undo, journal: Journal) -> None:
        self._fault = fault
        self._undo = undo
        self._journal = journal
        self._entry = 0

    @property
    def fault(self) -> Fault:
        """The fault itself."""
        return self._fault

    @property
    def name(self) -> str:
        """As the fault."""
        return self._fault.name

    @property
    def target(self) -> str:
        """As the fault."""
        return self._fault.target

    @property
    def isolation(self) -> Isolation:
        """As the fault."""
        return self._fault.isolation

    @property
    def needs(self) -> frozenset[str]:
        """As the fault."""
        return self._fault.needs

    def prepare(self, context: FaultContext) -> None:
        """Write it to the journal. Apart from `inject`, so that the moment of the injection is told after it.

        Raises:
            OSError: the disk does not take it.
            ApiError: the mirror in the cluster does not take it.
        """
        facts = {"fault": self.name, "target": self.target, "namespace": context.namespace, "node": context.node}
        self._entry = self._journal.open("fault", self._undo, **facts)

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        """Inject it; it must have been prepared."""
        with self._journal.making(self._entry):
            return self._fault.inject(context)

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        """As the fault."""
        return self._fault.observed(timeline, mark)

    def undo(self, context: FaultContext) -> None:
        """Undo it, unless it never came to be made; what goes with its namespace is noted with that."""
        if not self._entry:
            return
        if isinstance(self._undo, DeleteNamespace):
            self._fault.undo(context)
            return
        with self._journal.undoing(self._entry):
            self._fault.undo(context)
