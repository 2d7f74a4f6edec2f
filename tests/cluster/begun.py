"""A run in the background, known by its own namespaces: what other runs left is not taken for its own."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podvow.api import Api
from podvow.deadline import Deadline
from podvow.labels import JOURNAL_KEY, RUN_LABEL, SCENARIO_LABEL
from podvow.paths import REPORTS, ROOT
from tests.cluster.command import command

_PATIENCE_S = 150.0


@dataclass(frozen=True)
class Begun:
    """A run that has made something on the cluster.

    Attributes:
        process: the command; its output is read by nobody yet.
        folder: the run's folder.
    """

    process: subprocess.Popen[str]
    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        """What it found."""
        results: dict[str, Any] = json.loads((self.folder / "results.json").read_text(encoding="utf-8"))
        return results

    def left(self, api: Api) -> list[str]:
        """Return its namespaces that are there."""
        return [raw["metadata"]["name"] for raw in _namespaces(api, self.folder.name)]


def folders() -> set[Path]:
    """Return the folders of all runs."""
    return set((REPORTS / "runs").glob("*"))


def _namespaces(api: Api, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/api/v1/namespaces", params={"labelSelector": f"{RUN_LABEL}={run}"})[
        "items"
    ]
    return found


def begin(api: Api, *args: str | Path, scenario: bool) -> Begun:
    """Start a run and wait until it has made its first namespace.

    Args:
        api: the cluster.
        args: of the command.
        scenario: wait for the first one of a scenario: before that comes one of the run's own.
    """
    before = folders()
    # Whoever runs these tests in the background has Ctrl-C ignored, and children inherit that.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *command(*args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )
    deadline, tick = Deadline.after(_PATIENCE_S), threading.Event()
    while not deadline.passed and process.poll() is None:
        for folder in folders() - before:
            keys = {raw["metadata"]["labels"].get(SCENARIO_LABEL) for raw in _namespaces(api, folder.name)}
            if keys - ({JOURNAL_KEY} if scenario else set()):
                return Begun(process, folder)
        tick.wait(0.02)
    process.kill()
    raise AssertionError(f"it made nothing on the cluster: {process.communicate()[0]}")
