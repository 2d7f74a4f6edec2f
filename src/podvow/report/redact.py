"""Evidence files as they may leave the machine: those of older versions, or of another origin, once more."""

from __future__ import annotations

import json
from pathlib import Path

from podvow.redact import redacted

_SIGN = "Secret"


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
