"""A run that is killed in the middle goes on where it was: nothing is judged twice, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podvow.api import Api
from podvow.cluster.provider import Cluster
from podvow.deadline import Deadline
from podvow.labels import RUN_LABEL
from podvow.paths import ROOT
from tests.cluster.command import command, judged, podvow

SELECTION = ("--area", "isolation")
_KILLED_AFTER = 3
_PATIENCE_S = 330
"""As long as a worker that lost its controller may take to undo what it did."""


def _new_folder(before: set[Path]) -> Path | None:
    found = {p.parent for p in (ROOT / "reports" / "runs").glob("*/session.json")} - before
    return next(iter(found), None)


def _killed(*args: str, recordings: int) -> Path:
    """Start a run and kill it, without any warning, once it has recorded some scenarios; return its folder."""
    before = {p.parent for p in (ROOT / "reports" / "runs").glob("*/session.json")}
    process = subprocess.Popen(
        command("run", *args),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    tick = threading.Event()
    deadline = Deadline.after(_PATIENCE_S)
    folder: Path | None = None
    try:
        while process.poll() is None and not deadline.passed:
            folder = folder or _new_folder(before)
            if folder and len(list((folder / "evidence").glob("*.jsonl"))) >= recordings:
                break
            tick.wait(0.02)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert folder is not None
    return folder


def _stamps(folder: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for part in ("verdicts", "evidence") for p in (folder / part).glob("*.json*")}


def _left(api: Api, run: str) -> list[str]:
    items = api.get("/api/v1/namespaces")["items"]
    labels = {i["metadata"]["name"]: i["metadata"].get("labels", {}).get(RUN_LABEL, "") for i in items}
    return [name for name, label in labels.items() if label.startswith(run)]


def _results(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return results


@pytest.fixture(autouse=True)
def _nothing_left(cluster: Cluster) -> Iterator[None]:  # noqa: ARG001 - needs it up
    """A test that fails half-way leaves what it killed: nobody else is to stumble over it."""
    yield
    done = podvow("recover")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def whole(cluster: Cluster) -> dict[str, str]:  # noqa: ARG001 - needs it up
    """The verdicts of the same selection, run in one piece."""
    run = judged(podvow("run", *SELECTION))
    assert run.code == 0, run.output
    return run.scenarios


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_a_killed_run_goes_on(cluster: Cluster, whole: dict[str, str], processes: tuple[str, ...]) -> None:
    folder = _killed(*SELECTION, *processes, recordings=_KILLED_AFTER)
    reached = _stamps(folder / ".")
    assert not (folder / "results.json").exists()
    kept = [p for p in reached if p.parent.name == "verdicts"]
    recorded = [p for p in reached if p.parent.name == "evidence"]
    assert len(kept) <= len(recorded) < len(whole), "some verdicts are kept, some scenarios are still to be run"
    deadline = Deadline.after(_PATIENCE_S)
    done = podvow("run", "--resume", folder.name)
    while "still alive" in done.stderr and not deadline.passed:  # an xdist worker ends on its own
        threading.Event().wait(1.0)
        done = podvow("run", "--resume", folder.name)
    assert done.returncode == 0, done.stdout + done.stderr
    now = _stamps(folder)
    assert {p: now.get(p) for p in kept} == {p: reached[p] for p in kept}, "verdicts of before are not touched"
    results = _results(folder)
    assert {s["id"]: s["verdict"] for s in results["scenarios"]} == whole
    assert results["run"]["complete"] is True
    assert "resumed" in (folder / "summary.md").read_text(encoding="utf-8")
    with Api.connect(cluster.kubeconfig, cluster.context) as api:
        assert _left(api, folder.name) == []
    again = podvow("run", "--resume", folder.name)
    assert (again.returncode, "nothing to resume" in again.stdout) == (0, True)


def test_other_options_are_refused_while_it_is_open(cluster: Cluster) -> None:
    folder = _killed(*SELECTION, recordings=1)
    refused = podvow("run", "--resume", folder.name, "--area", "ordering")
    assert refused.returncode == 2
    assert "area: ['isolation'], not ['ordering']" in refused.stderr
    assert podvow("run", "--resume", folder.name, *SELECTION).returncode == 0
    with Api.connect(cluster.kubeconfig, cluster.context) as api:
        assert _left(api, folder.name) == []
