"""A small language for what raw JSON must look like: only what is read somewhere is described, unknown keys pass.

Typed models would drop the fields that they do not know, and the watch delivers raw objects of any version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBER = (int, float)
TEXT_OR_NUMBER = (str, int, float)
MAP_OF_TEXT: Mapping[Any, Any] = {...: str}
_NUMBER_LIMIT = 1 << 64
"""No stamp, count or code is larger; numbers without a limit would break the arithmetic of times."""
_NAMES = {str: "text", int: "whole number", float: "number", bool: "truth value"}


def wrong(value: Any, shape: Any, place: str) -> str:
    """Return what is wrong with a value and where, empty when nothing is.

    Args:
        value: raw JSON.
        shape: a type; a mapping of keys (with `!`: must be there; `...`: all of them) to shapes, other keys pass;
            a list with the shape of its items; a set of words; a tuple of alternatives; None for null.
        place: where the value stands.
    """
    if isinstance(shape, dict):
        return _wrong_mapping(value, shape, place)
    if isinstance(shape, list):
        if not isinstance(value, list | tuple):
            return f"{place} is no list"
        return next(
            (found for n, item in enumerate(value) if (found := wrong(item, shape[0], f"{place}[{n}]"))), ""
        )
    if isinstance(shape, tuple):
        tried = [wrong(value, one, place) for one in shape]
        return "" if "" in tried else tried[0]
    if isinstance(shape, frozenset):
        return "" if isinstance(value, str) and value in shape else f"{place} is none of {', '.join(sorted(shape))}"
    if shape is None:
        return "" if value is None else f"{place} is not null"
    fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
    if not fits:
        return f"{place} is no {_NAMES[shape]}"
    return f"{place} is too large a number" if shape in NUMBER and abs(value) > _NUMBER_LIMIT else ""


def _wrong_mapping(value: Any, shape: Mapping[Any, Any], place: str) -> str:
    if not isinstance(value, Mapping):
        return f"{place} is no object"
    for known, inner in shape.items():
        if known is ...:
            for key, item in value.items():
                if found := wrong(item, inner, f"{place}.{key}"):
                    return found
            continue
        key = known.removesuffix("!")
        if key in value:
            if found := wrong(value[key], inner, f"{place}.{key}"):
                return found
        elif key != known:
            return f"{place}.{key} is missing"
    return ""
