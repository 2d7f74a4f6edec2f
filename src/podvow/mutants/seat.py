"""A program of the cluster that is swapped for one with mutants in it, and the node that it is on."""

from __future__ import annotations

from typing import Protocol

from podvow.errors import PodvowError
from podvow.faults import othercomponent, otherkubelet
from podvow.faults.upkeep import node_clock
from podvow.journal.act import Site, act
from podvow.journal.log import Journal
from podvow.journal.undo import RestoreComponent, RestoreKubelet
from podvow.mutants.build import Program
from podvow.mutants.definition import Target
from podvow.mutants.weave import SEPARATOR, VARIABLE
from podvow.safety.guard import Guard


class Seat(Protocol):
    """What a campaign needs of the program that it swaps.

    Attributes:
        name: of the node that the program is on.
        pods: the one node that the Pods of its trials go to; empty for all.
    """

    name: str
    pods: str

    def choose(self, program: Program, *mutants: str) -> float:
        """Let the node run a program with some of its mutants active, mostly one, or none.

        Returns:
            How long it took until it worked, in seconds.

        Raises:
            PodvowError: it could not be done.
        """

    def panics(self) -> int:
        """Return how often the program has crashed since the last choice."""

    def restore(self) -> str:
        """Let the node run its own program again; return what was done, in words."""


class Worker:
    """One node on which kubelets are swapped; it takes the Pods, for no other kubelet has the bug.

    Args:
        site: its cluster.
        guard: is asked before each change.
        name: of the node.
        journal: has the undo.
        entry: its number there.
    """

    def __init__(self, site: Site, guard: Guard, name: str, *, journal: Journal, entry: int) -> None:
        self._site = site
        self._guard = guard
        self._context = site.context(name)
        self._journal = journal
        self._entry = entry
        self.name = self.pods = name
        self._since_s = 0.0

    def choose(self, program: Program, *mutants: str) -> float:
        """Let the node run a kubelet and wait until it is ready; see `Seat.choose`."""
        self._guard.check(self.name)
        with self._journal.making(self._entry):
            otherkubelet.put(self._context, program.path.read_bytes(), program.digest)
            self._since_s = node_clock(self._context)
            return otherkubelet.choose(self._context, program.digest, VARIABLE, SEPARATOR.join(mutants))

    def panics(self) -> int:
        """Return how often the kubelet has crashed since the last choice."""
        return otherkubelet.panics(self._context, self._since_s)

    def restore(self) -> str:
        """Let the node run its own kubelet again; return what was done, in words."""
        return act(RestoreKubelet(self.name), self._site)


class Component:
    """A component of the control plane; its bug is in the whole cluster, so any node takes the Pods.

    Args:
        site: its cluster.
        guard: is asked before each change.
        name: of the node that it runs on.
        target: which component it is.
        journal: has the undo.
        entry: its number there.
    """

    pods = ""

    def __init__(
        self, site: Site, guard: Guard, name: str, target: Target, *, journal: Journal, entry: int
    ) -> None:
        self._site = site
        self._guard = guard
        self._context = site.context(name)
        self._target = target
        self._journal = journal
        self._entry = entry
        self.name = name
        self._since_s = 0.0

    def choose(self, program: Program, *mutants: str) -> float:
        """Let the component run a program and wait until the control plane works; see `Seat.choose`.

        One that does not work is taken back at once: without an API server nothing could be chosen after it.
        """
        self._guard.check(self.name)
        with self._journal.making(self._entry):
            othercomponent.put(self._context, self._target, program.path.read_bytes(), program.digest)
            self._since_s = node_clock(self._context)
            try:
                return othercomponent.choose(
                    self._context, self._target, program.digest, VARIABLE, SEPARATOR.join(mutants)
                )
            except PodvowError:
                self.restore()
                raise

    def panics(self) -> int:
        """Return how often the component has crashed since the last choice."""
        return othercomponent.panics(self._context, self._target, self._since_s)

    def restore(self) -> str:
        """Let the component run its own program again; return what was done, in words."""
        return act(RestoreComponent(self.name, self._target), self._site)
