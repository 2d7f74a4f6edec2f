"""From verdicts to what became of a mutant, and to the score. Pure: knows no cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from podvow.claims import Register
from podvow.errors import ExitCode
from podvow.mutants.definition import Definition
from podvow.verdict import UNDECIDED, Judged, Outcome, Verdict, of_scenarios


class Fate(StrEnum):
    """What became of a mutant.

    A kill is a named expectation of a claim that must notice the mutant, violated on the node that it was on, in a
    scenario that is green without it. Nothing else is one: neither a program that crashes, nor a scenario that
    comes to no verdict.
    """

    KILLED = "killed"
    SURVIVED = "survived"
    NOTICED = "noticed elsewhere"
    CRASHED = "crashed"
    INCONCLUSIVE = "inconclusive"
    NOT_BUILT = "does not compile"
    ELSEWHERE = "other version"
    EQUIVALENT = "equivalent"
    GREEN = "green"
    RED = "red"


_SHOWN = 3
UNCOUNTED = frozenset({Fate.ELSEWHERE, Fate.EQUIVALENT, Fate.GREEN, Fate.RED})


@dataclass(frozen=True)
class Kill:
    """The violation that gave a mutant away.

    Attributes:
        scenario: id of the scenario.
        claims: the claims that it judges.
        expectation: the expectation that was violated.
        detail: what was seen instead.
        evidence: file of the evidence, below `reports/runs`.
    """

    scenario: str
    claims: tuple[str, ...]
    expectation: str
    detail: str
    evidence: str


@dataclass(frozen=True)
class Trial:
    """One run of some scenarios with one program.

    Attributes:
        run: its id.
        judged: the verdicts that it came to.
        wall_s: how long it took, in seconds.
        error: why it did not come to its end, empty when it did.
        leaks: what it could not remove.
    """

    run: str
    judged: tuple[Judged, ...]
    wall_s: float
    error: str = ""
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of a mutant, and why.

    Attributes:
        id: of the mutant.
        title: its bug in one sentence.
        control: whether it is one that nothing may notice.
        fate: what became of it.
        reason: why, in words; empty where the kill says it.
        kill: what gave it away.
        claims: verdict of every claim that was judged; *holds* only where all its scenarios were.
        scenarios: how many scenarios were judged.
        wall_s: how long it took with its swap, in seconds.
        runs: ids of its runs.
        target: the program that it is in.
    """

    id: str
    title: str
    control: bool
    fate: Fate
    reason: str = ""
    kill: Kill | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    scenarios: int = 0
    wall_s: float = 0.0
    runs: tuple[str, ...] = ()
    target: str = "kubelet"


def last_of(trials: Iterable[Trial]) -> tuple[Judged, ...]:
    """Return the verdicts of some trials; of a scenario that was run again the last one."""
    return tuple({each.scenario: each for trial in trials for each in trial.judged}.values())


def as_expected(judged: Judged, register: Register) -> bool:
    """Tell whether a scenario came out as it does on a kubelet that is in order."""
    if judged.verdict in {Verdict.HOLDS, Verdict.NOT_APPLICABLE} or judged.known:
        return True
    return judged.verdict is Verdict.VIOLATED and not _gating(judged, register)


def kill_of(trials: Iterable[Trial], claims: Collection[str], green: Collection[str]) -> Kill | None:
    """Return the violation that gives a mutant away, the first there is.

    Args:
        trials: its runs, in their order.
        claims: those that count.
        green: ids of the scenarios that come out as expected without it; no other one can tell.
    """
    for trial in trials:
        for judged in trial.judged:
            counts = judged.verdict is Verdict.VIOLATED and not judged.known and judged.scenario in green
            if not counts or set(claims).isdisjoint(judged.claims):
                continue
            broken = [j for j in judged.judgements if j.outcome is Outcome.VIOLATED]
            if broken:
                first = next((j for j in broken if not j.standing), broken[0])
                evidence = f"{trial.run}/{judged.evidence}"
                return Kill(judged.scenario, judged.claims, first.text, first.detail, evidence)
    return None


def fate_of(
    definition: Definition,
    trials: Sequence[Trial],
    *,
    register: Register,
    green: Collection[str],
    panics: int = 0,
) -> tuple[Fate, str, Kill | None]:
    """Return what became of a mutant that was run, with the reason and the violation.

    Args:
        definition: the mutant.
        trials: its runs, in their order.
        register: the claims.
        green: ids of the scenarios that come out as expected without it.
        panics: how often its program crashed.
    """
    judged = last_of(trials)
    errors = [trial.error for trial in trials if trial.error]
    if panics:
        return Fate.CRASHED, f"{definition.target} crashed {panics} times", None
    if definition.control:
        return _control(trials, judged, errors, register, green)
    kill = kill_of(trials, definition.related(register), green)
    unturned = [claim for claim in definition.holds if claims_of(judged).get(claim) != Verdict.HOLDS]
    if kill and unturned:
        return Fate.INCONCLUSIVE, f"noticed, but {', '.join(unturned)} did not turn to holds", kill
    if kill:
        return Fate.KILLED, "", kill
    if errors:
        return Fate.INCONCLUSIVE, errors[0], None
    gating = {claim.id for claim in register.claims if claim.gating}
    elsewhere = kill_of(trials, gating, green)
    if elsewhere:
        return Fate.NOTICED, "only by claims that its definition does not name", elsewhere
    related = [j for j in judged if not definition.related(register).isdisjoint(j.claims)]
    if not related:
        return Fate.INCONCLUSIVE, "no scenario of its claims was judged that is green without it", None
    open_ = [j for j in related if j.verdict in UNDECIDED]
    if open_:
        return Fate.INCONCLUSIVE, f"{open_[0].scenario}: {open_[0].verdict}: {open_[0].reason}", None
    return Fate.SURVIVED, f"{len(related)} scenarios of its claims came out as they do without it", None


def _control(
    trials: Sequence[Trial],
    judged: Sequence[Judged],
    errors: Sequence[str],
    register: Register,
    green: Collection[str],
) -> tuple[Fate, str, Kill | None]:
    every = {claim for j in judged for claim in j.claims}
    kill = kill_of(trials, {c.id for c in register.claims if c.gating and c.id in every}, green)
    if kill:
        return Fate.RED, "a change that nothing promises was taken for a bug", kill
    if errors or not judged:
        return Fate.INCONCLUSIVE, errors[0] if errors else "nothing was judged", None
    same = [j for j in judged if as_expected(j, register)]
    blind = sorted(every - {claim for j in same for claim in j.claims})
    if blind:
        return Fate.INCONCLUSIVE, f"no verdict on {', '.join(blind)}", None
    open_ = f", {len(judged) - len(same)} are open" if len(same) < len(judged) else ""
    return Fate.GREEN, f"{len(same)} scenarios came out as they do without it{open_}", None


def claims_of(judged: Iterable[Judged], needed: Mapping[str, Collection[str]] | None = None) -> dict[str, str]:
    """Return the verdict of every claim over the scenarios that were judged.

    Args:
        judged: the verdicts.
        needed: ids of the scenarios of each claim. One that holds as far as it was judged is left out unless all of
            them were: a run that was stopped early cannot say so, and another one may have come further.
    """
    by_claim: defaultdict[str, dict[str, Verdict]] = defaultdict(dict)
    for each in judged:
        for claim in each.claims:
            by_claim[claim][each.scenario] = each.verdict
    whole = {claim: of_scenarios(list(verdicts.values())) for claim, verdicts in sorted(by_claim.items())}
    return {
        claim: str(verdict)
        for claim, verdict in whole.items()
        if verdict is not Verdict.HOLDS or set((needed or {}).get(claim, ())) <= set(by_claim[claim])
    }


@dataclass(frozen=True)
class Score:
    """How good the suites are at noticing.

    Attributes:
        killed: how many mutants were killed.
        counted: how many there are, without those that no behaviour can show.
        void: why the score means nothing; empty when it means something.
    """

    killed: int
    counted: int
    void: str

    @property
    def exit_code(self) -> ExitCode:
        """0 when all were killed; 1 when one was not; 4 when the score is void."""
        if self.void:
            return ExitCode.INCONCLUSIVE
        return ExitCode.OK if self.killed == self.counted else ExitCode.VIOLATED


def score_of(results: Sequence[Result], baseline: Iterable[Judged], register: Register) -> Score:
    """Return the score.

    Args:
        results: what became of all mutants and controls.
        baseline: verdicts on the programs without an active mutant. A violation there makes the score void; a
            scenario that came to no verdict can give nothing away, and that is all.
        register: the claims.
    """
    broken = [j.scenario for j in baseline if j.verdict is Verdict.VIOLATED and not as_expected(j, register)]
    void = []
    if broken:
        void.append(f"violated without a mutant: {', '.join(broken[:3])}{', …' if len(broken) > _SHOWN else ''}")
    void += [f"control {r.id} is {r.fate}: {r.reason}" for r in results if r.control and r.fate is not Fate.GREEN]
    mutants = [r for r in results if not r.control and r.fate not in UNCOUNTED]
    return Score(sum(r.fate is Fate.KILLED for r in mutants), len(mutants), "; ".join(void))


def _gating(judged: Judged, register: Register) -> bool:
    return any(register.claim(claim).gating for claim in judged.claims)
