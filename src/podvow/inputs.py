"""Files that others may have written: read with bounds, and refused as one clear error that names file and place.

Every reader of such a file comes through here (YAML: `podvow.yamlfile`), so that what is broken, huge, foreign or
hostile is a `UsageError` and never a traceback. Nothing that is read is ever changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from podvow.errors import UsageError

T = TypeVar("T")
MAX_DEPTH = 64
"""How deep values may nest: Kubernetes' own objects stay below 20 (a schema inside a definition below 40)."""
MAX_BYTES = 4 << 20
"""A limit for files that people write; etcd takes no object above 1.5 MiB."""
_SHOWN = 160
_PROBLEMS = 5


def read_text(path: Path, *, what: str, limit: int = MAX_BYTES) -> str:
    """Return a file's text.

    Args:
        path: the file.
        what: what it should be, for the error message.
        limit: how many bytes it may have.

    Raises:
        UsageError: it is missing, no plain file, too large or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would block, a device has no end
            raise UsageError(f"{path}: no {what}: it is no plain file")
        with path.open("rb") as handle:
            data = handle.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"{path}: no {what}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > limit:
        raise UsageError(f"{path}: no {what}: larger than {limit >> 20} MiB")
    return decoded(data, where=str(path), what=what)


def decoded(data: bytes, *, where: str, what: str) -> str:
    """Return bytes as text.

    Args:
        data: what was read.
        where: the file, with the line where that is known.
        what: what it should be.

    Raises:
        UsageError: they are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        lines = data.count(b"\n", 0, error.start)
        place = f" (line {lines + 1})" if lines else ""
        raise UsageError(f"{where}: no {what}: not UTF-8, {error.reason}{place}") from error


def parsed(text: str, *, where: str, what: str, unique: bool = True) -> Any:
    """Return the JSON value of a text.

    Args:
        text: JSON.
        where: the file, with the line where that is known.
        what: what it should be.
        unique: refuse a key that stands twice (looking for it takes three times as long as reading).

    Raises:
        UsageError: it is no JSON, names a key twice, has a number or a text that JSON does not know, or nests too
            deep.
    """
    try:
        value = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique if unique else None)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text.rstrip("\n") else ""
        raise UsageError(f"{where}: no {what}: {error.msg} ({line}column {error.colno})") from error
    except RecursionError as error:
        raise UsageError(f"{where}: no {what}: nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise UsageError(f"{where}: no {what}: {clipped(str(error))}") from error
    if text.count("[") + text.count("{") > MAX_DEPTH and _deep(value):
        raise UsageError(f"{where}: no {what}: nested deeper than {MAX_DEPTH}")
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{where}: no {what}: half a character (a lone surrogate)") from error
    return value


def read_json(path: Path, *, what: str, schema: int | None = None, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        path: the file.
        what: what it should be, for the error message.
        schema: the schema version that its key `schema` must have; None for a file without one.
        limit: how many bytes it may have.

    Returns:
        The object without the key `schema`.

    Raises:
        UsageError: it cannot be read, is no JSON object, or is of another schema.
    """
    value = parsed(read_text(path, what=what, limit=limit), where=str(path), what=what)
    if not isinstance(value, dict):
        raise UsageError(f"{path}: no {what}: {_kind(value)} where an object was expected")
    if schema is not None:
        found = value.pop("schema", None)
        if found != schema or isinstance(found, bool):
            raise UsageError(f"{path}: {what} of schema {clipped(repr(found))}, this podvow reads {schema}")
    return value


def shaped(adapter: TypeAdapter[T], value: Any, *, where: str, what: str) -> T:
    """Return a value as the type that it should have.

    Args:
        adapter: the type.
        value: raw JSON.
        where: the file.
        what: what it should be.

    Raises:
        UsageError: it has another shape; the places in it are named.
    """
    try:
        return adapter.validate_json(json.dumps(value))
    except (ValidationError, ValueError, RecursionError) as error:
        raise UsageError(f"{where}: broken {what}\n  " + "\n  ".join(problems(error))) from error


def problems(error: Exception) -> Sequence[str]:
    """Return what is wrong with a value, a line each, without quoting it at length (or its secrets at all)."""
    if not isinstance(error, ValidationError):
        return [clipped(str(error))]
    found = error.errors(include_input=False, include_url=False, include_context=False)
    lines = [f"{clipped('.'.join(map(str, e['loc']))) or 'it'}: {clipped(e['msg'])}" for e in found[:_PROBLEMS]]
    return [*lines, f"… and {len(found) - _PROBLEMS} more"] if len(found) > _PROBLEMS else lines


def clipped(text: str) -> str:
    """Return a text in one line of bearable length."""
    line = " ".join(plain(text).split(" "))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def plain(text: str) -> str:
    """Return a text in one line without control characters: what a file holds must not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"key {key!r} twice")
            seen.add(key)
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return {list: "a list", str: "a text", bool: "a truth value"}.get(type(value), "a number")


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
