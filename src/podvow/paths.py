"""Where podvow keeps things: the checkout's folders, the user's cache, the machine's run folder."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: suites, fixtures and reports lie below it."""
FIXTURES = ROOT / "fixtures"
SUITES = Path(os.environ.get("PODVOW_SUITES") or ROOT / "suites").resolve()
"""What is judged: `$PODVOW_SUITES`, else the checkout's."""
REPORTS = ROOT / "reports"
NIGHTS = REPORTS / "nights"
"""The runs that `scripts/nightly` keeps; the other ones lie in `reports/runs`."""


def runs_folders() -> tuple[Path, ...]:
    """Return the folders that runs may lie in, whether they are there or not."""
    named = os.environ.get("PODVOW_RUNS")
    known = [REPORTS / "runs", NIGHTS, *([Path(named).absolute()] if named else [])]
    return tuple(dict.fromkeys(known))


def cache_dir(*parts: str) -> Path:
    """Return (and make) a folder below the user's cache folder for podvow.

    Args:
        parts: folder names below the cache folder.

    Returns:
        `$PODVOW_CACHE`, else `$XDG_CACHE_HOME/podvow`, else `~/.cache/podvow`, with the parts appended.
    """
    base = os.environ.get("PODVOW_CACHE")
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podvow"
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def config_dir() -> Path:
    """Return (and make, for the user alone) the folder of what the user has decided.

    Returns:
        `$PODVOW_CONFIG`, else `$XDG_CONFIG_HOME/podvow`, else `~/.config/podvow`.
    """
    base = os.environ.get("PODVOW_CONFIG")
    path = Path(base) if base else Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "podvow"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
