"""Fields of raw JSON objects by path, the same for what a scenario waits for and what is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def _item(found: Sequence[Any], key: str) -> Any:
    for item in found:
        if isinstance(item, Mapping) and key in {item.get("name"), item.get("type")}:
            return item
    return None


def lookup(raw: Any, path: str) -> Any:
    """Return a field of an object, None when it is not there.

    Args:
        raw: raw JSON.
        path: keys separated by slashes; an item of a list is found by its `name` or `type`, e.g.
            `status/initContainerStatuses/init-1/state/terminated/message`.
    """
    found = raw
    for key in path.split("/"):
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list | tuple):
            found = _item(found, key)
        else:
            return None
    return found
