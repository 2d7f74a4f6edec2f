"""Keeps what is secret out of every file that leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BLANK = "<redacted>"
_SIGN = "Secret"


def redacted(value: Any) -> Any:
    """Return raw JSON with the data of every Secret in it blanked, however deep it lies.

    Annotations of a Secret go too: `kubectl apply` keeps a copy of the data there.
    """
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    inner = {key: redacted(item) for key, item in value.items()}
    if value.get("kind") != _SIGN:
        return inner
    for key in ("data", "stringData"):
        if isinstance(value.get(key), Mapping):
            inner[key] = dict.fromkeys(value[key], BLANK)
        elif key in value:
            inner[key] = BLANK
    if isinstance(inner.get("metadata"), Mapping):
        copies = {"annotations", "managedFields"}
        inner["metadata"] = {key: item for key, item in inner["metadata"].items() if key not in copies}
    return inner


def evidence(path: Path) -> str:
    """Return an evidence file's text with the data of Secrets blanked; lines without one stay as they are."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "".join(_line(line) + "\n" for line in lines)


def _line(text: str) -> str:
    if _SIGN not in text:
        return text
    try:
        return json.dumps(redacted(json.loads(text)), separators=(",", ":"))
    except ValueError:
        return text
