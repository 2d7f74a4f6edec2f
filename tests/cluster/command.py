"""The podvow command as a test starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podvow.cluster.provider import DEFAULT_NAME
from podvow.paths import ROOT
from podvow.session import Session, load_judged
from podvow.verdict import Verdict

PODVOW = Path(sys.executable).with_name("podvow")
AGAIN = ("sidecars", "updates", "validation")
"""The areas that are played a second time: all of them would take as long again (`make bench` does that)."""
NAME = os.environ.get("PODVOW_TEST_CLUSTER") or DEFAULT_NAME
"""podvow's kind cluster that the tests use."""
_REPORT = re.compile(r"^report (\S+)/index\.html$", re.MULTILINE)
_AIMED = frozenset({"run", "plan", "doctor", "recover"})
_ELSEWHERE = frozenset({"--kubeconfig", "--name", "--resume"})


def command(*args: str | Path) -> list[str]:
    """Return the command line; one that names no cluster is about the tests' own."""
    words = [str(arg) for arg in args]
    own = words[:1] and words[0] in _AIMED and _ELSEWHERE.isdisjoint(words)
    return [str(PODVOW), *words, *(["--name", NAME] if own else [])]


@dataclass(frozen=True)
class Run:
    """A finished `podvow run`."""

    code: int
    output: str
    folder: Path
    results: dict[str, Any]

    @property
    def claims(self) -> dict[str, str]:
        return {c["id"]: c["verdict"] for c in self.results["claims"]}

    @property
    def scenarios(self) -> dict[str, str]:
        return {s["id"]: s["verdict"] for s in self.results["scenarios"]}

    @property
    def surprises(self) -> str:
        """What podvow wrote of each violation that nobody expects: finding and timeline.

        A test that fails on a machine that is gone afterwards has nothing else to show.
        """
        judged = load_judged(Session.load(self.folder / "session.json"))
        return "\n".join(j.message for j in judged if j.verdict is Verdict.VIOLATED and not j.known)


def podvow(*args: str, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=dict(os.environ),
    )


def judged(done: subprocess.CompletedProcess[str]) -> Run:
    """Return what a run that has ended tells of itself: of this very run, not of the newest report."""
    output = done.stdout + done.stderr
    told = _REPORT.search(done.stdout)
    assert told, f"it ended with {done.returncode} and without a report:\n{output}"
    folder = ROOT / told[1]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return Run(done.returncode, output, folder, results)


def run_suites(*args: str) -> Run:
    done = podvow("run", *args, timeout_s=2400)
    sys.stderr.write(f"\npodvow run {' '.join(args)}\n{done.stdout[-6000:]}\n")
    return judged(done)
