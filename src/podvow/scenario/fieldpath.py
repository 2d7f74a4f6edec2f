"""Fields of raw JSON by path, e.g. `spec.initContainers[0].image`, as the causes of a refusal name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def _steps(path: str) -> list[str | int]:
    return [int(number) if number else name for name, number in _STEP.findall(path)]


def _walk(target: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        target = target[step]
    return target


def value_at(target: Any, path: str) -> Any:
    """Return the value at a path; None where there is none."""
    try:
        return _walk(target, _steps(path))
    except (KeyError, IndexError, TypeError):
        return None


def put(target: Any, path: str, value: Any) -> None:
    """Set a value in place; maps and lists on the way are made, and the index behind a list's end appends."""
    *way, last = _steps(path)
    for step, after in zip(way, [*way[1:], last], strict=True):
        empty: Any = [] if isinstance(after, int) else {}
        if isinstance(step, int):
            if step == len(target):
                target.append(empty)
        elif target.get(step) is None:
            target[step] = empty
        target = target[step]
    if isinstance(last, int) and last == len(target):
        target.append(value)
    else:
        target[last] = value


def drop(target: Any, path: str) -> None:
    """Remove a field or a list's item in place.

    Raises:
        KeyError: there is none.
        IndexError: there is none.
    """
    *way, last = _steps(path)
    del _walk(target, way)[last]


def swap(target: Any, path: str) -> None:
    """Let the first two items of a list change places."""
    listed = value_at(target, path)
    listed[0], listed[1] = listed[1], listed[0]
