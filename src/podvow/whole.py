"""Writes a file whole or not at all: who reads it, and a process that is killed, never meets half of one."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text under its name in one step.

    Args:
        path: the file; what was there before is replaced.
        text: what to write, as UTF-8.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
