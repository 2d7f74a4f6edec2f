"""Append-only journal of every change to the cluster: its undo is on the disk before the change is made."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import podvow
from podvow.api import ApiError
from podvow.errors import UsageError
from podvow.journal import faultpoint, reading
from podvow.journal.entry import Done, End, Entry, Header, Line
from podvow.journal.undo import Undo, node_of

_LOG = logging.getLogger(__name__)
FILE = "journal.jsonl"
"""Name of the file in the run's folder."""


class Mirror(Protocol):
    """A second place for the undos that cannot be found by labels."""

    def put(self, entry: Entry) -> None:
        """Keep an entry; returns when it is kept."""

    def drop(self, ids: Iterable[int]) -> None:
        """Forget entries that are done."""


class InUseError(UsageError):
    """The run that writes this journal is alive, or it is being recovered already."""


class Journal:
    """JSON lines, locked by this process as long as it is open: that tells others that the run is alive.

    Args:
        path: the file; it is created, or gone on with.
        run: id of the run.
        cluster: what the header says of the cluster; see `entry.Header`.

    Raises:
        InUseError: another process has it.
        UsageError: it is there and broken.
    """

    def __init__(self, path: Path, *, run: str, cluster: Mapping[str, Any] | None = None) -> None:
        faultpoint.check()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._mirror: Mirror | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                hint = "wait for its end, or end it; podvow recover takes care of dead runs only"
                raise InUseError(
                    f"run {run} is alive, or is being recovered by another process", hint=hint
                ) from error
            history = reading.read(path)
            os.ftruncate(self._file, history.whole)
            self._entries = dict(history.entries)
            self._open = dict.fromkeys(history.open)
            self.header = history.header or Header(run, podvow.__version__, time.time_ns(), dict(cluster or {}))
            if history.header is None:
                self._write(self.header, sync=True)
                _sync_folder(path.parent)
        except BaseException:
            os.close(self._file)
            raise

    def mirror_to(self, mirror: Mirror) -> None:
        """Keep from now on a copy of what cannot be found by labels; what is open already is copied now."""
        self._mirror = mirror
        for entry in self.open_entries:
            if entry.undo.mirrored:
                mirror.put(entry)

    def open(self, what: str, undo: Undo, **facts: Any) -> int:
        """Note a change that is about to be made; on the disk and in the mirror when this returns.

        Args:
            what: what kind of change, e.g. `namespace`, `fault`.
            undo: how it is taken back.
            facts: more about it, for readers.

        Returns:
            Id of the entry.

        Raises:
            OSError: the disk does not take it: the change must not be made.
            ApiError: the mirror does not take it: likewise.
        """
        with self._lock:
            entry = Entry(max(self._entries, default=0) + 1, time.time_ns(), what, undo.words, undo, facts)
            self._write(entry, sync=True)
            self._entries[entry.id] = entry
            self._open[entry.id] = None
        if undo.mirrored and self._mirror is not None:
            try:
                self._mirror.put(entry)
            except ApiError:
                self.done(entry.id, note="not mirrored, so not made")
                raise
        faultpoint.hit(entry.id, "before")
        return entry.id

    @contextlib.contextmanager
    def change(self, what: str, undo: Undo, **facts: Any) -> Iterator[int]:
        """Note a change, let it be made; see `open`. It stays open, even if making it failed half-way."""
        entry = self.open(what, undo, **facts)
        with self.making(entry):
            yield entry

    @contextlib.contextmanager
    def making(self, entry: int) -> Iterator[None]:
        """Let the change of an entry be made."""
        with faultpoint.making(entry):
            yield

    @contextlib.contextmanager
    def undoing(self, entry: int) -> Iterator[None]:
        """Let a change be taken back, then note that it is; it stays open when that fails."""
        faultpoint.hit(entry, "undoing")
        yield
        faultpoint.hit(entry, "undone")
        self.done(entry)

    def done(self, *ids: int, note: str = "") -> None:
        """Note that changes are taken back.

        Not forced to the disk: if this line is lost with the machine, its undo is carried out again, without harm.
        """
        with self._lock:
            fresh = tuple(each for each in ids if each in self._open)
            if not fresh:
                return
            try:
                self._write(Done(fresh, time.time_ns(), note), sync=False)
            except OSError as error:
                _LOG.warning("journal: %s", error)
                return
            for each in fresh:
                del self._open[each]
        mirrored = [each for each in fresh if self._entries[each].undo.mirrored]
        if mirrored and self._mirror is not None:
            # What stays in the mirror is undone once more by who finds it, without harm.
            with contextlib.suppress(ApiError):
                self._mirror.drop(mirrored)

    def settle(self, undo: Undo, note: str = "") -> None:
        """Note that an undo was carried out, for all changes that it takes back."""
        self.done(*(entry.id for entry in self.open_entries if entry.undo == undo), note=note)

    @property
    def open_entries(self) -> list[Entry]:
        """The changes that are not taken back, oldest first."""
        with self._lock:
            return [self._entries[each] for each in self._open]

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes on which something was changed."""
        with self._lock:
            return frozenset(node_of(entry.undo) for entry in self._entries.values()) - {""}

    def close(self, note: str = "") -> None:
        """Give the journal up; its last word is that nothing is open, if so. Harmless when it is closed."""
        with self._lock:
            if self._file < 0:
                return
            try:
                if not self._open:
                    self._write(End(time.time_ns(), note), sync=True)
            finally:
                os.close(self._file)
                self._file = -1

    def _write(self, line: Line, *, sync: bool) -> None:
        """Append a line, whole or not at all."""
        data = f"{line.json}\n".encode()
        before = os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
            if sync:
                os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise


def _sync_folder(folder: Path) -> None:
    """Force a new file's name to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
