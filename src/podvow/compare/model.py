"""What a comparison says; data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from podvow.compare.ran import Ran
from podvow.errors import ExitCode


class Class(StrEnum):
    """What sort of change it is; what needs a reader first."""

    REGRESSED = "regressed"
    CONFLICT = "conflicts-with-documentation"
    DOCUMENTED = "as-documented"
    FIXED = "fixed"
    SEED = "seed-only"
    LOST = "lost"
    GAINED = "gained"
    NEW = "new"
    GONE = "gone"


UNANSWERED = frozenset({"inconclusive", "not-injected", "not-applicable"})
"""Verdicts that are no answer."""


@dataclass(frozen=True)
class Seen:
    """One transition on one side.

    Attributes:
        text: what happened, with the number of the run.
        at_s: seconds since its cause.
        at_ns: when, nanoseconds since the epoch, to be found in the evidence.
    """

    text: str
    at_s: float
    at_ns: int


class Sure(StrEnum):
    """What a difference rests on, the firmest first."""

    WITNESSED = "witnessed"  # runs of containers, sandboxes, answers to requests, what podvow itself did
    STATUS = "status"  # published states, in an order that contradicts the other side's
    MERGED = "merged"  # one side's status lacks states that the kubelet may have merged
    GAP = "gap"  # one side lacks something, and was not observing all the time


@dataclass(frozen=True)
class Difference:
    """The first transition that differs between two timelines.

    Attributes:
        subject: whose transition: a container, a sandbox, the phase, …
        cause: what it followed: the start, or the n-th fault.
        before: what happened before; None for nothing.
        after: what happened after; None for nothing.
        before_watched_s: how long the timeline before goes on after the cause, in seconds.
        after_watched_s: the same of the timeline after.
        sure: what it rests on.
    """

    subject: str
    cause: str
    before: Seen | None
    after: Seen | None
    before_watched_s: float
    after_watched_s: float
    sure: Sure

    @property
    def told_before(self) -> str:
        """The side before in words, with its time."""
        return _told(self.before, self.before_watched_s)

    @property
    def told_after(self) -> str:
        """The side after in words, with its time."""
        return _told(self.after, self.after_watched_s)


def _told(seen: Seen | None, watched_s: float) -> str:
    return f"{seen.text} at +{seen.at_s:.1f} s" if seen else f"nothing of the kind in {watched_s:.1f} s"


@dataclass(frozen=True)
class ClaimNote:
    """A claim of a changed scenario, with what the register expects on both sides (empty: nothing)."""

    id: str
    kind: str
    statement: str
    sources: tuple[str, ...]
    expected_before: str
    expected_after: str
    note: str = ""


@dataclass(frozen=True)
class Side:
    """What the runs of one side say of a scenario.

    Attributes:
        verdict: as people read it (docs/results.md); of repeated runs the worst answer.
        counts: how many runs had which verdict.
        kubelet: version of the kubelet that was judged, empty when none was.
        reason: why there is no answer, or what decided against it.
        run: id of the run that stands for the side.
        evidence: its evidence file; None when there is none.
    """

    verdict: str
    counts: Mapping[str, int]
    kubelet: str = ""
    reason: str = ""
    run: str = ""
    evidence: Path | None = None


@dataclass(frozen=True)
class Turned:
    """An expectation whose outcome differs between the two sides; empty outcome: it is not there."""

    text: str
    before: str
    after: str
    detail_before: str
    detail_after: str


@dataclass(frozen=True)
class Change:
    """One scenario whose verdict changed.

    Attributes:
        scenario: its id.
        kind: what sort of change.
        why: in one sentence, why it is of that sort.
        claims: its claims.
        before: the one side; None for a new scenario.
        after: the other side; None for one that is gone.
        p: probability of such verdicts if nothing had changed (Fisher's exact test, two-sided); None with fewer
            than two answers on a side.
        p_holm: the same after Holm's correction over all scenarios whose verdicts vary.
        difference: the first transition that differs; None when none was found.
        turned: expectations whose outcome changed.
        unread: why the timelines could not be compared, empty when they were.
    """

    scenario: str
    kind: Class
    why: str
    claims: tuple[ClaimNote, ...] = ()
    before: Side | None = None
    after: Side | None = None
    p: float | None = None
    p_holm: float | None = None
    difference: Difference | None = None
    turned: tuple[Turned, ...] = ()
    unread: str = ""

    @property
    def unproven(self) -> bool:
        """Whether it is violated now and nobody knows what it was before."""
        violated = self.after is not None and self.after.verdict == "violated"
        return violated and self.kind in {Class.GAINED, Class.NEW}


@dataclass(frozen=True)
class Example:
    """One recording of a latency, in seconds."""

    scenario: str
    before_s: float
    after_s: float


@dataclass(frozen=True)
class Latency:
    """How one kind of latency differs.

    Attributes:
        name: from what to what.
        recordings: how many recordings of both sides have it: the n of the paired test.
        before_runs: runs before.
        after_runs: runs after.
        before_s: median over the recordings before, in seconds.
        after_s: the same after.
        shift_s: median of the differences after - before, recording by recording, in seconds.
        p_recordings: Wilcoxon's signed-rank test over the recordings, after Holm's correction: whether *these runs*
            differ. Recordings of one run share the machine and its load, so it does not say why.
        p_runs: Mann-Whitney's test over the runs' medians, after Holm's correction: whether the two sides differ
            more than runs of one side do. None with a single run on a side.
        widest: the recordings that differ most.
    """

    name: str
    recordings: int
    before_runs: int
    after_runs: int
    before_s: float
    after_s: float
    shift_s: float
    p_recordings: float
    p_runs: float | None
    widest: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two sides, and what differs between them.

    Attributes:
        befores: the runs before.
        afters: the runs after.
        changes: scenarios whose verdict changed, worst sort first.
        unchanged: scenarios that came out the same on both sides, by verdict; without an answer on either side:
            `no answer`.
        latencies: what takes how long.
        notes: what a reader must know besides.
    """

    befores: tuple[Ran, ...]
    afters: tuple[Ran, ...]
    changes: tuple[Change, ...]
    unchanged: Mapping[str, int] = field(default_factory=dict)
    latencies: tuple[Latency, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Class, int]:
        """Changes by sort, without those that are none."""
        found = [change.kind for change in self.changes]
        return {kind: found.count(kind) for kind in Class if kind in found}

    @property
    def stop(self) -> bool:
        """Whether something regressed, so that a rollout should stop."""
        return any(change.kind is Class.REGRESSED for change in self.changes)

    @property
    def open(self) -> tuple[Change, ...]:
        """Changes that leave a question: a lost verdict, or a violation without a verdict before."""
        return tuple(c for c in self.changes if c.kind is Class.LOST or c.unproven)

    @property
    def exit_code(self) -> ExitCode:
        """0 go on, 1 something regressed, 4 nothing regressed, but not everything is known (docs/compare.md)."""
        if self.stop:
            return ExitCode.VIOLATED
        return ExitCode.INCONCLUSIVE if self.open else ExitCode.OK
