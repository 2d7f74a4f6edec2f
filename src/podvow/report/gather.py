"""Brings run, verdicts, evidence and register together once, for all writers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from podvow.errors import PodvowError
from podvow.paths import ROOT
from podvow.report.model import ClaimInfo, RunInfo, SeedSentence, Topic
from podvow.timeline import Timeline, load
from podvow.verdict import Finding, Judged, Outcome, Verdict, of_scenarios, shown

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
    """

    judged: Judged
    claims: tuple[ClaimInfo, ...]
    timeline: Timeline | None
    path: Path | None
    gating: bool

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


@dataclass(frozen=True)
class Report:
    """Everything the writers need."""

    folder: Path
    run: RunInfo
    entries: tuple[Entry, ...]
    claims: tuple[ClaimEntry, ...]
    seed: tuple[SeedSentence, ...]
    catalogue: tuple[Topic, ...] = ()

    @cached_property
    def totals(self) -> dict[str, int]:
        """Scenarios by verdict; those that never gate are kept apart: the seed's, and what the register expects."""
        totals = dict.fromkeys(
            (*(_key(v) for v in Verdict), "refuted_seed", "kept_seed", "open_seed", "conflict"),
            0,
        )
        for entry in self.entries:
            verdict = entry.judged.verdict
            if entry.gating:
                totals["conflict" if entry.judged.known else _key(verdict)] += 1
            elif verdict is Verdict.VIOLATED:
                totals["refuted_seed"] += 1
            else:
                totals["kept_seed" if verdict is Verdict.HOLDS else "open_seed"] += 1
        return totals

    @cached_property
    def worst_first(self) -> tuple[Entry, ...]:
        """The scenarios, what needs a reader first."""
        return tuple(sorted(self.entries, key=lambda e: (WORST_FIRST.index(e.shown), e.judged.scenario)))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Scenarios by the verdict that is shown, worst first, without those that are none."""
        found = [entry.shown for entry in self.entries]
        return {name: found.count(name) for name in WORST_FIRST if name in found}

    @cached_property
    def findings(self) -> tuple[tuple[Entry, Finding], ...]:
        """Contradictions between sources, each with a scenario that shows it; a shared recording counts once."""
        found: dict[tuple[str, str, str], tuple[Entry, Finding]] = {}
        for entry in self.entries:
            for finding in entry.judged.findings:
                where = entry.judged.evidence or entry.judged.scenario
                found.setdefault((where, finding.kind, finding.text), (entry, finding))
        return tuple(found.values())

    @cached_property
    def surprises(self) -> tuple[ClaimEntry, ...]:
        """Claims that came out other than the register expects."""
        return tuple(entry for entry in self.claims if entry.agrees is False)

    @cached_property
    def unjudged(self) -> tuple[ClaimEntry, ...]:
        """Claims that cannot be judged on this cluster, all of them with a reason."""
        return tuple(entry for entry in self.claims if entry.reason)

    @cached_property
    def by_sentence(self) -> tuple[tuple[SeedSentence, tuple[ClaimEntry, ...]], ...]:
        """The seed's sentences with their claims."""
        known = {entry.claim.id: entry for entry in self.claims}
        return tuple((s, tuple(known[name] for name in s.claims if name in known)) for s in self.seed)

    @cached_property
    def by_topic(self) -> tuple[tuple[Topic, tuple[ClaimEntry, ...]], ...]:
        """The catalogue's entries with the claims that name them."""
        return tuple((t, tuple(e for e in self.claims if t.id in e.claim.catalogue)) for t in self.catalogue)


def _as_expected(claim: str, judged: Sequence[Judged]) -> bool | None:
    """Tell whether the scenarios of one kubelet came out as the register expects; None without an answer."""
    verdict = of_scenarios([j.verdict for j in judged])
    if verdict not in {Verdict.HOLDS, Verdict.VIOLATED}:
        return None
    broken = [j for j in judged if j.verdict is Verdict.VIOLATED]
    return judged[0].expected[claim] == verdict and all(j.known for j in broken)


def _key(verdict: Verdict) -> str:
    return verdict.value.replace("-", "_")


def _entry(folder: Path, judged: Judged, register: dict[str, ClaimInfo], *, read: bool) -> Entry:
    # A claim that the register does not know gates: a typing error must not hide a violation.
    claims = tuple(register.get(name) or ClaimInfo(name) for name in judged.claims)
    path = folder / judged.evidence if judged.evidence else None
    timeline: Timeline | None = None
    if path is not None and read:
        try:
            timeline = load(path)
        except PodvowError:
            path = path if path.is_file() else None
    return Entry(judged, claims, timeline, path, not claims or any(claim.gating for claim in claims))


def gather(
    folder: Path,
    run: RunInfo,
    judged: Sequence[Judged],
    claims: Sequence[ClaimInfo],
    seed: Sequence[SeedSentence] = (),
    *,
    catalogue: Sequence[Topic] = (),
    read: bool = True,
) -> Report:
    """Read the evidence and put everything in a stable order.

    Args:
        folder: the run's folder; the evidence files lie below it.
        run: facts of the run.
        judged: the verdicts.
        claims: the register.
        seed: the seed's sentences.
        catalogue: the behaviour catalogue.
        read: whether to load the evidence files; without it the entries have no timeline.
    """
    register = {claim.id: claim for claim in claims}
    entries = tuple(_entry(folder, j, register, read=read) for j in sorted(judged, key=lambda j: j.scenario))
    unknown = {c.id: c for e in entries for c in e.claims if c.id not in register}
    known = sorted((register | unknown).values(), key=lambda c: c.id)
    by_claim: dict[str, list[Entry]] = {claim.id: [] for claim in known}
    for entry in entries:
        for name in dict.fromkeys(entry.judged.claims):
            by_claim[name].append(entry)
    claimed = tuple(ClaimEntry(claim, tuple(by_claim[claim.id])) for claim in known)
    lines = tuple(sorted(seed, key=lambda s: s.line))
    return Report(folder, run, entries, claimed, lines, tuple(catalogue))
