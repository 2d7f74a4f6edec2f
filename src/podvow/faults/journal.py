"""Append-only journal of every change to the cluster: its undo is on the disk before the change is made."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Journal:
    """JSON lines, each forced to the disk before `write` returns.

    Args:
        path: the file; it is created, or appended to.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, what: str, *, undo: str, **facts: Any) -> None:
        """Note a change that is about to be made.

        Args:
            what: the change, e.g. `namespace`, `fault`.
            undo: how it is taken back, e.g. `delete namespace podvow-…`.
            facts: names that the undo needs.
        """
        line = json.dumps({"at_ns": time.time_ns(), "what": what, "undo": undo, **facts}, sort_keys=True)
        with self._lock:
            self._handle.write(line + "\n")
            self._handle.flush()
            os.fsync(self._handle.fileno())

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
