"""A real upgrade in kind, on clusters of its own: it passes, and each that is spoilt is caught and named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.command import podvow

pytestmark = pytest.mark.cluster

_PATIENCE_S = 3000.0
_NAME = "updemo"
F4 = "rerun.records.lost-and-all-apps-dead"
SANDBOX = "rerun.sandbox-loss.all-inits-in-order"


@dataclass(frozen=True)
class Played:
    """A demo that has ended."""

    code: int
    output: str
    report: dict[str, Any]
    folder: Path

    def verdicts(self, stage: str, claim: str) -> dict[str, str]:
        """Return what people are shown of a claim in a stage, by version of the kubelet that was judged."""
        found = {}
        for run in self.report["runs"]:
            if run["stage"] == stage:
                results = json.loads((self.folder / run["folder"] / "results.json").read_text(encoding="utf-8"))
                found[run["kubelet"]] = next(c["shown"] for c in results["claims"] if c["id"] == claim)
        return found

    @property
    def violated(self) -> list[dict[str, Any]]:
        return [each for each in self.report["survivors"] if each["outcome"] == "violated"]


def play(folder: Path, sabotage: str) -> Played:
    out = folder / "out"
    done = podvow(
        "upgrade", "demo", "--name", _NAME, "--out", str(out), "--sabotage", sabotage, timeout_s=_PATIENCE_S
    )
    output = done.stdout + done.stderr
    assert (out / "report.json").exists(), output
    return Played(done.returncode, output, json.loads((out / "report.json").read_text(encoding="utf-8")), out)


def test_an_upgrade_that_goes_well(tmp_path: Path) -> None:
    done = play(tmp_path, "none")
    assert done.code == 0, done.output
    assert done.report["counts"]["unaccounted"] == done.report["counts"]["violated"] == 0
    kinds = {fate["node"]: fate["kinds"] for fate in done.report["fates"]}
    assert kinds[f"{_NAME}-worker"] == ["kubelet-replaced"]
    assert kinds[f"{_NAME}-worker2"] == ["kubelet-replaced", "drained"]
    assert {sampled["connection"] for sampled in done.report["sampled"]} == {"new", "reused"}
    assert all(sampled["requests"] > 60 for sampled in done.report["sampled"])
    # Half-way each node was judged by what its own kubelet promises: the register expects both.
    assert done.verdicts("during", F4) == {"v1.37.2": "conflict", "v1.36.3": "holds"}
    assert F4 in (done.folder / "comparison.md").read_text(encoding="utf-8")


def test_a_kubelet_with_a_bug_is_noticed_by_a_claim(tmp_path: Path) -> None:
    done = play(tmp_path, "mutant")
    assert done.code == 1, done.output
    assert done.report["stop"]
    assert SANDBOX in (done.folder / "comparison.md").read_text(encoding="utf-8")


def test_a_survivor_that_initialises_again_is_named(tmp_path: Path) -> None:
    done = play(tmp_path, "rerun")
    assert done.code == 1, done.output
    assert [each["shape"] for each in done.violated] == ["three-inits"]
    assert "init-1 ran again" in " ".join(done.violated[0]["because"])


def test_a_node_that_is_left_behind_is_named(tmp_path: Path) -> None:
    done = play(tmp_path, "left-behind")
    assert done.code == 1, done.output
    assert done.report["left_behind"] == [
        f"node {_NAME}-worker2 was left behind: its kubelet is v1.36.3, the API server is v1.37.2"
    ]
