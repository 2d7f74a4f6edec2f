from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from podvow import session as session_module
from podvow.claims import Claim, Register
from podvow.errors import ExitCode, UsageError
from podvow.judge import awaited, judged, verdict_of
from podvow.run import exit_code
from podvow.session import Session, load_judged, new_session, save_judged, slug
from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from podvow.verdict import ClaimKind, Judged, Judgement, Outcome, Verdict, of_outcomes, of_scenarios
from tests.offline.expect.builder import Story, with_event

H, V, Q = Outcome.HOLDS, Outcome.VIOLATED, Outcome.INCONCLUSIVE


def _evidence(
    *,
    lost: bool = False,
    failed: bool = False,
    missed: bool = False,
    early: bool = False,
    promised: bool = False,
    gap: bool = False,
) -> Timeline:
    story = Story()
    if gap:
        story.say(Kind.GAP, of="status", until_ns=0, reason="the API server went away")
    if failed:
        story.fault_failed()
    if missed or early:
        data = {"condition": "app running", "waited_s": 90.0, "last": "deadline passed"}
        story.say(Kind.MISSED, step=0, faults_ahead=int(early), promised=promised, **data)
    if lost:
        story.say(Kind.LOST, reason="the API server went away")
    return story.timeline()


def _said(*own: Outcome, standing: tuple[Outcome, ...] = (H,)) -> list[Judgement]:
    return [Judgement(f"own {o}", o, "seen") for o in own] + [
        Judgement(f"standing {o}", o, "seen", standing=True) for o in standing
    ]


BROKEN = (H, V)
MISSED = "not reached: app running (deadline passed after 90.0 s)"


@pytest.mark.parametrize(
    ("evidence", "judgements", "error", "verdict", "reason"),
    [
        ({}, _said(H, H), "", Verdict.HOLDS, ""),
        ({}, _said(H, V, Q), "", Verdict.VIOLATED, ""),
        ({}, _said(H, Q), "", Verdict.INCONCLUSIVE, "own inconclusive: seen"),
        ({}, _said(H, standing=(Q,)), "", Verdict.HOLDS, ""),
        ({}, _said(), "", Verdict.INCONCLUSIVE, "the test judged nothing"),
        ({}, _said(H), "KeyError: 'x'", Verdict.INCONCLUSIVE, "KeyError: 'x'"),
        ({}, _said(H, standing=BROKEN), "", Verdict.VIOLATED, ""),
        ({}, _said(Q, standing=(Q, V)), "", Verdict.VIOLATED, ""),
        (
            {"missed": True},
            _said(H),
            "",
            Verdict.INCONCLUSIVE,
            MISSED,
        ),
        ({"missed": True}, _said(V), "", Verdict.VIOLATED, ""),
        ({"early": True}, _said(V), "", Verdict.INCONCLUSIVE, MISSED),
        ({"early": True}, _said(V, standing=BROKEN), "", Verdict.VIOLATED, ""),
        ({"early": True, "promised": True}, _said(V), "", Verdict.VIOLATED, ""),
        ({"early": True, "promised": True, "gap": True}, _said(V), "", Verdict.INCONCLUSIVE, MISSED),
        ({"missed": True, "gap": True}, _said(V), "", Verdict.INCONCLUSIVE, MISSED),
        ({"failed": True}, _said(V), "", Verdict.NOT_INJECTED, "kill_pause (sandbox): not observed to happen"),
        ({"failed": True}, _said(V, standing=BROKEN), "", Verdict.VIOLATED, ""),
        ({"lost": True}, _said(V, standing=BROKEN), "", Verdict.INCONCLUSIVE, "the API server went away"),
    ],
)
def test_the_verdict_that_follows_and_its_reason(
    evidence: dict[str, bool], judgements: list[Judgement], error: str, verdict: Verdict, reason: str
) -> None:
    assert verdict_of(_evidence(**evidence), judgements, error) == (verdict, reason)


@pytest.mark.parametrize(
    ("waits_s", "hindrance", "verdict"),
    [
        (2, "", Verdict.VIOLATED),
        (30, "", Verdict.INCONCLUSIVE),
        (30, "FailedMount", Verdict.VIOLATED),
    ],
)
def test_what_does_not_come_on_a_node_that_is_late_with_everything_violates_nothing(
    waits_s: float, hindrance: str, verdict: Verdict
) -> None:
    story = Story()
    pod = story.pod()
    pod.snap(kubelet=False)
    story.wait(waits_s)
    pod.initialise()
    story.say(Kind.MISSED, step=1, faults_ahead=0, condition="app running", waited_s=90.0, last="deadline passed")
    timeline = story.timeline()
    if hindrance:
        timeline = with_event(timeline, timeline.start_ns, hindrance)
    found, reason = verdict_of(timeline, _said(V))
    assert found is verdict
    assert ("late with the sandbox" in reason) is (verdict is Verdict.INCONCLUSIVE)


def test_a_promised_state_that_does_not_come_is_a_violation_of_its_own() -> None:
    (one,) = awaited(_evidence(early=True, promised=True))
    assert (one.text, one.outcome, one.detail) == ("reached: app running", V, "deadline passed after 90s")
    assert awaited(_evidence(early=True)) == ()


def test_a_promised_state_that_comes_holds() -> None:
    story = Story().say(Kind.REACHED, step=1, condition="app running", control=True, promised=True)
    (one,) = awaited(story.timeline())
    assert (one.text, one.outcome) == ("reached: app running", H)


@pytest.mark.parametrize(
    ("lost", "broken", "failed", "error", "nothing"), list(product([False, True], repeat=5)), ids=str
)
def test_what_outweighs_what(*, lost: bool, broken: bool, failed: bool, error: bool, nothing: bool) -> None:
    """Lost > standing violation > not injected > harness error > nothing judged > the outcomes."""
    judgements = _said(*(() if nothing else (V,)), standing=BROKEN if broken else (H,))
    verdict, reason = verdict_of(_evidence(lost=lost, failed=failed), judgements, "a bug" if error else "")
    if lost:
        assert (verdict, reason) == (Verdict.INCONCLUSIVE, "the API server went away")
    elif broken:
        assert verdict is Verdict.VIOLATED
    elif failed:
        assert verdict is Verdict.NOT_INJECTED
    elif error:
        assert (verdict, reason) == (Verdict.INCONCLUSIVE, "a bug")
    elif nothing:
        assert (verdict, reason) == (Verdict.INCONCLUSIVE, "the test judged nothing")
    else:
        assert verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([H], Verdict.HOLDS),
        ([H, Q, V], Verdict.VIOLATED),
        ([H, Q], Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
    ],
)
def test_outcomes_make_a_verdict(outcomes: list[Outcome], verdict: Verdict) -> None:
    assert of_outcomes(outcomes) is verdict


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([], Verdict.NOT_APPLICABLE),
        ([Verdict.NOT_APPLICABLE] * 2, Verdict.NOT_APPLICABLE),
        ([Verdict.NOT_APPLICABLE, Verdict.HOLDS], Verdict.HOLDS),
        ([Verdict.HOLDS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.NOT_INJECTED], Verdict.NOT_INJECTED),
        ([Verdict.NOT_INJECTED, Verdict.VIOLATED, Verdict.HOLDS], Verdict.VIOLATED),
    ],
)
def test_the_worst_scenario_is_the_claims_verdict(verdicts: list[Verdict], verdict: Verdict) -> None:
    assert of_scenarios(verdicts) is verdict


CLAIMS = {kind: Claim(id=f"a.b.{kind}", kind=kind, statement="x", sources=("seed:1",)) for kind in ClaimKind}


@pytest.mark.parametrize(("kind", "invariants"), [(ClaimKind.DOCUMENTED, True), (ClaimKind.SEED_LITERAL, False)])
def test_standing_invariants_are_judged_with_what_gates(kind: ClaimKind, invariants: object) -> None:
    result = judged(
        _evidence(), _said(V, standing=()), test="t", scenario_id="a.b", claims=[CLAIMS[kind]], evidence="e"
    )
    assert result.verdict is Verdict.VIOLATED
    assert any(j.standing for j in result.judgements) is invariants
    assert "own violated" in result.message
    assert f"a.b.{kind}" in result.message


# exit codes

SEED, DOC, CHAR = (CLAIMS[k].id for k in (ClaimKind.SEED_LITERAL, ClaimKind.DOCUMENTED, ClaimKind.CHARACTERISED))


@pytest.mark.parametrize(
    ("verdicts", "leaks", "code"),
    [
        ([(DOC, Verdict.HOLDS)], [], ExitCode.OK),
        ([(DOC, Verdict.HOLDS), (DOC, Verdict.NOT_APPLICABLE)], [], ExitCode.OK),
        ([(DOC, Verdict.NOT_APPLICABLE)], [], ExitCode.OK),
        ([(DOC, Verdict.VIOLATED), (DOC, Verdict.INCONCLUSIVE)], [], ExitCode.VIOLATED),
        ([(CHAR, Verdict.VIOLATED)], [], ExitCode.VIOLATED),
        ([(SEED, Verdict.VIOLATED), (DOC, Verdict.HOLDS)], [], ExitCode.OK),
        ([(SEED, Verdict.INCONCLUSIVE), (DOC, Verdict.HOLDS)], [], ExitCode.INCONCLUSIVE),
        ([(DOC, Verdict.NOT_INJECTED)], [], ExitCode.INCONCLUSIVE),
        ([(DOC, Verdict.INCONCLUSIVE)], [], ExitCode.INCONCLUSIVE),
        ([], [], ExitCode.INCONCLUSIVE),
        ([(DOC, Verdict.VIOLATED)], ["podvow-x"], ExitCode.LEAK),
        ([(DOC, Verdict.HOLDS)], ["podvow-x"], ExitCode.LEAK),
    ],
)
def test_the_exit_code_of_a_run(verdicts: list[tuple[str, Verdict]], leaks: list[str], code: ExitCode) -> None:
    register = Register(claims=tuple(CLAIMS.values()))
    results = [Judged(f"s{n}", "t", (claim,), verdict) for n, (claim, verdict) in enumerate(verdicts)]
    assert exit_code(results, register, leaks=leaks) is code
    late = exit_code(results, register, leaks=leaks, expired=True)
    assert late is (ExitCode.USAGE if code is ExitCode.OK else code), "an expired mark outweighs no verdict"


def test_the_exit_codes_are_a_contract() -> None:
    assert [(c.name, int(c)) for c in ExitCode] == [
        ("OK", 0),
        ("VIOLATED", 1),
        ("USAGE", 2),
        ("CLUSTER", 3),
        ("INCONCLUSIVE", 4),
        ("LEAK", 5),
    ]


# the run's folder


def test_a_session_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "REPORTS", tmp_path)
    session = new_session(provider="existing", context="c", replay={"a.b": "e.jsonl"})
    assert Session.load(session.save()) == session
    assert session.evidence.is_dir()
    assert new_session().run_id != session.run_id


def test_verdicts_of_all_processes_are_found(tmp_path: Path) -> None:
    session = Session("r", tmp_path)
    (tmp_path / "verdicts").mkdir()
    results = tuple(
        Judged(
            f"a.b[{n}]",
            "t",
            ("a.b.c",),
            verdict,
            (Judgement("x", V, "y", (1, 2), standing=True),),
            "r",
            "e",
            1.5,
            "m",
        )
        for n, verdict in enumerate(Verdict)
    )
    for result in reversed(results):
        save_judged(session, result)
    save_judged(session, replace(results[0], reason="again"))
    assert load_judged(session) == (replace(results[0], reason="again"), *results[1:])


@pytest.mark.parametrize("other", ["a.b[x/y]", "a.b[x y]", "a.b[../../x]", "a.b[ü]"])
def test_a_scenario_id_becomes_a_plain_file_name(other: str) -> None:
    assert slug("rerun.loss[Always-kill_pause=1]") == "rerun.loss[Always-kill_pause=1]"
    assert "/" not in slug(other)
    assert Path(slug(other)).name == slug(other)


def test_a_folder_of_runs_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PODVOW_RUNS", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"file/[-\w]+: the run's folder cannot be made") as told:
        new_session()
    assert "PODVOW_RUNS" in told.value.hint


def test_the_newest_run_is_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "REPORTS", tmp_path)
    for _ in range(2):
        session = new_session()
        session_module.point_latest(session.folder)
        assert (tmp_path / "latest").resolve() == session.folder.resolve()
