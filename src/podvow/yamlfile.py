"""YAML that others may have written: JSON values and nothing else, bounded in size, depth and expansion.

The values are built from the parser's events, without the constructors of PyYAML: no tag makes an object, no alias
makes a value that contains itself, a few hundred bytes never become gigabytes, and a key that stands twice is an
error, as it is for `kubectl` (strict validation). What YAML 1.1 takes for a date or for a number to base 60 stays
the text that it is, as in Kubernetes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from podvow.errors import UsageError
from podvow.inputs import MAX_BYTES, MAX_DEPTH, clipped, read_text

MAX_NODES = 250_000
"""How many values a file may hold after its aliases were put in; the longest table of requests has 20,000."""
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C takes a tenth of the time."""
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null"})
_PLAIN = frozenset({"timestamp", "value"})
"""What YAML 1.1 reads as something special and JSON does not know: it stays a text."""


def load(path: Path, *, what: str, limit: int = MAX_BYTES) -> Any:
    """Return the one document of a YAML file; None when it is empty.

    Args:
        path: the file.
        what: what it should be, for the error message.
        limit: how many bytes it may have.

    Raises:
        UsageError: it cannot be read, is no YAML of JSON values, or holds several documents.
    """
    return loads(read_text(path, what=what, limit=limit), where=path, what=what)


def loads(text: str, *, where: Path, what: str) -> Any:
    """Return the one document of a text that was read from a file already; see `load`."""
    documents = _documents(text, where=where, what=what)
    if len(documents) > 1:
        raise UsageError(f"{where}: broken {what}: {len(documents)} documents where one was expected")
    return documents[0] if documents else None


def load_all(path: Path, *, what: str, limit: int = MAX_BYTES) -> list[Any]:
    """Return all documents of a YAML file; see `load`."""
    return _documents(read_text(path, what=what, limit=limit), where=path, what=what)


def _documents(text: str, *, where: Path, what: str) -> list[Any]:
    try:
        return list(_Reader(text).documents())
    except _BrokenError as error:
        raise UsageError(f"{where}:{error.line}: broken {what}: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{where}{_place(error)}: broken {what}: {_said(error)}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: broken {what}: {clipped(str(error))}") from error


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _said(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None)
    return clipped(str(problem or getattr(error, "reason", None) or error))


class _BrokenError(Exception):
    """Something that a plain file would not say."""

    def __init__(self, text: str, event: Any) -> None:
        super().__init__(text)
        self.line = event.start_mark.line + 1 if event.start_mark else 1


@dataclass
class _Anchor:
    """A named value; not `ready` while it is being read."""

    value: Any = None
    size: int = 0
    ready: bool = False


@dataclass
class _Reader:
    """Builds values from the events of one text."""

    text: str
    _size: int = 0
    _anchors: dict[str, _Anchor] = field(default_factory=dict)

    def documents(self) -> Iterator[Any]:
        self._events = yaml.parse(self.text, Loader=_PARSER)
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._value(next(self._events), 0)

    def _grow(self, by: int, event: Any) -> None:
        self._size += by
        if self._size > MAX_NODES:
            raise _BrokenError(f"more than {MAX_NODES} values, aliases counted", event)

    def _value(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _BrokenError(f"nested deeper than {MAX_DEPTH}", event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._size
        self._grow(1, event)
        anchor = _Anchor()
        if event.anchor:
            self._anchors[event.anchor] = anchor
        if isinstance(event, yaml.ScalarEvent):
            anchor.value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            _only(event, "seq")
            anchor.value = [self._value(inner, depth + 1) for inner in iter(self._next, None)]
        else:
            _only(event, "map")
            anchor.value = self._mapping(depth)
        anchor.size = self._size - before
        anchor.ready = True
        return anchor.value

    def _next(self) -> Any:
        """Return the next event of a collection, None at its end."""
        event = next(self._events)
        return None if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent) else event

    def _alias(self, event: Any) -> Any:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise _BrokenError(f"alias *{event.anchor} without an anchor", event)
        if not anchor.ready:
            raise _BrokenError(f"alias *{event.anchor} inside of what it names", event)
        self._grow(anchor.size, event)
        # A copy: an edit of one part must not reach those that share it.
        return copy.deepcopy(anchor.value)

    def _mapping(self, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for event in iter(self._next, None):
            if not isinstance(event, yaml.ScalarEvent):
                raise _BrokenError("a key that is no plain text", event)
            value_event = next(self._events)
            if event.value == "<<" and event.implicit[0] and event.tag is None:
                for part in _mappings(self._value(value_event, depth + 1), value_event):
                    merged = {**part, **merged}
                continue
            key = _scalar(event)
            if not isinstance(key, str):
                raise _BrokenError(f"key {clipped(event.value)} is no text: quote it", event)
            if key in own:
                raise _BrokenError(f"key {clipped(key)!r} twice in one mapping", event)
            own[key] = self._value(value_event, depth + 1)
        return {**merged, **own}


def _mappings(value: Any, event: Any) -> list[dict[str, Any]]:
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, dict) for part in parts):
        raise _BrokenError("<< takes a mapping, or a list of mappings", event)
    return parts


def _only(event: Any, name: str) -> None:
    if event.tag not in {None, "!", f"{_TAG}{name}"}:
        raise _BrokenError(f"tag {clipped(event.tag)} is not allowed", event)


_RESOLVER: Any = yaml.resolver.Resolver()
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()


def _scalar(event: Any) -> Any:
    try:
        event.value.encode()
    except UnicodeEncodeError as error:
        raise _BrokenError("half a character (a lone surrogate)", event) from error
    tag = event.tag
    if tag == "!":
        return event.value
    if tag is None:
        tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
    name = tag.removeprefix(_TAG)
    if name in _PLAIN and event.tag is None:
        return event.value
    if name not in _SCALARS:
        raise _BrokenError(f"tag {clipped(tag)} is not allowed", event)
    if name == "str" or (name in {"int", "float"} and ":" in event.value):
        return event.value
    node = yaml.ScalarNode(tag, event.value)
    try:
        value = getattr(_CONSTRUCTOR, f"construct_yaml_{name}")(node)
    except (ValueError, KeyError, IndexError) as error:
        raise _BrokenError(f"{clipped(event.value)!r} is no {name}", event) from error
    if isinstance(value, float) and not math.isfinite(value):
        raise _BrokenError(f"{clipped(event.value)} is no JSON number", event)
    return value
