"""What the register expects of a version, and what disagreeing sources do to a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from podvow import judge
from podvow.claims import Claim, Register
from podvow.errors import ExitCode
from podvow.judge import judged, verdict_of
from podvow.report.gather import Report, gather
from podvow.report.model import ClaimInfo, RunInfo
from podvow.report.results import results
from podvow.report.summary import to_markdown
from podvow.run import exit_code
from podvow.session import Session, load_judged, save_judged
from podvow.timeline import Timeline
from podvow.verdict import ClaimKind, Finding, Judged, Judgement, Outcome, Verdict, shown
from tests.offline.expect.table import quiet, steady

H, V, Q = Outcome.HOLDS, Outcome.VIOLATED, Outcome.INCONCLUSIVE
CONFLICT = Claim(id="a.b.conflict", statement="x", sources=("concepts/x",), expected={">=1.37": "violated"})
PLAIN = Claim(id="a.b.plain", statement="x", sources=("concepts/x",))
SEED = Claim(id="a.b.seed", statement="x", sources=("seed:1",), kind=ClaimKind.SEED_LITERAL)
REGISTER = Register(claims=(CONFLICT, PLAIN, SEED))
DOUBT = Finding("witness-exit-code", "one says 0, the other 1", unreliable=True)
LIE = Finding("status-exit-code", "the status says 0, the runtime 1")


def _timeline(kubelet: str = "v1.37.2") -> Timeline:
    story, _ = steady()
    timeline = quiet(story)
    return Timeline(replace(timeline.meta, kubelet_version=kubelet), timeline.records)


def _judged(outcome: Outcome, *claims: Claim, kubelet: str = "v1.37.2") -> Judged:
    own = [Judgement("own", outcome, "seen")]
    return judged(_timeline(kubelet), own, test="t", scenario_id=f"a.{outcome}", claims=claims, evidence="e")


@pytest.mark.parametrize(
    ("outcome", "claims", "kubelet", "word", "code"),
    [
        (V, (CONFLICT,), "v1.37.2", "conflict", ExitCode.OK),
        (V, (CONFLICT,), "v1.37.1-gke.1080000", "conflict", ExitCode.OK),
        (V, (CONFLICT,), "v1.37.0-rc.1", "conflict", ExitCode.OK),
        (V, (CONFLICT,), "v1.36.3", "violated", ExitCode.VIOLATED),
        (V, (CONFLICT, PLAIN), "v1.37.2", "violated", ExitCode.VIOLATED),
        (V, (CONFLICT,), "unknown", "violated", ExitCode.VIOLATED),
        (V, (SEED,), "v1.37.2", "refuted", ExitCode.OK),
        (V, (PLAIN,), "v1.37.2", "violated", ExitCode.VIOLATED),
        (H, (CONFLICT,), "v1.37.2", "holds", ExitCode.OK),
        (Q, (CONFLICT,), "v1.37.2", "inconclusive", ExitCode.INCONCLUSIVE),
    ],
)
def test_a_violation_that_the_register_expects_fails_no_run(
    outcome: Outcome, claims: tuple[Claim, ...], kubelet: str, word: str, code: ExitCode
) -> None:
    result = _judged(outcome, *claims, kubelet=kubelet)
    assert shown(result.verdict, gating=any(c.gating for c in claims), known=result.known) == word
    assert exit_code([result], REGISTER, leaks=[]) is code


def test_a_broken_invariant_is_no_known_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "standing", lambda _: (Judgement("order", V, "broken", standing=True),))
    result = _judged(V, CONFLICT)
    assert not result.known
    assert exit_code([result], REGISTER, leaks=[]) is ExitCode.VIOLATED


def _report(*judged: Judged) -> Report:
    infos = [ClaimInfo(c.id, c.kind, c.statement) for c in REGISTER.claims]
    return gather(Path(), RunInfo("r"), judged, infos, read=False)


@pytest.mark.parametrize(
    ("results_of", "agrees"),
    [
        ([(V, "v1.37.2")], True),
        ([(H, "v1.37.2")], False),
        ([(V, "v1.37.2"), (H, "v1.37.2")], True),
        ([(V, "v1.37.2"), (H, "v1.36.3")], True),
        ([(H, "v1.37.2"), (V, "v1.36.3")], False),
        ([(Q, "v1.37.2")], None),
        ([(Q, "v1.37.2"), (V, "v1.36.3")], False),
    ],
)
def test_a_claim_is_compared_on_every_kubelet(results_of: list[tuple[Outcome, str]], agrees: bool | None) -> None:  # noqa: FBT001
    found = [replace(_judged(o, CONFLICT, kubelet=k), scenario=f"a.{n}") for n, (o, k) in enumerate(results_of)]
    report = _report(*found)
    (entry,) = [c for c in report.claims if c.claim.id == CONFLICT.id]
    assert entry.agrees is agrees
    assert (entry in report.surprises) is (agrees is False)


def test_an_unexpected_hold_is_told() -> None:
    report = _report(_judged(H, CONFLICT), replace(_judged(H, PLAIN), scenario="a.2"))
    document = json.loads(json.dumps(results(report)))
    assert document["oracle"] == {"as_expected": 1, "other": [CONFLICT.id]}
    text = to_markdown(report)
    assert "1 of 2 claims came out as the register expects, 1 other" in text
    assert f"`{CONFLICT.id}`: expected violated, came out holds" in text


def test_a_known_conflict_is_told_and_counted_apart() -> None:
    report = _report(_judged(V, CONFLICT))
    assert (report.totals["conflict"], report.totals["violated"]) == (1, 0)
    text = to_markdown(report)
    assert "## Documentation conflicts" in text
    assert "## What needs a reader" not in text


# sources that disagree


@pytest.mark.parametrize(
    ("outcome", "finding", "verdict"),
    [
        (H, LIE, Verdict.HOLDS),
        (H, DOUBT, Verdict.INCONCLUSIVE),
        (V, LIE, Verdict.VIOLATED),
        (V, DOUBT, Verdict.VIOLATED),
        (Q, DOUBT, Verdict.INCONCLUSIVE),
    ],
)
def test_a_finding_never_makes_a_verdict_better_nor_violated(
    outcome: Outcome, finding: Finding, verdict: Verdict
) -> None:
    found, reason = verdict_of(_timeline(), [Judgement("own", outcome, "seen")], "", [finding])
    assert found is verdict
    assert (finding.text in reason) is (finding is DOUBT and outcome is H)


def test_findings_go_with_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "disagreements", lambda _: (LIE, DOUBT))
    result = _judged(V, PLAIN)
    assert result.findings == (LIE, DOUBT)
    assert LIE.text in result.message
    session = Session("r", tmp_path)
    (tmp_path / "verdicts").mkdir()
    save_judged(session, result)
    assert load_judged(session) == (result,)


def test_a_finding_in_a_shared_recording_is_told_once() -> None:
    one = replace(_judged(H, PLAIN), findings=(LIE,), evidence="evidence/e.jsonl")
    report = _report(one, replace(one, scenario="a.other"), replace(one, scenario="a.third", evidence="evidence/f"))
    assert [f["evidence"] for f in results(report)["findings"]] == ["evidence/e.jsonl", "evidence/f"]
    text = to_markdown(report)
    assert text.count(LIE.text) == 2
    assert "2 findings where sources disagree" in text


def test_what_cannot_be_judged_has_its_reason() -> None:
    told = ClaimInfo("a.b.devices", not_judged="no devices here")
    skipped = Judged("a.s", "t", (PLAIN.id,), Verdict.NOT_APPLICABLE, reason="needs the gate X")
    report = gather(Path(), RunInfo("r"), [skipped], [told, ClaimInfo(PLAIN.id)], read=False)
    by_id = {c["id"]: c for c in results(report)["claims"]}
    assert (by_id["a.b.devices"]["verdict"], by_id["a.b.devices"]["reason"]) == (
        "not-applicable",
        "no devices here",
    )
    assert (by_id[PLAIN.id]["verdict"], by_id[PLAIN.id]["reason"]) == ("not-applicable", "needs the gate X")
    text = to_markdown(report)
    assert "- `a.b.devices`: no devices here" in text
    assert text.count("needs the gate X") == 1
