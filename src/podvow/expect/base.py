"""What an expectation is, and what judging a timeline means. Reads timelines only; imports no client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from podvow.timeline import Source, Timeline
from podvow.timeline.timeline import FaultMark
from podvow.verdict import Judgement, Outcome


class Expectation(Protocol):
    """A past-tense fact about a timeline."""

    @property
    def text(self) -> str:
        """The fact in words."""

    def judge(self, timeline: Timeline) -> Judgement:
        """Say whether the fact holds on this timeline, never raising."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a judging function returns: an outcome with what was seen and when."""

    outcome: Outcome
    detail: str = ""
    at_ns: tuple[int, ...] = ()


def holds(detail: str = "", *at_ns: int) -> Found:
    """Return the outcome *holds*."""
    return Found(Outcome.HOLDS, detail, at_ns)


def violated(detail: str, *at_ns: int) -> Found:
    """Return the outcome *violated*, with the moments of the offending records."""
    return Found(Outcome.VIOLATED, detail, at_ns)


def inconclusive(detail: str, *at_ns: int) -> Found:
    """Return the outcome *inconclusive*, with what is missing."""
    return Found(Outcome.INCONCLUSIVE, detail, at_ns)


class MissingError(Exception):
    """Evidence that a judging function needs is not there; `Fact.judge` turns it into *inconclusive*."""


@dataclass(frozen=True)
class Fact:
    """An expectation made of a sentence and a judging function.

    Attributes:
        text: the fact in words.
        name: name of the function that made it, for the table of expectations and their rejecting timelines.
        find: judges a timeline.
        standing: True for the invariants of every scenario.
    """

    text: str
    name: str
    find: Callable[[Timeline], Found]
    standing: bool = False

    def judge(self, timeline: Timeline) -> Judgement:
        """Judge; an error inside the judging function is *inconclusive*, never a pass and no false alarm."""
        try:
            found = self.find(timeline)
        except MissingError as missing:
            found = inconclusive(str(missing))
        except Exception as error:  # noqa: BLE001 (a checker's bug must not become a verdict about the cluster)
            found = inconclusive(f"the expectation itself failed: {type(error).__name__}: {error}")
        return Judgement(self.text, found.outcome, found.detail, found.at_ns, self.standing)


@dataclass(frozen=True, slots=True)
class After:
    """The stretch of a timeline that begins with the n-th fault and ends with the next one.

    Attributes:
        index: which fault, 0 for the first.
        to_the_end: whether later faults lie inside the stretch instead of ending it.
    """

    index: int = 0
    to_the_end: bool = False

    def mark(self, timeline: Timeline) -> FaultMark | None:
        """Return the fault on this timeline, None when it was never begun."""
        return next((f for f in timeline.faults if f.index == self.index), None)

    @property
    def words(self) -> str:
        """How a sentence ends that is about this stretch."""
        words = " after the fault" if self.index == 0 else f" after fault {self.index + 1}"
        return f"{words}, to the end" if self.to_the_end else words


FAULT = After(0)
"""After the first fault of the scenario."""
SECOND_FAULT = After(1)
"""After the second fault of the scenario."""
SINCE_FAULT = After(0, to_the_end=True)
"""After the first fault, whatever other faults followed."""


def words(after: After | None) -> str:
    """Return the end of a sentence for an optional stretch."""
    return after.words if after else ""


def begin_ns(timeline: Timeline, after: After | None) -> int | None:
    """Return where the stretch begins in nanoseconds since the epoch; None when its fault never happened."""
    if after is None:
        return timeline.start_ns
    mark = after.mark(timeline)
    return mark.begin.t_ns if mark and not mark.error else None


def worst(found: Sequence[Found]) -> Found:
    """Return the most serious of several findings, with the details of all that are as serious."""
    for outcome in (Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.HOLDS):
        same = [f for f in found if f.outcome is outcome]
        if same:
            details = dict.fromkeys(f.detail for f in same if f.detail)
            return Found(outcome, "; ".join(details), tuple(t for f in same for t in f.at_ns))
    return inconclusive("nothing to judge")


def judge_all(timeline: Timeline, expectations: Sequence[Expectation]) -> tuple[Judgement, ...]:
    """Judge every expectation, without stopping at the first that fails."""
    return tuple(expectation.judge(timeline) for expectation in expectations)


WITNESSES = (Source.TRACE, Source.RUNTIME)
"""The sources that see every run of a container; the status samples and may miss one."""


def seen_by(timeline: Timeline, *sources: Source) -> tuple[Source, ...]:
    """Return those of the given sources that were connected."""
    return tuple(source for source in sources if timeline.has(source))
