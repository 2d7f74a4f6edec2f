"""A comparison in words: the same sentences on a terminal, in a ticket and on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podvow.compare.model import Change, Class, Comparison, Difference, Latency, Side, Sure
from podvow.compare.ran import Ran

TITLES = {
    Class.REGRESSED: "Regressed",
    Class.CONFLICT: "Changed, and in conflict with the documentation",
    Class.DOCUMENTED: "Changed as documented",
    Class.FIXED: "Fixed",
    Class.SEED: "Changed, and only the old text promises anything",
    Class.LOST: "Verdicts lost",
    Class.GAINED: "Verdicts gained",
    Class.NEW: "New: judged after only",
    Class.GONE: "Gone: judged before only",
}
SIGNS = {
    Class.REGRESSED: "✗",
    Class.CONFLICT: "≠",
    Class.DOCUMENTED: "→",
    Class.FIXED: "✓",
    Class.SEED: "↯",
    Class.LOST: "?",
    Class.GAINED: "+",
    Class.NEW: "+",
    Class.GONE: "-",
}
DETAILED = frozenset({Class.REGRESSED, Class.CONFLICT, Class.DOCUMENTED, Class.FIXED, Class.SEED})
"""Sorts of which every change is told at length; of the others a line each."""
_RESTS_ON = {
    Sure.WITNESSED: "",
    Sure.STATUS: " (seen in the status only)",
    Sure.MERGED: " (seen in the status only, which may have merged states)",
    Sure.GAP: " (one side was not observing all the time)",
}
_MANY = 20
_SURE = 0.05
_TINY = 0.0001


def versions(runs: Sequence[Ran]) -> str:
    """Return the versions of the kubelets of a side."""
    return ", ".join(runs[0].kubelets) or "no kubelet known"


def title(comparison: Comparison) -> str:
    """Return what was compared."""
    return f"{versions(comparison.befores)} → {versions(comparison.afters)}"


def advice(comparison: Comparison) -> str:
    """Return whether to go on, in one sentence."""
    if comparison.stop:
        return f"Stop the rollout: {comparison.counts[Class.REGRESSED]} regressed."
    if comparison.open:
        count = len(comparison.open)
        are = "question is" if count == 1 else "questions are"
        return f"Nothing regressed, but {count} {are} open: a verdict is missing on one side."
    return "Go on: nothing regressed."


def counts(comparison: Comparison) -> str:
    """Return the counts in one line, changes first."""
    told = [f"{n} {kind}" for kind, n in comparison.counts.items()]
    same = [f"{n} {verdict}" for verdict, n in sorted(comparison.unchanged.items(), key=lambda item: -item[1])]
    return f"{', '.join(told) or 'no change'}; the same on both sides: {', '.join(same) or 'none'}"


def run_line(run: Ran) -> str:
    """Return what a run was, in one line."""
    profile = f"profile {run.profile}" if run.profile else "profile unknown"
    return f"run {run.id}, started {run.started}, API server {run.server}, {profile}"


def where(difference: Difference) -> str:
    """Return what a difference is about, and what it followed."""
    return f"{difference.subject}, after {difference.cause}{_RESTS_ON[difference.sure]}"


def side_line(side: Side | None) -> str:
    """Return the verdict of a side; of repeated runs how often each was given."""
    if side is None:
        return "not judged"
    if sum(side.counts.values()) == 1:
        return side.verdict
    total = sum(side.counts.values())
    return ", ".join(f"{n} of {total} {verdict}" for verdict, n in sorted(side.counts.items()))


def p_value(p: float | None) -> str:
    """Return a p-value as it is printed; empty for none."""
    if p is None:
        return ""
    return f"< {_TINY:g}" if p < _TINY else f"{p:.4f}"


def fisher_line(change: Change) -> str:
    """Return what Fisher's test says of a change; empty when it could not be asked."""
    if change.p is None:
        return ""
    return f"Fisher's exact test: p = {p_value(change.p)} ({p_value(change.p_holm)} after Holm's correction)"


def finding(latency: Latency) -> str:
    """Return what the tests of a latency allow to say."""
    if latency.p_runs is not None and latency.p_runs < _SURE:
        return "the sides differ"
    return "these runs differ" if latency.p_recordings < _SURE else "no difference shown"


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the comparison as text for a terminal."""
    yield title(comparison)
    alone = {kind for kind in (Class.NEW, Class.GONE) if comparison.counts.get(kind, 0) > _MANY}
    for change in comparison.changes:
        if change.kind in alone and not change.unproven:
            continue  # another selection; the counts below say how many
        yield f"{SIGNS[change.kind]} {change.kind:<26} {change.scenario}"
        yield f"    {change.why}"
        if change.difference:
            yield f"    first difference: {where(change.difference)}"
            yield f"      before  {change.difference.told_before}"
            yield f"      after   {change.difference.told_after}"
    for latency in comparison.latencies:
        yield f"  {latency.name}: {latency.before_s:.2f} s → {latency.after_s:.2f} s, {finding(latency)}"
    yield from (f"note: {note}" for note in comparison.notes)
    yield counts(comparison)
    yield advice(comparison)
