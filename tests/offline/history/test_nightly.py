"""scripts/nightly with a stand-in for podvow: what it calls, in which order, with which exit code it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from podvow import session as session_module
from podvow.journal import found
from podvow.paths import ROOT
from podvow.session import new_session, point_latest, runs_folder

PODVOW = """#!/bin/sh
echo "$@" >> "$LOG"
case $1 in
run)
  [ -z "${REPORTS:-}" ] || { mkdir -p "$PODVOW_RUNS/$REPORTS" && ln -sfn "$REPORTS" "$PODVOW_RUNS/latest"; }
  [ -z "${SLEEPS:-}" ] || { trap 'echo undone >> "$LOG"; exit 130' TERM; echo up; while :; do sleep 0.1; done; }
  exit ${CODE:-0} ;;
trend) exit ${TREND:-0} ;;
report) exit ${REPORT:-0} ;;
esac
"""
Nightly = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing in it but the script."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "nightly", tmp_path / "scripts")
    for name, text in (("podvow", PODVOW), ("node", "#!/bin/sh\n"), ("npm", "#!/bin/sh\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    for name in ("PODVOW_NIGHTS", "PODVOW_KEEP", "PODVOW_RUNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def nightly(place: Path) -> Nightly:
    def run(*words: str, **environment: str) -> tuple[int, list[str], str]:
        argv = [str(place / "scripts" / "nightly"), *words]
        done = subprocess.run(
            argv, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, (place / "log").read_text().splitlines(), done.stderr

    return run


def test_a_night_is_run_rendered_pruned_and_told(nightly: Nightly, place: Path) -> None:
    code, calls, _ = nightly("--kubeconfig", "a file", "--context", "c", REPORTS="r1", PODVOW_KEEP="7")
    nights = "reports/nights"
    assert (code, calls) == (
        0,
        [
            "run --profile nightly --kubeconfig a file --context c",
            f"report --run {nights}/latest --out {nights}/allure-report",
            f"prune --keep 7 {nights}",
            f"trend {nights} --json {nights}/trend.json --markdown {nights}/trend.md",
        ],
    )
    assert (place / nights / "r1").is_dir()


@pytest.mark.parametrize(
    ("run", "trend", "ends"), [("0", "0", 0), ("1", "0", 1), ("4", "2", 4), ("0", "2", 2), ("5", "0", 5)]
)
def test_the_run_decides_and_then_the_trend(nightly: Nightly, run: str, trend: str, ends: int) -> None:
    assert nightly(REPORTS="r1", CODE=run, TREND=trend)[0] == ends


def test_a_page_that_cannot_be_drawn_costs_nothing(nightly: Nightly) -> None:
    code, calls, told = nightly(REPORTS="r1", REPORT="2")
    assert (code, len(calls)) == (0, 4)
    assert "no allure report" in told


def test_a_run_without_a_report_is_not_taken_for_the_one_before(nightly: Nightly) -> None:
    nightly(REPORTS="r1")
    code, calls, told = nightly(CODE="3")
    assert (code, [call.split()[0] for call in calls[4:]]) == (3, ["run", "prune", "trend"])
    assert "no report" in told


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_what_asks_it_to_end_is_passed_on_and_waited_for(place: Path, asked: signal.Signals) -> None:
    # Whoever runs the tests in the background ignores SIGINT, and a shell cannot trap what it was told to ignore.
    argv = ["env", "--default-signal=INT", str(place / "scripts" / "nightly")]
    with subprocess.Popen(argv, env={**os.environ, "SLEEPS": "1"}, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(asked)
        try:
            assert child.wait(30) == 130
        finally:
            child.kill()
    assert (place / "log").read_text().splitlines()[1:] == ["undone"]


def test_runs_of_the_night_lie_in_its_folder_with_a_link_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "REPORTS", tmp_path / "reports")
    monkeypatch.setenv("PODVOW_RUNS", str(tmp_path / "nights"))
    session = new_session()
    point_latest(session.folder)
    assert session.folder.parent == runs_folder() == tmp_path / "nights"
    assert (tmp_path / "nights" / "latest").resolve() == session.folder
    assert not (tmp_path / "reports").exists()
    (session.folder / "journal.jsonl").write_text("{}\n")
    assert session.folder / "journal.jsonl" in list(found.journals()), "podvow recover finds it"
