"""Taking back what one dead run left: on nodes first, newest first, then its namespaces, its own one last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from podvow.api import ApiError
from podvow.deadline import Deadline
from podvow.errors import PodvowError
from podvow.journal import faultpoint, namespaces
from podvow.journal.act import Site, act
from podvow.journal.entry import Entry, unique
from podvow.journal.holdups import holdups
from podvow.journal.report import LEFT, Told
from podvow.journal.undo import DeleteNamespace, Undo
from podvow.labels import JOURNAL_KEY, namespace_of
from podvow.pool import at_once


class Book(Protocol):
    """Where it is noted that an undo was carried out."""

    def settle(self, undo: Undo, note: str = "") -> None:
        """Note it."""


class Recovery:
    """Takes back what dead runs left in one cluster; each undo is a numbered fault point of its own.

    Args:
        site: the cluster.
        patience_s: how long namespaces are waited for, in seconds.
        say: is told what goes on.
    """

    def __init__(self, site: Site, *, patience_s: float, say: Callable[[str], None]) -> None:
        self._site = site
        self._patience_s = patience_s
        self._say = say
        self._steps = 0

    def run(self, told: Told, entries: Sequence[Entry], names: Mapping[str, str], book: Book) -> None:
        """Take back one run.

        Args:
            told: takes what happened.
            entries: its open entries.
            names: its namespaces and the run label of each, as the cluster tells them.
            book: where it is noted.
        """
        began = time.monotonic()
        try:
            self._on_nodes(told, entries, book)
            written = {e.undo.name: e.undo.run for e in entries if isinstance(e.undo, DeleteNamespace)}
            spaces = {**written, **names}
            own = {name: label for name, label in spaces.items() if name == namespace_of(label, JOURNAL_KEY)}
            self._namespaces(told, {name: spaces[name] for name in sorted(spaces.keys() - own)}, book)
            if told.state != LEFT:
                self._namespaces(told, own, book)
        except ApiError as error:
            told.state = LEFT
            told.notes.append(error.message)
        told.wall_s = time.monotonic() - began

    def sweep(self, undos: Iterable[Undo]) -> list[str]:
        """Carry out undos that no journal asked for; return what was done, or why it was not."""
        done = []
        for undo in dict.fromkeys(undos):
            if not isinstance(undo, DeleteNamespace):
                number = self._next()
                faultpoint.hit(number, "undoing")
                try:
                    done.append(act(undo, self._site))
                except (PodvowError, OSError, TimeoutError) as error:
                    done.append(f"{undo.words}: {error}")
                faultpoint.hit(number, "undone")
        return done

    def _next(self) -> int:
        self._steps += 1
        return self._steps

    def _on_nodes(self, told: Told, entries: Sequence[Entry], book: Book) -> None:
        for entry in unique(entries):
            undo = entry.undo
            if isinstance(undo, DeleteNamespace):
                continue
            number = self._next()
            self._say(f"{told.run}: {undo.words}")
            faultpoint.hit(number, "undoing")
            try:
                told.undone.append(act(undo, self._site))
            except (PodvowError, OSError, TimeoutError) as error:
                told.state = LEFT
                told.notes.append(f"{undo.words}: {error}")
                continue
            faultpoint.hit(number, "undone")
            book.settle(undo)

    def _namespaces(self, told: Told, names: Mapping[str, str], book: Book) -> None:
        if not names:
            return
        numbers = {name: self._next() for name in names}
        self._say(f"{told.run}: delete {len(names)} namespace(s)")

        def ask(name: str) -> str:
            faultpoint.hit(numbers[name], "undoing")
            return namespaces.ask(self._site.api, name, names[name])

        answers = dict(zip(names, at_once(ask, names, name="recover"), strict=True))
        deadline = Deadline.after(self._patience_s)
        asked = [name for name, why in answers.items() if not why]
        left = namespaces.await_gone(self._site.api, asked, deadline)
        for name in names:
            if name in left:
                told.state = LEFT
                why = "; ".join(holdups(self._site.api, name)) or "it is still being deleted"
                told.notes.append(f"namespace {name} is still there: {why}")
                continue
            faultpoint.hit(numbers[name], "undone")
            book.settle(DeleteNamespace(name, names[name]), note=answers[name])
            if not answers[name]:
                told.undone.append(f"namespace {name} deleted")
            elif answers[name] != "gone":
                told.notes.append(f"namespace {name} {answers[name]}")
