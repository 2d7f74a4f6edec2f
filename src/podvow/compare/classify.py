"""Which sort of change two verdicts are. Pure: verdicts and what the register says in, a sort and why out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from podvow.compare.model import UNANSWERED, ClaimNote, Class, Side
from podvow.verdict import CONFLICT, REFUTED, ClaimKind, Verdict

HOLDS, VIOLATED = str(Verdict.HOLDS), str(Verdict.VIOLATED)
NOT_APPLICABLE = str(Verdict.NOT_APPLICABLE)
_WORST_FIRST = (VIOLATED, CONFLICT, REFUTED, HOLDS, "not-injected", "inconclusive", NOT_APPLICABLE)


class Sorted(NamedTuple):
    """A sort of change, and why it is of that sort."""

    kind: Class
    why: str


def worst(shown: Sequence[str]) -> str:
    """Return the verdict of repeated runs: the worst answer; only without any answer one of those that are none."""
    return min(shown, key=lambda word: _WORST_FIRST.index(word) if word in _WORST_FIRST else -1)


def classify(before: Side, after: Side, claims: Sequence[ClaimNote], *, by_version: bool = False) -> Sorted | None:
    """Return the sort of a change; None when nothing changed, or when there is no answer on either side.

    Args:
        before: what the runs before say of a scenario.
        after: what those after say.
        claims: its claims.
        by_version: whether the register says that its claims are about one of the two versions only.
    """
    was, now = before.verdict, after.verdict
    if was == now or (was in UNANSWERED and now in UNANSWERED):
        return None
    if by_version and NOT_APPLICABLE in {was, now} and now != VIOLATED:
        return _by_version(was, now, claims)
    if now in UNANSWERED:
        return Sorted(Class.LOST, f"{was} before, {now} now: {after.reason or 'no reason was told'}")
    if was in UNANSWERED:
        told = f"{was} before ({before.reason or 'no reason was told'}), {now} now"
        return Sorted(Class.GAINED, f"{told}: whether it was so before, nobody knows" if now == VIOLATED else told)
    if now == VIOLATED:
        return Sorted(Class.REGRESSED, _unexpected(was, before, after, claims))
    if REFUTED in {was, now}:
        return Sorted(Class.SEED, "only the old text says so; the documentation promises nothing here")
    if now == CONFLICT:
        return _against(was, claims, before, after)
    if was == VIOLATED:
        return Sorted(Class.FIXED, "violated before against what the register expects, holds now")
    if _expected_change(claims):
        return Sorted(
            Class.DOCUMENTED, f"the register expects it: violated on {_on(before)}, holds on {_on(after)}"
        )
    return Sorted(Class.FIXED, f"holds now, although the register still expects a violation on {_on(after)}")


def shifted(before: Side, after: Side) -> Sorted:
    """Return the sort of a change between two sides that are violated now and then, one of them more often.

    Args:
        before: the runs before, of the same verdict as those after.
        after: the runs after.
    """
    was, now = _violations(before), _violations(after)
    why = f"violated {'more' if now > was else 'less'} often: in {now:.0%} of the runs, before in {was:.0%}"
    known = {CONFLICT: Class.CONFLICT, REFUTED: Class.SEED}
    return Sorted(known.get(after.verdict, Class.REGRESSED if now > was else Class.FIXED), why)


def _violations(side: Side) -> float:
    """Return the share of a side's answers that are violations, expected or not."""
    answers = sum(n for word, n in side.counts.items() if word not in UNANSWERED)
    return sum(n for word, n in side.counts.items() if word not in {*UNANSWERED, HOLDS}) / max(answers, 1)


def _by_version(was: str, now: str, claims: Sequence[ClaimNote]) -> Sorted:
    if now == CONFLICT and _documented(claims):
        return Sorted(Class.CONFLICT, "the claim is about the version after only, and is violated there as known")
    which = "after" if was == NOT_APPLICABLE else "before"
    return Sorted(Class.DOCUMENTED, f"the register says that the claim is about the version {which} only")


def _against(was: str, claims: Sequence[ClaimNote], before: Side, after: Side) -> Sorted:
    """Sort what is violated now as the register expects: the cluster moved away from what the page says."""
    if was == VIOLATED:
        return Sorted(Class.CONFLICT, f"violated on both; the register knows it of {_on(after)} only")
    if _expected_change(claims):
        told = f"holds on {_on(before)}, violated on {_on(after)}"
        if _documented(claims):
            return Sorted(Class.CONFLICT, f"the register expects it ({told}), the documentation says otherwise")
        return Sorted(Class.DOCUMENTED, f"the register expects it: {told}; no documentation promises the contrary")
    return Sorted(Class.CONFLICT, "the register expects the violation of both versions; it was not seen before")


def _unexpected(was: str, before: Side, after: Side, claims: Sequence[ClaimNote]) -> str:
    if was != CONFLICT:
        return f"{was} on {_on(before)}, violated on {_on(after)}: {after.reason or 'see the expectations'}"
    if any(c.expected_after == HOLDS for c in claims):
        return f"violated on both, but on {_on(after)} the register expects it to hold"
    return f"violated on both as expected, but now something else is wrong too: {after.reason}"


def _expected_change(claims: Sequence[ClaimNote]) -> bool:
    return any(c.expected_before and c.expected_after and c.expected_before != c.expected_after for c in claims)


def _documented(claims: Sequence[ClaimNote]) -> bool:
    return any(c.kind == ClaimKind.DOCUMENTED for c in claims)


def _on(side: Side) -> str:
    return side.kubelet or "this side"
