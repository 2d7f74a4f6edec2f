"""The words of judgement: outcome of an expectation, verdict of a scenario, and how one follows from the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """Result of one expectation on one timeline."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


class Verdict(StrEnum):
    """Result of one scenario, and of a claim over its scenarios."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    NOT_INJECTED = "not-injected"
    NOT_APPLICABLE = "not-applicable"


UNDECIDED = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_INJECTED})
"""What came out where something was judged and nothing can be said."""


class ClaimKind(StrEnum):
    """What a claim is: promised by the documentation, said by the seed only, or observed and pinned by us."""

    DOCUMENTED = "documented"
    SEED_LITERAL = "seed-literal"
    CHARACTERISED = "characterised"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one expectation says of one timeline.

    Attributes:
        text: the expectation as a past-tense fact, e.g. "init-1 not run again after the fault".
        outcome: whether it holds.
        detail: what was seen, in one line.
        at_ns: times of the offending (or deciding) records, nanoseconds since the epoch.
        standing: True for an invariant that every scenario gets for free.
    """

    text: str
    outcome: Outcome
    detail: str = ""
    at_ns: tuple[int, ...] = ()
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Two sources that contradict each other, whoever is wrong (docs/decisions/0005-disagreement.md).

    Attributes:
        kind: what sort of contradiction, e.g. `status-exit-code`; a stable word.
        text: both sides in one line.
        at_ns: when, nanoseconds since the epoch.
        at_s: the same in seconds since the first record of the evidence.
        unreliable: whether witnesses contradict each other, so that nothing which rests on them can hold.
    """

    kind: str
    text: str
    at_ns: int = 0
    at_s: float = 0.0
    unreliable: bool = False


@dataclass(frozen=True)
class Judged:
    """A scenario with its verdict.

    Attributes:
        scenario: stable id of the test and its parameters, e.g. `rerun.sandbox-loss[Always-kill_pause]`.
        test: pytest node id.
        claims: ids of the claims that it judges.
        verdict: the verdict.
        judgements: outcome of every expectation, standing invariants last.
        reason: why the verdict is not-applicable, not-injected or inconclusive; empty otherwise.
        evidence: path of the evidence file below the run's folder, empty when there is none.
        wall_s: from the first record to the last one, in seconds.
        message: the full failure message (style-and-speed 1.4), empty when it holds.
        kubelet: version of the kubelet that was judged, empty when none was.
        expected: for each of its claims the verdict that the register expects of this kubelet.
        findings: contradictions between the sources of its evidence.
    """

    scenario: str
    test: str
    claims: tuple[str, ...]
    verdict: Verdict
    judgements: tuple[Judgement, ...] = ()
    reason: str = ""
    evidence: str = ""
    wall_s: float = 0.0
    message: str = ""
    kubelet: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it is violated just as the register says it is on this kubelet, and nothing else is wrong.

        The register knows claims, not invariants: where one of these is broken, something else happened too.
        """
        return (
            self.verdict is Verdict.VIOLATED
            and bool(self.claims)
            and all(self.expected.get(claim) == Verdict.VIOLATED for claim in self.claims)
            and not any(j.standing and j.outcome is Outcome.VIOLATED for j in self.judgements)
        )


REFUTED = "refuted"
"""How a violated claim is shown that only the seed makes: the cluster is right, the old sentence is not."""
CONFLICT = "conflict"
"""How a violated claim is shown that the register expects to be violated on this version: both sides are known."""


def shown(verdict: Verdict, *, gating: bool, known: bool) -> str:
    """Return a verdict as people read it.

    Args:
        verdict: the verdict.
        gating: whether a violation may fail the run; False for what only the seed says.
        known: whether the register expects the violation of the kubelet that was judged.
    """
    if verdict is not Verdict.VIOLATED:
        return str(verdict)
    if not gating:
        return REFUTED
    return CONFLICT if known else str(verdict)


_WORST_FIRST = (Verdict.VIOLATED, Verdict.NOT_INJECTED, Verdict.INCONCLUSIVE, Verdict.HOLDS)


def of_outcomes(outcomes: Sequence[Outcome]) -> Verdict:
    """Return the verdict that follows from the outcomes of a scenario's expectations.

    One violation violates; else one missing answer leaves it open; no expectation at all never holds.
    """
    if Outcome.VIOLATED in outcomes:
        return Verdict.VIOLATED
    if Outcome.INCONCLUSIVE in outcomes or not outcomes:
        return Verdict.INCONCLUSIVE
    return Verdict.HOLDS


def of_scenarios(verdicts: Sequence[Verdict]) -> Verdict:
    """Return a claim's verdict: the worst of its scenarios; not-applicable only when all of them are."""
    for verdict in _WORST_FIRST:
        if verdict in verdicts:
            return verdict
    return Verdict.NOT_APPLICABLE
