"""Whole comparisons of folders as `podvow run` leaves them: the sorts of change, what stops, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from podvow.compare import Class, Comparison, compare
from podvow.compare.model import Change
from podvow.errors import ExitCode, UsageError
from podvow.report.model import ClaimInfo
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from podvow.verdict import ClaimKind, Judged, Verdict
from tests.offline.compare.runs import CLAIM, judged, write_run
from tests.offline.report import build

F4 = ClaimInfo("rerun.records.lost-and-all-apps-dead", sources=("concepts/workloads/pods/init-containers#x",))
SINCE_36 = ClaimInfo("restart-rules.restart-all.stays-initialized", sources=("KEP-5532",))
SEED = ClaimInfo("seed.x.y", kind=ClaimKind.SEED_LITERAL, sources=("seed:1",))
CLAIMS = (CLAIM, F4, SINCE_36, SEED)


def pair(
    tmp_path: Path,
    before: Sequence[Judged],
    after: Sequence[Judged],
    *,
    versions: tuple[str, str] = ("v1.36.3", "v1.37.2"),
) -> Comparison:
    ours = write_run(tmp_path / "before", before, kubelet=versions[0], claims=CLAIMS)
    theirs = write_run(tmp_path / "after", after, kubelet=versions[1], claims=CLAIMS)
    return compare([ours], [theirs])


def only(comparison: Comparison) -> Change:
    (change,) = comparison.changes
    return change


def test_nothing_changed_means_go_on(tmp_path: Path) -> None:
    comparison = pair(tmp_path, [judged()], [judged(kubelet="v1.37.2")])
    assert not comparison.changes
    assert comparison.unchanged == {"holds": 1}
    assert (comparison.stop, comparison.exit_code) == (False, ExitCode.OK)


def test_a_claim_that_does_not_hold_any_more_stops_the_rollout(tmp_path: Path) -> None:
    comparison = pair(tmp_path, [judged()], [judged(verdict=Verdict.VIOLATED, kubelet="v1.37.2")])
    change = only(comparison)
    assert change.kind is Class.REGRESSED
    assert (comparison.stop, comparison.exit_code) == (True, ExitCode.VIOLATED)
    assert change.why == "holds on v1.36.3, violated on v1.37.2: init-1 ran once: as was seen"
    assert [(t.text, t.before, t.after) for t in change.turned] == [("init-1 ran once", "holds", "violated")]


def _apps_killed(again: bool) -> Timeline:  # noqa: FBT001
    c = build.started("rerun.f4")
    c.add(3.2, Source.HARNESS, Kind.REACHED, condition="app-a running")
    c.fault(3.4, "kill_containers")
    c.add(3.5, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", id="app-a-1-0123456789abcdef", code=137)
    c.fault(4.0, "kubelet_start")
    if again:
        c.run("init-1", 4.9, 5.3)
        c.run("init-2", 5.6, 6.0)
    c.run("app-a", 6.3)
    c.hold(7, 20)
    return c.timeline()


def test_a_change_against_the_documentation_is_shown_with_both_sides_and_stops_nothing(tmp_path: Path) -> None:
    ours = judged("rerun.f4", claim=F4.id)
    theirs = judged("rerun.f4", Verdict.VIOLATED, claim=F4.id, expected="violated", kubelet="v1.37.2")
    before = write_run(tmp_path / "b", [ours], evidence={"rerun.f4": _apps_killed(again=True)}, claims=CLAIMS)
    after = write_run(
        tmp_path / "a", [theirs], evidence={"rerun.f4": _apps_killed(again=False)}, claims=CLAIMS, kubelet="v1.37.2"
    )
    comparison = compare([before], [after])
    change = only(comparison)
    assert (change.kind, comparison.exit_code) == (Class.CONFLICT, ExitCode.OK)
    assert "the documentation says otherwise" in change.why
    (claim,) = change.claims
    assert (claim.expected_before, claim.expected_after) == ("holds", "violated")
    assert claim.sources == F4.sources
    assert claim.statement.startswith("When all containers have terminated")
    assert change.before
    assert change.after
    assert (change.before.verdict, change.after.verdict) == ("holds", "conflict")
    difference = change.difference
    assert difference
    assert difference.cause == "fault 2 (kubelet_start)"
    assert difference.before
    assert difference.before.text == "init-1 #2 started"
    assert difference.before.at_s == pytest.approx(0.9, abs=0.1)


def test_what_the_documentation_says_of_the_new_version_only_is_changed_as_documented(tmp_path: Path) -> None:
    ours = judged(verdict=Verdict.NOT_APPLICABLE, claim=SINCE_36.id, reason="about kubelets >=1.36")
    theirs = judged(claim=SINCE_36.id, kubelet="v1.36.3")
    comparison = pair(tmp_path, [ours], [theirs], versions=("v1.35.6", "v1.36.3"))
    assert only(comparison).kind is Class.DOCUMENTED
    assert only(comparison).claims[0].sources == ("KEP-5532",)


def test_what_is_not_applicable_for_another_reason_is_a_lost_verdict(tmp_path: Path) -> None:
    theirs = judged(verdict=Verdict.NOT_APPLICABLE, claim=SINCE_36.id, reason="this cluster lacks: node-access")
    comparison = pair(tmp_path, [judged(claim=SINCE_36.id)], [theirs])
    assert only(comparison).kind is Class.LOST
    assert comparison.exit_code is ExitCode.INCONCLUSIVE


def test_a_violation_of_the_seed_stops_nothing(tmp_path: Path) -> None:
    ours = judged(claim=SEED.id, expected="violated")
    theirs = judged(verdict=Verdict.VIOLATED, claim=SEED.id, expected="violated", kubelet="v1.37.2")
    comparison = pair(tmp_path, [ours], [theirs])
    assert (only(comparison).kind, comparison.exit_code) == (Class.SEED, ExitCode.OK)


def test_what_one_side_alone_judged_is_new_or_gone_and_compared_with_nothing(tmp_path: Path) -> None:
    comparison = pair(tmp_path, [judged("x.gone", Verdict.VIOLATED), judged()], [judged(), judged("x.new")])
    assert {c.scenario: c.kind for c in comparison.changes} == {"x.gone": Class.GONE, "x.new": Class.NEW}
    assert comparison.exit_code is ExitCode.OK


@pytest.mark.parametrize("before", [[judged()], [judged(), judged("x.v", Verdict.INCONCLUSIVE)]])
def test_a_violation_that_nobody_can_compare_leaves_a_question(tmp_path: Path, before: list[Judged]) -> None:
    comparison = pair(tmp_path, before, [judged(), judged("x.v", Verdict.VIOLATED)])
    assert only(comparison).kind in {Class.NEW, Class.GAINED}
    assert (comparison.stop, comparison.exit_code) == (False, ExitCode.INCONCLUSIVE)


def test_a_regression_outweighs_lost_verdicts_and_is_told_first(tmp_path: Path) -> None:
    comparison = pair(
        tmp_path,
        [judged("x.a"), judged("x.b")],
        [judged("x.a", Verdict.NOT_INJECTED, reason="not observed"), judged("x.b", Verdict.VIOLATED)],
    )
    assert [c.kind for c in comparison.changes] == [Class.REGRESSED, Class.LOST]
    assert comparison.exit_code is ExitCode.VIOLATED


def _repeated(tmp_path: Path, name: str, verdicts: Sequence[Verdict]) -> list[Path]:
    return [write_run(tmp_path / f"{name}{n}", [judged(verdict=verdict)]) for n, verdict in enumerate(verdicts)]


def test_repeated_runs_are_weighed_by_fishers_exact_test(tmp_path: Path) -> None:
    ours = _repeated(tmp_path, "b", [Verdict.HOLDS] * 4)
    theirs = _repeated(tmp_path, "a", [Verdict.VIOLATED] * 4)
    change = only(compare(ours, theirs))
    assert change.kind is Class.REGRESSED
    assert change.p == pytest.approx(2 / 70)
    assert change.after
    assert change.after.counts == {"violated": 4}


def test_one_violation_among_repeated_runs_is_a_regression_however_likely_chance_is(tmp_path: Path) -> None:
    ours = _repeated(tmp_path, "b", [Verdict.HOLDS] * 3)
    theirs = _repeated(tmp_path, "a", [Verdict.HOLDS, Verdict.VIOLATED, Verdict.HOLDS])
    change = only(compare(ours, theirs))
    assert change.kind is Class.REGRESSED
    assert change.p == 1.0


def test_what_was_violated_now_and_then_regresses_when_it_is_so_much_more_often(tmp_path: Path) -> None:
    rarely = [Verdict.VIOLATED] + [Verdict.HOLDS] * 7
    mostly = [Verdict.HOLDS] + [Verdict.VIOLATED] * 7
    ours, theirs = _repeated(tmp_path, "b", rarely), _repeated(tmp_path, "a", mostly)
    change = only(compare(ours, theirs))
    assert (change.kind, change.why) == (Class.REGRESSED, "violated more often: in 88% of the runs, before in 12%")
    assert only(compare(theirs, ours)).kind is Class.FIXED
    assert not compare(ours[:3], [*theirs[:2], *ours[3:4]]).changes


def test_a_repeated_run_answers_where_another_has_no_answer(tmp_path: Path) -> None:
    ours = _repeated(tmp_path, "b", [Verdict.INCONCLUSIVE, Verdict.HOLDS])
    theirs = _repeated(tmp_path, "a", [Verdict.HOLDS, Verdict.NOT_INJECTED])
    assert not compare(ours, theirs).changes


def test_latencies_are_compared_recording_by_recording(tmp_path: Path) -> None:
    def run(name: str, late_s: float) -> Path:
        timelines = {}
        for n in range(8):
            c = build.Cluster(f"x.s{n}")
            c.shot(0.1)
            c.sandbox(0.5)
            c.run("init-1", 0.8, 1.2)
            c.run("init-2", 1.5 + late_s + n / 100, 2.5 + late_s)
            c.run("app-a", 3.0 + late_s)
            timelines[c.meta.scenario] = c.timeline()
        return write_run(tmp_path / name, [judged(s) for s in timelines], evidence=timelines)

    runs = {late: run(f"r{late}", late) for late in (0.0, 0.01, 0.02, 0.03, 2.0, 2.01, 2.02, 2.03)}
    quick, slow = [list(runs.values())[n : n + 4] for n in (0, 4)]
    single = {each.name: each for each in compare(quick[:1], slow[:1]).latencies}
    steps = single["init container ended → next start"]
    assert (steps.recordings, steps.before_runs, steps.p_runs) == (8, 1, None)
    assert steps.shift_s == pytest.approx(1.0, abs=0.1)  # one of the two steps is 2 s later
    assert steps.p_recordings == pytest.approx(0.0156, abs=0.001)  # 2 kinds, each with the smallest p of 8 pairs
    repeated = {each.name: each for each in compare(quick, slow).latencies}
    assert repeated[steps.name].p_runs == pytest.approx(2 / 70 * 2)
    assert repeated[steps.name].before_s == pytest.approx(steps.before_s, abs=0.05)
    first = repeated["Pod created → first container started"]
    assert first.shift_s == pytest.approx(0.0)
    assert first.p_recordings == 1.0


def test_evidence_that_is_broken_costs_its_timeline_and_nothing_else(tmp_path: Path) -> None:
    scenario = "rerun.f4"
    evidence = {scenario: _apps_killed(again=True)}
    before = write_run(tmp_path / "b", [judged(scenario)], evidence=evidence)
    after = write_run(tmp_path / "a", [judged(scenario, Verdict.VIOLATED)], evidence=evidence)
    (after / "evidence" / f"{scenario}.jsonl").write_text("{", encoding="utf-8")
    comparison = compare([before], [after])
    change = only(comparison)
    assert (change.kind, change.difference) == (Class.REGRESSED, None)
    assert "evidence" in change.unread
    assert any("cannot be read" in note for note in comparison.notes)


def test_a_profile_that_nobody_knows_is_told(tmp_path: Path) -> None:
    before = write_run(tmp_path / "b", [judged()], profile="")
    after = write_run(tmp_path / "a", [judged()])
    notes = compare([before], [after]).notes
    assert [note.partition(":")[0] for note in notes if "profile" in note] == ["b"]


def test_what_cannot_be_compared_is_refused_with_the_reason(tmp_path: Path) -> None:
    good = write_run(tmp_path / "good", [judged()])
    cases = {
        "results.json is missing": tmp_path,
        "not complete": write_run(tmp_path / "part", [judged()], complete=False),
        "different profiles: default, nightly": write_run(tmp_path / "other", [judged()], profile="nightly"),
        "no scenario was judged by both": write_run(tmp_path / "else", [judged("y.s")]),
        "on both sides": good,
    }
    for reason, folder in cases.items():
        with pytest.raises(UsageError, match=reason):
            compare([good], [folder])


def test_repeated_runs_are_of_one_version_and_given_once(tmp_path: Path) -> None:
    good = write_run(tmp_path / "good", [judged()])
    other = write_run(tmp_path / "other", [judged()], kubelet="v1.37.2")
    with pytest.raises(UsageError, match="different versions"):
        compare([good, other], [good])
    with pytest.raises(UsageError, match="given twice"):
        compare([good, good], [other])
    with pytest.raises(UsageError, match="no run given for after"):
        compare([good], [])


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2}', '{"schema": 1, "run": {"id": 3}}'])
def test_results_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    good, bad = write_run(tmp_path / "good", [judged()]), write_run(tmp_path / "bad", [judged()])
    (bad / "results.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="results of a run"):
        compare([good], [bad])


def test_a_claim_that_no_register_knows_is_compared_all_the_same(tmp_path: Path) -> None:
    ours = replace(judged(), claims=("a.b.unknown",))
    change = only(pair(tmp_path, [ours], [replace(judged(verdict=Verdict.VIOLATED), claims=("a.b.unknown",))]))
    assert change.kind is Class.REGRESSED
    assert change.claims[0].statement == ""
