"""Plays a selection of the suites with the real command, as a user does, and takes what it wrote."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.paths import ROOT

_PODVOW = (sys.executable, "-m", "podvow.cli")
_REPORT = re.compile(r"^report (\S+)/index\.html", re.MULTILINE)
_GIVE_UP_S = 150.0
_LOOK_S = 0.5


@dataclass(frozen=True)
class Target:
    """How the harness is led to the cluster.

    Attributes:
        kubeconfig: its kubeconfig.
        context: its context.
        nodes: whether it may disturb nodes.
        config: folder for what it remembers of a user (approvals).
    """

    kubeconfig: Path
    context: str
    nodes: bool
    config: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of its commands."""
        return {**os.environ, "PODVOW_CONFIG": str(self.config)}

    @property
    def options(self) -> tuple[str, ...]:
        """The options that name the cluster."""
        return ("--kubeconfig", str(self.kubeconfig), "--context", self.context)


@dataclass(frozen=True)
class Played:
    """A run that has ended.

    Attributes:
        code: its exit code; None when it had to be ended.
        output: what it printed.
        seconds: how long it took.
        results: its results.json, empty when it wrote none.
    """

    code: int | None
    output: str
    seconds: float
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def scenarios(self) -> list[dict[str, Any]]:
        """The judged scenarios."""
        found: list[dict[str, Any]] = self.results.get("scenarios", [])
        return found

    @property
    def id(self) -> str:
        """The run's id, empty when it wrote no results."""
        return str(self.results.get("run", {}).get("id", ""))


def approve(target: Target) -> None:
    """Approve the cluster, as a user must before podvow touches it; in a folder of the target's own.

    Raises:
        ClusterUnusableError: it cannot be approved.
    """
    grant = ("--node-faults",) if target.nodes else ()
    done = subprocess.run(
        [*_PODVOW, "approve", *target.options, *grant, "--yes"],
        cwd=ROOT,
        env=target.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise ClusterUnusableError(f"podvow approve ended with {done.returncode}: {done.stderr.strip()}")


def play(target: Target, claims: Sequence[str], *, patience_s: float, stop: threading.Event) -> Played:
    """Judge some claims with `podvow run`.

    Args:
        target: the cluster.
        claims: what is judged.
        patience_s: after so many seconds the run is interrupted.
        stop: set when the run has to end.
    """
    words = [word for claim in claims for word in ("--claim", claim)]
    began = time.monotonic()
    with subprocess.Popen(
        [*_PODVOW, "run", *target.options, *words],
        cwd=ROOT,
        env=target.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output, in_time = _await(process, patience_s, stop)
        code = process.returncode if in_time else None
    return Played(code, output, time.monotonic() - began, _results(output))


def _await(process: subprocess.Popen[str], patience_s: float, stop: threading.Event) -> tuple[str, bool]:
    deadline = Deadline.after(patience_s)
    while not stop.is_set() and not deadline.passed:
        try:
            return process.communicate(timeout=_LOOK_S)[0], True
        except subprocess.TimeoutExpired:
            continue
    process.send_signal(signal.SIGTERM)  # its namespaces are its own to take away
    try:
        return process.communicate(timeout=_GIVE_UP_S)[0], False
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0], False


def _results(output: str) -> dict[str, Any]:
    found = _REPORT.search(output)
    if found is None:
        return {}
    results: dict[str, Any] = json.loads((ROOT / found[1] / "results.json").read_text(encoding="utf-8"))
    return results
