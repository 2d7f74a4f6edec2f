"""A run of claims in a process of its own: what it is given, where its report goes, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from podvow import child, session
from podvow.errors import ClusterUnusableError
from podvow.session import Selection, Session
from podvow.upgrade import judging
from podvow.upgrade.baseline import Baseline, Folder, RunTold
from podvow.upgrade.judging import Wanted, judged

KNOWN = Baseline("u1", "now", {"uid": "x"}, "kind", name="then", selection=Selection(("a.b.c",)))


class Runner:
    """Stands for the process: writes a report, unless it is to fail."""

    def __init__(self) -> None:
        self.code = 0
        self.report = True
        self.given: list[Session] = []

    def run(self, module: str, argument: Path, log: Path, *, patience_s: float) -> int:
        assert (module, patience_s > 3600) == ("podvow.upgrade.judging", True)
        loaded = Session.load(argument)
        self.given.append(loaded)
        log.write_text("what it said")
        if self.report:
            (loaded.folder / "results.json").write_text("{}")
        return self.code


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    made = Runner()
    monkeypatch.setattr(judging, "run_module", made.run)
    monkeypatch.setattr(session, "REPORTS", tmp_path / "reports")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "up")
    made.begin(KNOWN)
    return made


def test_a_run_is_given_the_cluster_as_it_is_reached_now_and_the_selection_of_then(
    runner: Runner, folder: Folder
) -> None:
    now = Session("now", folder.path, name="now", selection=Selection(("x.y.z",)))
    wanted = Wanted("during", "worker", "v1.37.2", only=("one",))
    known = judged(folder, KNOWN, now, wanted)
    (given,) = runner.given
    assert (given.name, given.selection, given.node, given.only) == ("now", KNOWN.selection, "worker", ("one",))
    assert known.runs == (RunTold("during", "during/1-worker", "worker", "v1.37.2", 0),)
    assert folder.load() == known
    inside = folder.path / "during" / "1-worker"
    assert (inside / "results.json").exists()
    assert (inside / "run.log").read_text() == "what it said"
    assert judged(folder, known, now, Wanted("during")).runs[1].folder == "during/2-any"


@pytest.mark.parametrize("code", [1, 4])
def test_a_run_with_verdicts_of_any_kind_has_come_to_its_end(runner: Runner, folder: Folder, code: int) -> None:
    runner.code = code
    assert judged(folder, KNOWN, Session("s", folder.path), Wanted("after")).runs[0].exit_code == code


@pytest.mark.parametrize(("code", "report"), [(3, True), (5, True), (-15, True), (0, False)])
def test_a_run_without_a_report_ends_the_command_and_leaves_what_it_said(
    runner: Runner, folder: Folder, code: int, *, report: bool
) -> None:
    runner.code, runner.report = code, report
    with pytest.raises(ClusterUnusableError, match=f"ended with {code}"):
        judged(folder, KNOWN, Session("s", folder.path), Wanted("after"))
    assert [path.read_text() for path in folder.path.glob("after-*.log")] == ["what it said"]
    assert folder.load() == KNOWN


def test_a_session_that_is_broken_ends_the_process_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REPORTS", tmp_path)
    path = session.new_session(selection=Selection(("no.such.claim",))).save()
    assert judging.main(["", str(path)]) == 2
    assert "no claim 'no.such.claim'" in capsys.readouterr().err


_MODULE = """
import signal, sys, time
from pathlib import Path
def end(*_):
    print("undone", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
print(sys.argv[1], flush=True)
time.sleep(float(Path(sys.argv[1]).read_text()))
sys.exit(3)
"""


@pytest.mark.parametrize(("lasts_s", "code"), [("0", 3), ("600", 7)])
def test_a_module_is_run_to_its_end_or_asked_to_undo_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasts_s: str, code: int
) -> None:
    (tmp_path / "a_module.py").write_text(_MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    argument, log = tmp_path / "argument", tmp_path / "log"
    argument.write_text(lasts_s)
    log.write_text("before\n")
    assert child.run_module("a_module", argument, log, patience_s=5.0) == code
    assert log.read_text().splitlines() == ["before", str(argument), *(["undone"] if code == 7 else [])]
