"""`podvow run --resume`: what was reached stays untouched, the rest is run, and the sums are honest."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from podvow import parts, resume, runlock
from podvow import session as session_module
from podvow.claims import load_register
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.errors import ExitCode, UsageError
from podvow.labels import JOURNAL_KEY, RUN_LABEL, SCENARIO_LABEL
from podvow.parts import Stats
from podvow.paths import ROOT, SUITES
from podvow.run import finish, run_info
from podvow.session import Selection, Session, load_judged, save_judged, slug
from podvow.timeline import Meta, Record, Source, Timeline, load, save
from podvow.timeline.record import Kind
from podvow.verdict import Judged, Verdict
from tests.offline.safety.guarded import guarded
from tests.offline.scenario.fake_api import FakeApi, Raw
from tests.offline.typed import Typed, type_in

DATA = Path(__file__).parent / "data"
TOOLS = "isolation.a-tool-of-the-init-image-is-not-in-the-app"
HIDDEN = "isolation.a-secret-of-the-init-container-is-invisible-to-the-app"
NETWORK = "ordering.network-is-ready-before-the-first-init-container-starts"
REFUTED = "seed.seed-pod-information-is-initialised-only-after-all-inits"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(session_module, "REPORTS", tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def session(runs: Path) -> Session:
    """A run that was begun and that nobody ended."""
    folder = runs / "1123-ab"
    for part in ("evidence", "verdicts"):
        (folder / part).mkdir(parents=True)
    chosen = Selection(keyword="a_tool_of or a_secret_of or network_is_ready or seed_pod_information")
    made = Session("1123-ab", folder, started="2026-11-23T10:00:00+00:00", selection=chosen)
    made.save()
    return made


def _evidence(session: Session, scenario: str, *records: Record) -> Path:
    path = session.evidence / f"{slug(scenario)}.jsonl"
    save(Timeline(Meta(scenario, run=session.run_id), records), path)
    return path


def _lost(reason: str = "interrupted") -> Record:
    return Record(5, 0, 1, Source.HARNESS, Kind.LOST, data={"reason": reason})


def _verdict(
    session: Session, scenario: str, verdict: Verdict = Verdict.HOLDS, evidence: str = "own", claim: str = "a.b.c"
) -> Path:
    name = f"evidence/{slug(scenario)}.jsonl" if evidence == "own" else evidence
    save_judged(session, Judged(scenario, "t", (claim,), verdict, evidence=name))
    return session.folder / "verdicts" / f"{slug(scenario)}.json"


# which run


@pytest.mark.parametrize("name", ["nosuch", "../runs/1123-ab", "", "UPPER", "1123-ab/", "a\x00b", "-x"])
def test_a_run_that_is_none_is_named(session: Session, name: str) -> None:
    with pytest.raises(UsageError, match="no run") as caught:
        resume.find(name, {})
    assert session.run_id in caught.value.hint, "and those that there are"


def test_a_folder_in_which_nothing_was_begun(session: Session) -> None:
    (session.folder / "session.json").unlink()
    with pytest.raises(UsageError, match="nothing to resume"):
        resume.find(session.run_id, {})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"profile": "nightly"}, "profile: 'default', not 'nightly'"),
        ({"claim": ["a.b.c"]}, "claim: [], not ['a.b.c']"),
        ({"keyword": "else"}, "keyword"),
        ({"processes": 4, "up": True}, "up: False, not True"),
        ({"collect_only": True}, "collect_only"),
    ],
    ids=str,
)
def test_other_options_than_it_was_begun_with_are_refused(session: Session, given: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        resume.find(session.run_id, given)
    assert told in str(caught.value)
    assert resume.find(session.run_id, {"profile": "default", "per_node": 40}) == session


def test_a_folder_that_was_copied_is_no_run_of_its_own(session: Session, runs: Path) -> None:
    session.folder.rename(runs / "1123-cd")
    with pytest.raises(UsageError, match="does not belong to run 1123-cd"):
        resume.find("1123-cd", {})


def test_a_checkout_that_was_moved_takes_its_runs_along(session: Session, runs: Path, tmp_path: Path) -> None:
    runs.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(runs)
    raw = json.loads((session.folder / "session.json").read_text())
    (session.folder / "session.json").write_text(json.dumps({**raw, "folder": "/nowhere"}))
    assert resume.find(session.run_id, {}).folder == session.folder


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ({"exit_code": 0, "complete": True}, ExitCode.OK),
        ({"exit_code": 5, "complete": True}, ExitCode.LEAK),
        ({"exit_code": 4, "complete": False}, None),
        ({"exit_code": 4}, None),
    ],
)
def test_whether_a_run_is_finished(session: Session, run: dict[str, Any], code: ExitCode | None) -> None:
    assert resume.finished(session.folder) is None, "a run that was killed has no results"
    (session.folder / "results.json").write_text(json.dumps({"schema": 1, "run": run}))
    assert resume.finished(session.folder) is code


# what is kept


def test_verdicts_with_whole_evidence_stay_untouched_and_the_rest_is_put_aside(session: Session) -> None:
    fact = Record(5, 0, 1, Source.HARNESS, Kind.UNDONE)
    whole = [_evidence(session, "a.whole", fact), _verdict(session, "a.whole", Verdict.VIOLATED)]
    shared = _verdict(session, "a.shares[x]", evidence="evidence/a.whole.jsonl")
    away = _verdict(session, "a.away", Verdict.NOT_APPLICABLE, evidence="")
    unjudged = _evidence(session, "a.unjudged", fact)
    lost = [_evidence(session, "a.lost", fact, _lost()), _verdict(session, "a.lost", Verdict.INCONCLUSIVE)]
    gone = _verdict(session, "a.gone")
    torn = _verdict(session, "a.torn")
    torn.write_text(torn.read_text()[:40])
    cut = _evidence(session, "a.cut", fact)
    cut.write_bytes(cut.read_bytes()[:-9])
    renamed = session.folder / "verdicts" / "other.json"
    renamed.write_bytes(away.read_bytes())
    kept = (*whole, shared, away, unjudged)
    before = {path: path.stat().st_mtime_ns for path in kept}

    after = resume.next_part(session)

    assert after.kept == ("a.away", "a.shares[x]", "a.whole")
    assert (after.part, after.run_id, after.label) == (2, session.run_id, "1123-ab-r2")
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    aside = session.folder / "interrupted" / "1"
    for path in (*lost, gone, torn, cut, renamed):
        assert not path.exists()
        assert (aside / path.parent.name / path.name).exists(), "put aside, not deleted"
    assert {p.name for p in session.evidence.iterdir()} == {whole[0].name, unjudged.name}


def test_an_open_verdict_is_no_reason_to_try_again(session: Session) -> None:
    fact = Record(5, 0, 1, Source.HARNESS, Kind.UNDONE)
    for verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_INJECTED):
        _evidence(session, f"a.{verdict}", fact)
        _verdict(session, f"a.{verdict}", verdict)
    assert len(resume.next_part(session).kept) == 2


def test_sorting_out_may_itself_be_interrupted(session: Session) -> None:
    (session.folder / parts.STATS).write_text(json.dumps({"wall_s": 7.0}))
    _evidence(session, "a.lost", _lost())
    first = resume.next_part(session)
    again = resume.next_part(session)
    assert first == again
    assert [p.wall_s for p in parts.earlier(again)] == [7.0]


def test_the_names_of_a_part_are_its_own(session: Session) -> None:
    third = dataclasses.replace(session, part=3)
    assert third.labels == ("1123-ab", "1123-ab-r2", "1123-ab-r3")
    assert third.label == third.labels[-1]


# figures


def test_figures_are_added_without_making_anything_up(session: Session) -> None:
    (session.folder / parts.STATS).write_text(
        json.dumps({"wall_s": 10.0, "cpu_s": 2.0, "api_requests": {"GET": 3}, "exclusive_s": [4.0], "lost": "away"})
    )
    parts.close(session)
    second = dataclasses.replace(session, part=2)
    second.save()
    node = {"name": "w", "kubelet_version": "v1.37.2", "runtime": "c", "capabilities": []}
    about = session.folder / parts.CLUSTER
    about.write_text(json.dumps({"nodes": [node], "server_version": "v1.37.2", "cores": 2}))
    began = about.stat().st_mtime
    last = _evidence(second, "a.b")
    os.utime(last, (began + 30, began + 30))
    parts.close(second)
    third = dataclasses.replace(session, part=3)
    (session.folder / parts.STATS).write_text(json.dumps({"wall_s": 5.0, "api_requests": {"GET": 1, "PUT": 2}}))

    ran = [*parts.earlier(third), parts.current(third)]
    whole = parts.added(ran)

    assert [p.measured for p in ran] == [True, False, True]
    assert whole.wall_s == pytest.approx(45.0, abs=0.01)
    assert whole.api_requests == {"GET": 4, "PUT": 2}
    assert whole.exclusive_s == (4.0,)
    assert whole.lost == "", "the first part lost its cluster, the run did not"
    assert [n["name"] for n in whole.nodes] == ["w"], "what a part does not know is taken from one that does"
    info = run_info(third, ran, [], ExitCode.OK, complete=True)
    assert info.extra["resumed"].startswith("2 times; 1 killed: its time is known up to its last file")
    assert info.started == session.started
    assert "resumed" not in run_info(session, [Stats()], [], ExitCode.OK, complete=True).extra


def test_a_part_that_was_killed_before_it_began_took_no_time(session: Session) -> None:
    parts.close(session)
    assert parts.earlier(dataclasses.replace(session, part=2)) == [Stats(measured=False)]


# whether it is alive


def test_a_run_is_alive_as_long_as_its_process_is(session: Session) -> None:
    script = (
        "import sys, pathlib; from podvow import runlock\n"
        "with runlock.held(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(session.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert runlock.is_alive(session.folder)
        with pytest.raises(UsageError, match="still alive"), runlock.held(session.folder):
            pytest.fail("it is somebody else's")
    finally:
        child.kill()
        child.communicate()
    assert not runlock.is_alive(session.folder)
    with runlock.held(session.folder):
        assert runlock.is_alive(session.folder)


def test_a_worker_that_goes_on_without_its_driver_keeps_the_run_alive(session: Session) -> None:
    worker = FileLock(session.folder / runlock.DRIVER)
    with worker, pytest.raises(UsageError, match="still alive"), runlock.held(session.folder):
        pytest.fail("its worker is at it")
    with runlock.held(session.folder):
        pass


# the command


@pytest.fixture
def typed(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    assert runs.name == "runs"
    return partial(type_in, monkeypatch, capsys, "run")


def test_the_command_says_what_stands_in_the_way(typed: Typed, session: Session) -> None:
    code, told = typed("--resume", "nosuch")
    assert (code, "no run 'nosuch'" in told) == (2, True)
    code, told = typed("--resume", session.run_id, "--profile", "nightly")
    assert (code, "profile: 'default', not 'nightly'" in told) == (2, True)
    with runlock.held(session.folder):
        code, told = typed("--resume", session.run_id)
    assert (code, "still alive" in told) == (2, True)
    (session.folder / "results.json").write_text(
        json.dumps({"schema": 1, "run": {"exit_code": 1, "complete": True}})
    )
    code, told = typed("--resume", session.run_id)
    assert (code, "is finished (exit code 1): nothing to resume" in told) == (1, True)
    (session.folder / "session.json").write_text("{")
    code, told = typed("--resume", session.run_id)
    assert (code, "session.json: no session file" in told) == (2, True)


# the whole way, with an API server of this process


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeApi:
    made = FakeApi()
    made.refuse["Pod"] = 403
    profile = ClusterProfile("v1.37.2", (NodeProfile("worker", "v1.37.2", ready=True),))
    monkeypatch.setattr(FakeApi, "close", lambda _: None, raising=False)
    monkeypatch.setattr("podvow.live.enter", lambda _: (made, guarded(tmp_path, made)))
    monkeypatch.setattr("podvow.live.read_profile", lambda _: profile)
    return made


def test_a_resumed_run_judges_what_is_left_and_reports_everything(
    session: Session, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    # The first part had judged one test, recorded another one, and was killed in a third.
    for scenario, data in {TOOLS: "tools.jsonl", NETWORK: "network.jsonl"}.items():
        (session.evidence / f"{slug(scenario)}.jsonl").write_bytes((DATA / data).read_bytes())
    done = _verdict(session, TOOLS, claim="isolation.images.tools-stay-in-init")
    _evidence(session, HIDDEN, _lost())
    before = {p: p.stat().st_mtime_ns for p in (done, *session.evidence.iterdir()) if HIDDEN not in p.name}
    second = resume.next_part(session)
    file = second.save()
    posted: list[Raw] = []
    api.before_post = posted.append
    options = [str(SUITES), f"--rootdir={ROOT}", f"--podvow-session={file}", "-q", "--no-header", "--tb=short"]
    code = pytest.main([*options, *second.selection.options()])
    capsys.readouterr()
    verdicts = {j.scenario: j.verdict for j in load_judged(second)}
    assert verdicts == {
        TOOLS: Verdict.HOLDS,
        NETWORK: Verdict.HOLDS,
        REFUTED: Verdict.VIOLATED,
        HIDDEN: Verdict.INCONCLUSIVE,
    }
    assert {p: p.stat().st_mtime_ns for p in before} == before, "what was reached is left as it is"
    assert load(session.evidence / f"{slug(HIDDEN)}.jsonl").meta.run == session.run_id
    made = [raw["metadata"]["labels"] for raw in posted if raw["kind"] == "Namespace"]
    assert {labels[RUN_LABEL] for labels in made} == {"1123-ab-r2"}
    assert len({labels[SCENARIO_LABEL] for labels in made} - {JOURNAL_KEY}) == 1, "only what was left was run"
    assert finish(second, load_register(SUITES / "claims.yaml"), code) is ExitCode.INCONCLUSIVE
    results = json.loads((session.folder / "results.json").read_text())
    assert results["run"]["complete"] is True
    assert results["run"]["started"] == session.started
    assert {s["id"] for s in results["scenarios"]} == set(verdicts)
    assert resume.finished(session.folder) is ExitCode.INCONCLUSIVE


def test_when_everything_was_judged_only_the_report_is_written(
    session: Session, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = dataclasses.replace(session, selection=Selection(keyword="a_tool_of"))
    (session.evidence / f"{slug(TOOLS)}.jsonl").write_bytes((DATA / "tools.jsonl").read_bytes())
    _verdict(chosen, TOOLS, claim="isolation.images.tools-stay-in-init")
    second = resume.next_part(chosen)
    options = [str(SUITES), f"--rootdir={ROOT}", f"--podvow-session={second.save()}", "-q", "--no-header"]
    code = pytest.main([*options, *second.selection.options()])
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not api.objects
    assert finish(second, load_register(SUITES / "claims.yaml"), code) is ExitCode.OK
    assert TOOLS in capsys.readouterr().out or (session.folder / "index.html").exists()
