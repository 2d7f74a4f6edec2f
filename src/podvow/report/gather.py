"""Brings run, verdicts, evidence and register together once, for all writers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from podvow.errors import PodvowError
from podvow.quarantine import NONE, Mark, Quarantine
from podvow.report.entries import WORST_FIRST, ClaimEntry, Entry
from podvow.report.model import ClaimInfo, RunInfo, SeedSentence, Topic
from podvow.timeline import Timeline, load
from podvow.timeline.record import Kind
from podvow.verdict import Finding, Judged, Verdict


@dataclass(frozen=True)
class Report:
    """Everything the writers need."""

    folder: Path
    run: RunInfo
    entries: tuple[Entry, ...]
    claims: tuple[ClaimEntry, ...]
    seed: tuple[SeedSentence, ...]
    catalogue: tuple[Topic, ...] = ()
    quarantine: Quarantine = NONE

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
    def marked(self) -> tuple[Entry, ...]:
        """The scenarios that the quarantine list marks, what needs a reader first."""
        return tuple(entry for entry in self.worst_first if entry.quarantine)

    @cached_property
    def unmatched(self) -> tuple[Mark, ...]:
        """Entries of the quarantine list that name nothing which this run judged."""
        claims = {name for entry in self.entries for name in entry.judged.claims}
        return self.quarantine.unmatched((entry.judged.scenario for entry in self.entries), claims)

    @cached_property
    def by_sentence(self) -> tuple[tuple[SeedSentence, tuple[ClaimEntry, ...]], ...]:
        """The seed's sentences with their claims."""
        known = {entry.claim.id: entry for entry in self.claims}
        return tuple((s, tuple(known[name] for name in s.claims if name in known)) for s in self.seed)

    @cached_property
    def by_topic(self) -> tuple[tuple[Topic, tuple[ClaimEntry, ...]], ...]:
        """The catalogue's entries with the claims that name them."""
        return tuple((t, tuple(e for e in self.claims if t.id in e.claim.catalogue)) for t in self.catalogue)


def _key(verdict: Verdict) -> str:
    return verdict.value.replace("-", "_")


def _about(timeline: Timeline, judged: Judged) -> Timeline:
    """Return what a verdict is about: of a table's requests, whose recording is shared, those that it judged."""
    moments = {t for judgement in judged.judgements for t in judgement.at_ns}
    own = [r for r in timeline.records if r.kind is not Kind.ANSWERED or r.t_ns in moments]
    return timeline if len(own) == len(timeline.records) else Timeline(timeline.meta, own)


def _entry(
    folder: Path,
    judged: Judged,
    register: dict[str, ClaimInfo],
    read: Callable[[Path], Timeline] | None,
    quarantine: Quarantine,
) -> Entry:
    # A claim that the register does not know gates: a typing error must not hide a violation.
    claims = tuple(register.get(name) or ClaimInfo(name) for name in judged.claims)
    path = folder / judged.evidence if judged.evidence else None
    timeline: Timeline | None = None
    unread = ""
    if path is not None and read is not None:
        try:
            timeline = _about(read(path), judged)
        except PodvowError as error:
            unread = error.message
            path = path if path.is_file() else None
    gating = not claims or any(claim.gating for claim in claims)
    mark = quarantine.of(judged.scenario, judged.claims)
    return Entry(judged, claims, timeline, path, gating, unread, mark)


def gather(
    folder: Path,
    run: RunInfo,
    judged: Sequence[Judged],
    claims: Sequence[ClaimInfo],
    seed: Sequence[SeedSentence] = (),
    *,
    catalogue: Sequence[Topic] = (),
    quarantine: Quarantine = NONE,
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
        quarantine: the list of what is marked.
        read: whether to load the evidence files; without it the entries have no timeline.
    """
    register = {claim.id: claim for claim in claims}
    loaded = cache(load) if read else None  # tests may share a recording
    ordered = sorted(judged, key=lambda j: j.scenario)
    entries = tuple(_entry(folder, j, register, loaded, quarantine) for j in ordered)
    unknown = {c.id: c for e in entries for c in e.claims if c.id not in register}
    known = sorted((register | unknown).values(), key=lambda c: c.id)
    by_claim: dict[str, list[Entry]] = {claim.id: [] for claim in known}
    for entry in entries:
        for name in dict.fromkeys(entry.judged.claims):
            by_claim[name].append(entry)
    claimed = tuple(ClaimEntry(claim, tuple(by_claim[claim.id])) for claim in known)
    lines = tuple(sorted(seed, key=lambda s: s.line))
    return Report(folder, run, entries, claimed, lines, tuple(catalogue), quarantine)


__all__ = ["WORST_FIRST", "ClaimEntry", "Entry", "Report", "gather"]
