"""The lines of a journal: a header, entries, what was done, and the end; as values and as JSON.

The same JSON stands in the journal's file and in its mirror in the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podvow.journal import undo as undoing
from podvow.journal.undo import Undo

SCHEMA = 1
_ENTRY = {"schema", "id", "at_ns", "what", "words", "undo", "facts"}


@dataclass(frozen=True)
class Header:
    """What a journal belongs to.

    Attributes:
        run: id of the run.
        version: of podvow, which wrote it.
        at_ns: when it was begun, in nanoseconds since the epoch.
        cluster: `provider`, `name`, `kubeconfig` (a path), `context` and `identity`; never credentials.
    """

    run: str
    version: str
    at_ns: int
    cluster: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What tells the cluster from every other one; empty when it was not known."""
        identity = self.cluster.get("identity")
        return identity if isinstance(identity, Mapping) else {}

    @property
    def json(self) -> str:
        """The line."""
        raw = {
            "schema": SCHEMA,
            "run": self.run,
            "podvow": self.version,
            "at_ns": self.at_ns,
            "cluster": dict(self.cluster),
        }
        return json.dumps(raw, sort_keys=True)


@dataclass(frozen=True)
class Entry:
    """A change and how it is taken back.

    Attributes:
        id: counts from 1 within a run.
        at_ns: when it was written, in nanoseconds since the epoch.
        what: what kind of change, e.g. `namespace`, `fault`.
        words: the undo for people.
        undo: the undo.
        facts: more about the change.
    """

    id: int
    at_ns: int
    what: str
    words: str
    undo: Undo
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> str:
        """The line."""
        raw = {
            "schema": SCHEMA,
            "id": self.id,
            "at_ns": self.at_ns,
            "what": self.what,
            "words": self.words,
            "undo": undoing.raw(self.undo),
            "facts": dict(self.facts),
        }
        return json.dumps(raw, sort_keys=True)


@dataclass(frozen=True)
class Done:
    """Changes that are taken back.

    Attributes:
        ids: of the entries.
        at_ns: when, in nanoseconds since the epoch.
        note: how, when it was not simply the undo.
    """

    ids: tuple[int, ...]
    at_ns: int
    note: str = ""

    @property
    def json(self) -> str:
        """The line."""
        return json.dumps({"done": list(self.ids), "at_ns": self.at_ns, "note": self.note}, sort_keys=True)


@dataclass(frozen=True)
class End:
    """Nothing is open any more.

    Attributes:
        at_ns: since when, in nanoseconds since the epoch.
        note: why, when it was not simply the run's end.
    """

    at_ns: int
    note: str = ""

    @property
    def json(self) -> str:
        """The line."""
        return json.dumps({"closed": True, "at_ns": self.at_ns, "note": self.note}, sort_keys=True)


Line = Header | Entry | Done | End


def parse_header(value: object) -> Header:
    """Return a header.

    Raises:
        ValueError: it is none, or one of another version.
    """
    raw = _object(value)
    if raw.get("schema") != SCHEMA or isinstance(raw.get("schema"), bool):
        raise ValueError(f"schema {raw.get('schema')!r}; this podvow reads schema {SCHEMA}")
    cluster = raw.get("cluster")
    if not isinstance(cluster, Mapping):
        raise ValueError("the header names no cluster")  # noqa: TRY004 (one error for all)
    for key in ("provider", "name", "kubeconfig", "context"):
        if not isinstance(cluster.get(key, ""), str):
            raise ValueError(f"the cluster's {key} is no text")  # noqa: TRY004 (one error for all)
    return Header(_text(raw, "run"), _text(raw, "podvow"), _whole(raw, "at_ns"), dict(cluster))


def parse_entry(value: object) -> Entry:
    """Return an entry.

    Raises:
        ValueError: it is none, or one of another version.
    """
    raw = _object(value)
    if raw.get("schema") != SCHEMA or isinstance(raw.get("schema"), bool):
        raise ValueError(f"schema {raw.get('schema')!r}; this podvow reads schema {SCHEMA}")
    if set(raw) != _ENTRY:
        raise ValueError(f"an entry needs {', '.join(sorted(_ENTRY))}, not {', '.join(sorted(raw))}")
    facts = raw["facts"]
    if not isinstance(facts, Mapping):
        raise ValueError("facts is no object")  # noqa: TRY004 (one error for all)
    undo = undoing.parse(raw["undo"])
    return Entry(
        _whole(raw, "id"), _whole(raw, "at_ns"), _text(raw, "what"), _text(raw, "words"), undo, dict(facts)
    )


def parse_later(value: object) -> Entry | Done | End:
    """Return a line that is not the first.

    Raises:
        ValueError: it is no line of a journal.
    """
    raw = _object(value)
    if "done" in raw:
        ids = raw["done"]
        if not isinstance(ids, list) or not all(_is_whole(each) for each in ids):
            raise ValueError("done is no list of ids")
        return Done(tuple(ids), _whole(raw, "at_ns"), _text(raw, "note"))
    if "closed" in raw:
        if raw["closed"] is not True:
            raise ValueError("closed is not true")
        return End(_whole(raw, "at_ns"), _text(raw, "note"))
    return parse_entry(raw)


def unique(entries: Iterable[Entry]) -> list[Entry]:
    """Return the newest entry of each undo, newest first: the order in which they are carried out."""
    found: dict[Undo, Entry] = {}
    for entry in sorted(entries, key=lambda each: each.id, reverse=True):
        found.setdefault(entry.undo, entry)
    return list(found.values())


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"an object was expected, not {type(value).__name__}")  # noqa: TRY004 (one error for all)
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _whole(raw: Mapping[str, Any], key: str) -> int:
    value = raw.get(key)
    if not _is_whole(value):
        raise ValueError(f"{key} is no whole number: {value!r}")
    return int(raw[key])


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text: {value!r}")  # noqa: TRY004 (one error for all)
    return value
