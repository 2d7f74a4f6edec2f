"""A judged scenario and a claim with its scenarios, as all writers see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from podvow.paths import ROOT
from podvow.quarantine import Mark
from podvow.report.model import ClaimInfo
from podvow.timeline import Timeline
from podvow.verdict import Judged, Outcome, Verdict, of_scenarios, shown

WORST_FIRST = ("violated", "not-injected", "inconclusive", "conflict", "refuted", "holds", "not-applicable")
"""The verdicts as they are shown, what needs a reader first."""


@dataclass(frozen=True)
class Entry:
    """A judged scenario with its evidence.

    Attributes:
        judged: the verdict.
        claims: its claims as the register has them.
        timeline: the evidence; None when there is none that can be read.
        path: the evidence file, None when there is none.
        gating: False when it judges seed-literal claims only.
        unread: why the evidence could not be read, empty when it could.
        quarantine: its mark in the quarantine list, which changes nothing about the verdict.
    """

    judged: Judged
    claims: tuple[ClaimInfo, ...]
    timeline: Timeline | None
    path: Path | None
    gating: bool
    unread: str = ""
    quarantine: Mark | None = None

    @property
    def shown(self) -> str:
        """The verdict as people read it."""
        return shown(self.judged.verdict, gating=self.gating, known=self.judged.known)

    @property
    def node(self) -> str:
        """The node it ran on, empty when unknown."""
        return self.timeline.meta.node if self.timeline else ""

    @property
    def faults(self) -> list[str]:
        """Names of the faults on the timeline, in order."""
        return [mark.name for mark in self.timeline.faults] if self.timeline else []

    @property
    def marks(self) -> tuple[int, ...]:
        """The moments that decided against it, nanoseconds since the epoch."""
        return tuple(t for j in self.judged.judgements if j.outcome is not Outcome.HOLDS for t in j.at_ns)

    @property
    def replay(self) -> str:
        """The command that judges the evidence again; empty without evidence."""
        if self.path is None:
            return ""
        path = self.path.resolve()
        readable = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(self.judged.evidence)
        return f"podvow replay '{readable}'"

    @property
    def headline(self) -> str:
        """In one line why the verdict is what it is; empty when it holds."""
        judged = self.judged
        wanted = {Verdict.VIOLATED: Outcome.VIOLATED, Verdict.INCONCLUSIVE: Outcome.INCONCLUSIVE}.get(
            judged.verdict
        )
        if wanted is None and judged.verdict is Verdict.HOLDS:
            return ""
        for judgement in judged.judgements:
            if judgement.outcome is wanted:
                return f"{judgement.text}: {judgement.detail}" if judgement.detail else judgement.text
        return judged.reason or next(iter(judged.message.splitlines()), "")


@dataclass(frozen=True)
class ClaimEntry:
    """A claim with its scenarios of this run."""

    claim: ClaimInfo
    scenarios: tuple[Entry, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its scenarios."""
        return of_scenarios([entry.judged.verdict for entry in self.scenarios])

    @property
    def shown(self) -> str:
        """The verdict as people read it; `not judged` when no scenario of this run judges it."""
        if not self.scenarios:
            return "not-judged"
        bad = [entry.judged for entry in self.scenarios if entry.judged.verdict is Verdict.VIOLATED]
        return shown(self.verdict, gating=self.claim.gating, known=all(j.known for j in bad))

    @property
    def expected(self) -> str:
        """The verdict that the register expects of the kubelet that was judged (the worst, with several).

        Empty when none was judged.
        """
        found = {str(e.judged.expected.get(self.claim.id, "")) for e in self.scenarios}
        return next((word for word in ("violated", "holds") if word in found), "")

    @property
    def agrees(self) -> bool | None:
        """Whether it came out as the register expects, on every kubelet; None without an answer."""
        by_kubelet: dict[str, list[Judged]] = {}
        for entry in self.scenarios:
            if self.claim.id in entry.judged.expected:
                by_kubelet.setdefault(entry.judged.kubelet, []).append(entry.judged)
        answers = [_as_expected(self.claim.id, judged) for judged in by_kubelet.values()]
        if False in answers:
            return False
        return None if None in answers or not answers else True

    @property
    def reason(self) -> str:
        """Why it was not judged; empty when it was, or when this run did not try."""
        if self.claim.not_judged:
            return self.claim.not_judged
        if self.scenarios and self.verdict is Verdict.NOT_APPLICABLE:
            return self.scenarios[0].judged.reason
        return ""


def _as_expected(claim: str, judged: Sequence[Judged]) -> bool | None:
    """Tell whether the scenarios of one kubelet came out as the register expects; None without an answer."""
    verdict = of_scenarios([j.verdict for j in judged])
    if verdict not in {Verdict.HOLDS, Verdict.VIOLATED}:
        return None
    broken = [j for j in judged if j.verdict is Verdict.VIOLATED]
    return judged[0].expected[claim] == verdict and all(j.known for j in broken)
