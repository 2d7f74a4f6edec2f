"""Compares two sides: verdict by verdict, and where one changed, transition by transition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from podvow.claims import Claim, load_register
from podvow.compare import ran
from podvow.compare.align import first_difference
from podvow.compare.classify import classify, shifted, worst
from podvow.compare.latency import Durations, Key, compare_latencies, durations
from podvow.compare.model import UNANSWERED, Change, ClaimNote, Class, Comparison, Latency, Side, Turned
from podvow.compare.ran import Ran, Scenario
from podvow.compare.significance import fisher, holm
from podvow.compare.story import story
from podvow.errors import UsageError
from podvow.paths import SUITES
from podvow.release import release_of
from podvow.timeline import Timeline, load

NO_ANSWER = "no answer"
_SURE = 0.05
_NO_PROFILE = "profile unknown: the folder has no session.json, so that nobody checked whether the profiles agree"


def compare(befores: Sequence[Path], afters: Sequence[Path]) -> Comparison:
    """Compare two runs, or repeated runs of two clusters.

    Args:
        befores: folders of the runs before.
        afters: folders of the runs after.

    Raises:
        UsageError: a folder is no complete run, or the two sides cannot be compared (docs/compare.md says when).
    """
    ours, theirs = ran.side(befores, "before"), ran.side(afters, "after")
    ran.check_pair(ours, theirs)
    register = {claim.id: claim for claim in load_register(SUITES / "claims.yaml").claims}
    latencies, unread = _latencies(ours, theirs)
    changes, unchanged = _changes(ours, theirs, register)
    order = list(Class)
    return Comparison(
        ours,
        theirs,
        tuple(sorted(changes, key=lambda c: (order.index(c.kind), c.scenario))),
        unchanged,
        latencies,
        tuple(_notes(ours, theirs, unread)),
    )


def _notes(ours: Sequence[Ran], theirs: Sequence[Ran], unread: Sequence[str]) -> Iterator[str]:
    yield from (f"{run.id}: {_NO_PROFILE}" for run in (*ours, *theirs) if not run.profile)
    if ours[0].kubelets == theirs[0].kubelets:
        yield f"both sides have kubelets of the same version, {', '.join(ours[0].kubelets)}"
    for name, side in (("before", ours), ("after", theirs)):
        if len(side[0].kubelets) > 1:
            yield f"the nodes {name} have several versions: each verdict is judged by that of its own node"
    yield from (f"evidence that cannot be read: {text}" for text in unread)


def _changes(
    ours: Sequence[Ran], theirs: Sequence[Ran], register: Mapping[str, Claim]
) -> tuple[list[Change], dict[str, int]]:
    read = lru_cache(maxsize=4)(load)  # scenarios of one table share a recording, and stand beside each other
    names = sorted({name for run in (*ours, *theirs) for name in run.scenarios})
    ps = {name: p for name in names if (p := _p(name, ours, theirs)) is not None}
    corrected = dict(zip(ps, holm(list(ps.values())), strict=True))
    changes: list[Change] = []
    unchanged: Counter[str] = Counter()
    for name in names:
        pair = _judged(name, ours), _judged(name, theirs)
        before, after = (_side(runs) if runs else None for runs in pair)
        claims = tuple(_claims(pair, register, (*ours, *theirs)))
        if before is None or after is None:
            kind, where = (Class.GONE, "before") if before else (Class.NEW, "after")
            changes.append(Change(name, kind, f"judged by the runs {where} only", claims, before, after))
            continue
        found = classify(before, after, claims, by_version=_by_version(claims, register, ours, theirs))
        p, p_holm = ps.get(name), corrected.get(name)
        if found is None and p_holm is not None and p_holm < _SURE:
            found = shifted(before, after)
        if found is None:
            unchanged[NO_ANSWER if before.verdict in UNANSWERED else before.verdict] += 1
            continue
        change = Change(name, found.kind, found.why, claims, before, after, p, p_holm)
        ours_said, theirs_said = (_speaker(runs)[1] for runs in pair)
        changes.append(_explained(change, ours_said, theirs_said, read))
    return changes, dict(unchanged)


def _judged(name: str, runs: Sequence[Ran]) -> list[tuple[Ran, Scenario]]:
    return [(run, run.scenarios[name]) for run in runs if name in run.scenarios]


def _speaker(runs: Sequence[tuple[Ran, Scenario]]) -> tuple[Ran, Scenario]:
    """Return the run that stands for its side: the first with the side's verdict."""
    verdict = worst([scenario.shown for _, scenario in runs])
    return next((run, scenario) for run, scenario in runs if scenario.shown == verdict)


def _side(runs: Sequence[tuple[Ran, Scenario]]) -> Side:
    run, scenario = _speaker(runs)
    against = next((e for e in scenario.expectations if e.outcome == "violated"), None)
    told = f"{against.text}: {against.detail}" if against else ""
    return Side(
        verdict=scenario.shown,
        counts=dict(Counter(s.shown for _, s in runs)),
        kubelet=scenario.kubelet_version,
        reason=scenario.reason or told,
        run=run.id,
        evidence=run.folder / scenario.evidence if scenario.evidence else None,
    )


def _p(name: str, ours: Sequence[Ran], theirs: Sequence[Ran]) -> float | None:
    """Return Fisher's p-value of a scenario whose verdicts vary; None for others, and with too few answers."""
    table: list[int] = []
    for side in (ours, theirs):
        answers = [s.verdict for _, s in _judged(name, side) if s.verdict not in UNANSWERED]
        bad = answers.count("violated")
        table += [bad, len(answers) - bad]
    varies = table[0] + table[2] and table[1] + table[3]
    enough = min(table[0] + table[1], table[2] + table[3]) > 1
    return fisher(*table) if varies and enough else None


def _claims(
    pair: Sequence[Sequence[tuple[Ran, Scenario]]], register: Mapping[str, Claim], runs: Sequence[Ran]
) -> Iterator[ClaimNote]:
    scenarios = [_speaker(side)[1] if side else None for side in pair]
    for name in dict.fromkeys(claim for s in scenarios if s for claim in s.claims):
        before, after = (str(s.expected.get(name, "")) if s else "" for s in scenarios)
        known = register.get(name)
        said = next((run.claims[name] for run in runs if name in run.claims), ran.ClaimSaid(name))
        yield ClaimNote(
            id=name,
            kind=said.kind,
            statement=known.statement if known else "",
            sources=tuple(said.sources),
            expected_before=before,
            expected_after=after,
            note=known.note if known else "",
        )


def _by_version(
    claims: Sequence[ClaimNote], register: Mapping[str, Claim], ours: Sequence[Ran], theirs: Sequence[Ran]
) -> bool:
    """Tell whether the register says that a claim of a scenario is about the kubelets of one side only."""
    return any(
        len({all(_about(register[c.id], kubelet) for kubelet in side[0].kubelets) for side in (ours, theirs)}) > 1
        for c in claims
        if c.id in register
    )


def _about(claim: Claim, kubelet: str) -> bool:
    release = release_of(kubelet)
    return release is None or claim.applies_to(release)


def _explained(change: Change, before: Scenario, after: Scenario, read: Callable[[Path], Timeline]) -> Change:
    """Add to a change what turned, and the first transition that differs."""
    change = replace(change, turned=tuple(_turned(before, after)))
    paths = [side.evidence for side in (change.before, change.after) if side]
    if None in paths:
        return replace(change, unread="a side has no evidence")
    case = change.scenario.partition("[")[2].removesuffix("]")
    try:
        ours, theirs = (story(read(path), case) for path in paths if path)
    except UsageError as error:
        return replace(change, unread=error.message)
    told = " ".join(text for t in change.turned for text in (t.text, t.detail_before, t.detail_after))
    return replace(change, difference=first_difference(ours, theirs, told))


def _turned(before: Scenario, after: Scenario) -> Iterator[Turned]:
    ours, theirs = ({e.text: e for e in s.expectations} for s in (before, after))
    for text in dict.fromkeys((*theirs, *ours)):
        one, other = (side.get(text, ran.Expectation(text, "")) for side in (ours, theirs))
        if one.outcome != other.outcome:
            yield Turned(text, one.outcome, other.outcome, one.detail, other.detail)


def _latencies(ours: Sequence[Ran], theirs: Sequence[Ran]) -> tuple[tuple[Latency, ...], list[str]]:
    """Compare the latencies of the recordings that every run has; return those that cannot be read as well."""
    recordings = set.intersection(*({s.evidence for s in run.scenarios.values()} for run in (*ours, *theirs)))
    unread: list[str] = []

    def of(run: Ran) -> Durations:
        found: dict[Key, float] = {}
        for name in sorted(recordings - {""}):
            try:
                found |= durations(story(load(run.folder / name)), Path(name).stem)
            except UsageError as error:
                unread.append(error.message)
        return found

    return compare_latencies([of(run) for run in ours], [of(run) for run in theirs]), unread
