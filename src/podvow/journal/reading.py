"""Reading a journal: what is open, in a file whose last line may be missing its end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from podvow.errors import UsageError
from podvow.journal.entry import Done, End, Entry, Header, parse_header, parse_later

_LARGEST = 256 << 20
"""Bytes; a run of all suites writes less than one thousandth of that."""
_TAIL = 4096


class OlderJournalError(UsageError):
    """A journal of a podvow that wrote no undo as data; what it made is found by its labels."""


@dataclass(frozen=True)
class History:
    """What a journal says.

    Attributes:
        path: the file.
        header: None for a journal that was not even begun: nothing was changed.
        entries: all entries by id.
        open: the ids of those that are not taken back, in the order in which they were made.
        closed: whether its last word is that nothing is open.
        whole: length up to the end of the last whole line, in bytes.
    """

    path: Path
    header: Header | None
    entries: Mapping[int, Entry]
    open: tuple[int, ...]
    closed: bool
    whole: int

    @property
    def open_entries(self) -> list[Entry]:
        """The entries that are not taken back, oldest first."""
        return [self.entries[each] for each in self.open]


def read(path: Path) -> History:
    """Read a journal.

    A last line without its end was being written when the harness died: its change was never made. It is left out.

    Raises:
        UsageError: the file cannot be read, or something else in it is wrong; names file and line.
        OlderJournalError: it was written before undos were data.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _wrong(path, 0, f"it is larger than {_LARGEST >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"journal {path} cannot be read: {error.strerror}", hint=_hint(path)) from error
    whole = data.rfind(b"\n") + 1
    header: Header | None = None
    entries: dict[int, Entry] = {}
    open_ids: dict[int, None] = {}
    closed = False
    for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
        try:
            value = json.loads(line)
            if header is None:
                if isinstance(value, dict) and "schema" not in value and "undo" in value:
                    raise OlderJournalError(f"journal {path} was written by an older podvow")
                header = parse_header(value)
                continue
            told = parse_later(value)
            _apply(told, entries, open_ids)
            closed = isinstance(told, End)
        except (ValueError, RecursionError) as error:
            raise _wrong(path, number, str(error) or type(error).__name__) from error
    return History(path, header, entries, tuple(open_ids), closed, whole)


def _apply(told: Entry | Done | End, entries: dict[int, Entry], open_ids: dict[int, None]) -> None:
    match told:
        case Entry():
            if told.id in entries:
                raise ValueError(f"entry {told.id} is there twice")
            if entries and told.id < max(entries):
                raise ValueError(f"entry {told.id} comes too late")
            entries[told.id] = told
            open_ids[told.id] = None
        case Done():
            for each in told.ids:
                if each not in entries:
                    raise ValueError(f"entry {each} is done and was never made")
                open_ids.pop(each, None)
        case End():
            if open_ids:
                raise ValueError(f"closed although {', '.join(map(str, open_ids))} are open")


def is_closed(path: Path) -> bool:
    """Tell by the last line alone whether a journal is closed; False when that cannot be told."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            lines = file.read().split(b"\n")
        # after the last line's end there is nothing
        last = json.loads(lines[-2]) if len(lines) > 1 and not lines[-1] else None
    except (OSError, ValueError):
        return False
    return isinstance(last, dict) and last.get("closed") is True


def _wrong(path: Path, number: int, why: str) -> UsageError:
    where = f", line {number}" if number else ""
    return UsageError(f"journal {path}{where}: {why}", hint=_hint(path))


def _hint(path: Path) -> str:
    return (
        f"what is in the cluster is recovered without it: podvow recover --run {path.parent.name} --name CLUSTER"
        "; then move the file away"
    )
