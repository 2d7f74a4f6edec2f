"""The commands about upgrades: options, what is printed, exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from podvow.cli import app
from podvow.errors import UsageError
from podvow.upgrade import commands, demo
from podvow.upgrade.baseline import Baseline, Folder
from podvow.upgrade.demo import CLAIMS
from podvow.upgrade.fate import Fate, Kind
from podvow.upgrade.judge import Outcome, Survivor
from podvow.upgrade.report import Report
from podvow.upgrade.sabotage import Sabotage

REPORT = Report(
    "u1",
    "now",
    "v1.36.3",
    "v1.37.2",
    partial=False,
    fates=(Fate("worker", (Kind.KUBELET,), "v1.36.3", "v1.37.2"),),
    survivors=(Survivor("web-a", "web", "worker", Outcome.VIOLATED, ("it is gone",)),),
)
CLAIM = "rerun.records.all-lost"


class Calls:
    """Takes what commands are asked for."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def of(self, name: str, answer: Any) -> Any:
        def called(*args: Any, **options: Any) -> Any:
            self.made.append((name, args, options))
            return answer

        return called


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    for name, answer in (("before", None), ("during", REPORT), ("after", REPORT), ("remove", [])):
        monkeypatch.setattr(commands, name, found.of(name, answer))
    monkeypatch.setattr(demo, "play", found.of("demo", REPORT))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = Folder(tmp_path / "up")
    made.begin(Baseline("u1", "now", {"uid": "x"}, "kind", name="podvow"))
    return made.path


def test_before_names_cluster_selection_and_folder(calls: Calls, tmp_path: Path) -> None:
    line = [
        "upgrade",
        "before",
        "--out",
        str(tmp_path / "x"),
        "--kubeconfig",
        "f",
        "--context",
        "c",
        "--claim",
        CLAIM,
    ]
    result = CliRunner().invoke(app, [*line, "--no-claims", "--node", "n"])
    assert result.exit_code == 0, result.output
    ((_, (folder, session), options),) = calls.made
    assert folder.path == tmp_path / "x"
    assert (session.provider, session.context, session.selection.claims) == ("existing", "c", (CLAIM,))
    assert (options["claims"], options["nodes"], options["per_node"]) == (False, ["n"], False)
    assert "podvow upgrade after --baseline" in result.stdout


def test_before_refuses_a_claim_that_is_not_there(calls: Calls, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["upgrade", "before", "--out", str(tmp_path), "--claim", "no.such.claim"])
    assert isinstance(result.exception, UsageError)
    assert not calls.made


def test_after_tells_what_became_of_survivors_and_ends_with_its_code(calls: Calls, folder: Path) -> None:
    result = CliRunner().invoke(app, ["upgrade", "after", "--baseline", str(folder), "--partial"])
    assert result.exit_code == 1
    assert "✗ violated web-a on worker: it is gone" in result.stdout
    assert result.stdout.splitlines()[-1] == f"report {folder}/report.md"
    ((_, (_, session), options),) = calls.made
    assert (session.name, options["partial"], options["claims"]) == ("podvow", True, True)


def test_during_looks_at_the_same_cluster(calls: Calls, folder: Path) -> None:
    result = CliRunner().invoke(app, ["upgrade", "during", "--baseline", str(folder), "--name", "other"])
    assert result.exit_code == 1
    assert calls.made[0][1][1].name == "other"


def test_remove_takes_one_upgrades_survivors_or_all(
    calls: Calls, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    assert "no survivors are left" in runner.invoke(app, ["upgrade", "remove", "--baseline", str(folder)]).stdout
    runner.invoke(app, ["upgrade", "remove", "--name", "podvow"])
    assert [args[1] for _, args, _ in calls.made] == [["u1"], []]
    monkeypatch.setattr(commands, "remove", calls.of("remove", ["a namespace"]))
    result = runner.invoke(app, ["upgrade", "remove", "--name", "podvow"])
    assert (result.exit_code, "LEAK: a namespace" in result.stdout) == (5, True)


def test_the_demo_has_claims_of_its_own_unless_some_are_named(calls: Calls, tmp_path: Path) -> None:
    runner = CliRunner()
    out = ["--out", str(tmp_path / "out")]
    assert runner.invoke(app, ["upgrade", "demo", *out]).exit_code == 1
    runner.invoke(app, ["upgrade", "demo", *out, "--area", "rerun", "--sabotage", "rerun", "--keep"])
    (_, (first, _, _), _), (_, (second, _, _), _) = calls.made
    assert (first.selection.claims, first.sabotage, first.keep) == (CLAIMS, Sabotage.NONE, False)
    assert (second.selection.claims, second.selection.areas, second.sabotage) == ((), ("rerun",), Sabotage.RERUN)
    assert (first.origin, first.to) == ("v1.36.3", "v1.37.2")


def test_a_sabotage_that_is_not_there_is_refused(calls: Calls) -> None:
    result = CliRunner().invoke(app, ["upgrade", "demo", "--sabotage", "rain"])
    assert isinstance(result.exception, UsageError)
    assert not calls.made
