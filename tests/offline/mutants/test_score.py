"""What counts as a kill, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podvow.claims import load_register
from podvow.errors import ExitCode
from podvow.mutants.definition import DEFINITIONS, Definition, load
from podvow.mutants.score import Fate, Result, Trial, as_expected, claims_of, fate_of, score_of
from podvow.paths import SUITES
from podvow.verdict import Judged, Judgement, Outcome, Verdict

REGISTER = load_register(SUITES / "claims.yaml")
OURS = {definition.id: definition for definition in load(DEFINITIONS)}
PARALLEL, SEED, CONTROL = OURS["parallel-inits"], OURS["seed-literal"], OURS["control-slow-pleg"]
ORDER = "ordering.inits.one-at-a-time"
BROKEN = Judgement("init-2 started after init-1 had ended", Outcome.VIOLATED, "0.3 s before it")
HELD = Judgement("app started last", Outcome.HOLDS)


def judged(verdict: Verdict, *judgements: Judgement, claim: str = ORDER, scenario: str = "ordering.one") -> Judged:
    return Judged(scenario, "test", (claim,), verdict, judgements, evidence="evidence/one.jsonl")


def trial(*verdicts: Judged, error: str = "") -> Trial:
    return Trial("r-1", verdicts, 10.0, error)


def fate(
    definition: Definition, *trials: Trial, green: tuple[str, ...] = ("ordering.one",), panics: int = 0
) -> Fate:
    return fate_of(definition, trials, register=REGISTER, green=green, panics=panics)[0]


def test_a_violated_expectation_of_a_related_claim_kills_and_is_named() -> None:
    said, reason, kill = fate_of(
        PARALLEL, [trial(judged(Verdict.VIOLATED, HELD, BROKEN))], register=REGISTER, green=["ordering.one"]
    )
    assert (said, reason) == (Fate.KILLED, "")
    assert kill is not None
    assert (kill.expectation, kill.detail) == (BROKEN.text, BROKEN.detail)
    assert kill.evidence == "r-1/evidence/one.jsonl"


def test_an_invariant_kills_too_but_the_test_s_own_words_come_first() -> None:
    standing = replace(BROKEN, text="never two at a time", standing=True)
    for judgements, text in (([standing, HELD], standing.text), ([standing, BROKEN], BROKEN.text)):
        _, _, kill = fate_of(
            PARALLEL, [trial(judged(Verdict.VIOLATED, *judgements))], register=REGISTER, green=["ordering.one"]
        )
        assert kill is not None
        assert kill.expectation == text


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (judged(Verdict.HOLDS, HELD), Fate.SURVIVED),
        (judged(Verdict.INCONCLUSIVE, BROKEN), Fate.INCONCLUSIVE),
        (judged(Verdict.NOT_INJECTED, BROKEN), Fate.INCONCLUSIVE),
        (judged(Verdict.VIOLATED, BROKEN, claim="failure.backoff.curve"), Fate.NOTICED),
        (judged(Verdict.VIOLATED, BROKEN, claim="seed.apps-terminated.restart-pod"), Fate.INCONCLUSIVE),
        (replace(judged(Verdict.VIOLATED, BROKEN), expected={ORDER: "violated"}), Fate.SURVIVED),
        (judged(Verdict.VIOLATED, HELD), Fate.SURVIVED),
    ],
)
def test_nothing_else_is_a_kill(verdict: Judged, wanted: Fate) -> None:
    assert fate(PARALLEL, trial(verdict)) is wanted


def test_a_scenario_that_is_not_green_without_the_mutant_cannot_tell() -> None:
    assert fate(PARALLEL, trial(judged(Verdict.VIOLATED, BROKEN)), green=()) is Fate.SURVIVED


def test_a_crash_is_no_kill_whatever_was_violated() -> None:
    assert fate(PARALLEL, trial(judged(Verdict.VIOLATED, BROKEN)), panics=1) is Fate.CRASHED
    assert fate(CONTROL, trial(judged(Verdict.HOLDS, HELD)), panics=1) is Fate.CRASHED


def test_a_run_that_came_to_no_end_leaves_it_open() -> None:
    assert fate(PARALLEL, trial(judged(Verdict.HOLDS, HELD), error="timed out")) is Fate.INCONCLUSIVE
    assert fate(PARALLEL) is Fate.INCONCLUSIVE


def test_a_seed_claim_must_turn_to_holds() -> None:
    claim, seed = "updates.init-image.running-pod-unaffected", "seed.init-image.update-restarts-pod"
    noticed = judged(Verdict.VIOLATED, BROKEN, claim=claim)
    for verdict, wanted in ((Verdict.HOLDS, Fate.KILLED), (Verdict.VIOLATED, Fate.INCONCLUSIVE)):
        turned = judged(verdict, HELD, claim=seed, scenario="seed.one")
        assert fate(SEED, trial(noticed, turned)) is wanted
    assert fate(SEED, trial(noticed)) is Fate.INCONCLUSIVE


def test_a_control_is_green_only_when_everything_is_as_without_it() -> None:
    assert fate(CONTROL, trial(judged(Verdict.HOLDS, HELD))) is Fate.GREEN
    assert fate(CONTROL, trial(judged(Verdict.VIOLATED, BROKEN))) is Fate.RED
    assert fate(CONTROL, trial(judged(Verdict.INCONCLUSIVE, HELD))) is Fate.INCONCLUSIVE
    open_ = judged(Verdict.INCONCLUSIVE, scenario="ordering.two")
    assert fate(CONTROL, trial(judged(Verdict.HOLDS, HELD), open_)) is Fate.GREEN, "its claim has a verdict"
    assert fate(CONTROL) is Fate.INCONCLUSIVE


def test_what_only_the_seed_says_is_expected_to_be_violated() -> None:
    assert as_expected(judged(Verdict.VIOLATED, BROKEN, claim="seed.apps-terminated.restart-pod"), REGISTER)
    assert not as_expected(judged(Verdict.VIOLATED, BROKEN), REGISTER)
    assert not as_expected(judged(Verdict.INCONCLUSIVE), REGISTER)


def result(fate_: Fate, *, control: bool = False) -> Result:
    return Result("a-mutant", "A bug.", control, fate_)


def test_the_score_leaves_out_what_no_behaviour_shows() -> None:
    score = score_of([result(f) for f in (Fate.KILLED, Fate.EQUIVALENT, Fate.ELSEWHERE)], [], REGISTER)
    assert (score.killed, score.counted, score.void) == (1, 1, "")
    assert score.exit_code is ExitCode.OK


@pytest.mark.parametrize("other", [Fate.SURVIVED, Fate.NOTICED, Fate.CRASHED, Fate.INCONCLUSIVE, Fate.NOT_BUILT])
def test_whatever_is_not_killed_counts_against_the_suites(other: Fate) -> None:
    score = score_of([result(Fate.KILLED), result(other)], [], REGISTER)
    assert (score.killed, score.counted) == (1, 2)
    assert score.exit_code is ExitCode.VIOLATED


def test_the_score_is_void_with_a_violation_in_the_baseline_or_a_control_that_is_not_green() -> None:
    broken, open_ = judged(Verdict.VIOLATED, BROKEN), judged(Verdict.INCONCLUSIVE)
    assert score_of([result(Fate.KILLED)], [broken], REGISTER).exit_code is ExitCode.INCONCLUSIVE
    assert not score_of([result(Fate.KILLED)], [open_, judged(Verdict.HOLDS, HELD)], REGISTER).void
    assert score_of([result(Fate.KILLED), result(Fate.RED, control=True)], [], REGISTER).void
    assert not score_of([result(Fate.KILLED), result(Fate.GREEN, control=True)], [], REGISTER).void


def test_a_claim_holds_only_where_all_its_scenarios_were_judged() -> None:
    needed = {ORDER: {"ordering.one", "ordering.two"}}
    one, two = judged(Verdict.HOLDS, HELD), judged(Verdict.HOLDS, HELD, scenario="ordering.two")
    assert claims_of([one], needed) == {}
    assert claims_of([one, two], needed) == {ORDER: "holds"}
    assert claims_of([judged(Verdict.VIOLATED, BROKEN)], needed) == {ORDER: "violated"}
