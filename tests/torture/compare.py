"""Compares the verdicts of a disturbed run with those of an undisturbed one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_OPEN = frozenset({"inconclusive", "not-injected"})
_DECIDED = frozenset({"holds", "violated"})
_BUG = "harness error"


class Match(StrEnum):
    """How a disturbed verdict stands to the undisturbed one."""

    SAME = "same"
    OPEN = "open"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A verdict that should not be, or one that is missing.

    Attributes:
        scenario: the test's id.
        was: the verdict without disturbance.
        became: the verdict with it.
        detail: what was said to it.
    """

    scenario: str
    was: str
    became: str
    detail: str


@dataclass(frozen=True)
class Comparison:
    """What became of the verdicts of a run.

    Attributes:
        recordings: scenarios that were really run: distinct timelines.
        verdicts: judged tests.
        same: verdicts that stayed.
        open: verdicts that became inconclusive or not-injected.
        refutable: verdicts that are *violated* without disturbance: where a false *holds* could be.
        wrong: everything else.
    """

    recordings: int
    verdicts: int
    same: int
    open: int
    refutable: int
    wrong: tuple[Wrong, ...]


def match(was: str, became: str, expected: Mapping[str, str]) -> Match:
    """Compare one verdict.

    Args:
        was: without disturbance.
        became: with it.
        expected: what the register expects of the judged claims; decides where the undisturbed verdict was open.
    """
    if was == became:
        return Match.SAME
    if became in _OPEN:
        return Match.OPEN
    if was in _OPEN and became in _DECIDED and became in expected.values():
        return Match.SAME
    return Match.WRONG


def compare(
    baseline: Sequence[Mapping[str, Any]], disturbed: Sequence[Mapping[str, Any]], chosen: Sequence[str] = ()
) -> Comparison:
    """Compare the scenarios of two results.json.

    Args:
        baseline: of the undisturbed run, which may have judged more.
        disturbed: of the disturbed run.
        chosen: claims that the disturbed run was to judge; empty for all.
    """
    after = {s["id"]: s for s in disturbed}
    before = {s["id"]: s for s in baseline if not chosen or not set(chosen).isdisjoint(s["claims"])}
    wrong: list[Wrong] = []
    counts = {Match.SAME: 0, Match.OPEN: 0, Match.WRONG: 0}
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            wrong.append(Wrong(key, old["verdict"], "missing", ""))
            continue
        found = match(old["verdict"], new["verdict"], new.get("expected") or {})
        if _BUG in new["reason"]:
            found = Match.WRONG
        counts[found] += 1
        if found is Match.WRONG:
            wrong.append(Wrong(key, old["verdict"], new["verdict"], _detail(new)))
    wrong += [Wrong(key, "missing", s["verdict"], "") for key, s in after.items() if key not in before]
    return Comparison(
        recordings=len({s["evidence"] for s in disturbed if s["evidence"]}),
        verdicts=len(disturbed),
        same=counts[Match.SAME],
        open=counts[Match.OPEN],
        refutable=sum(old["verdict"] == "violated" for key, old in before.items() if key in after),
        wrong=tuple(wrong),
    )


def unexpected(baseline: Sequence[Mapping[str, Any]]) -> tuple[Wrong, ...]:
    """Return decided verdicts of the undisturbed run that are not what the register expects of all their claims."""
    return tuple(
        Wrong(s["id"], "/".join(sorted(set(s["expected"].values()))), s["verdict"], _detail(s))
        for s in baseline
        if s["verdict"] in _DECIDED and s.get("expected") and s["verdict"] not in s["expected"].values()
    )


def _detail(scenario: Mapping[str, Any]) -> str:
    broken = [f"{e['text']}: {e['detail']}" for e in scenario["expectations"] if e["outcome"] == "violated"]
    return "; ".join(broken) or str(scenario["reason"])
