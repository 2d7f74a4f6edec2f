"""What changed between nights, and why it may have: pure, one track per claim and scenario.

A verdict that changes while the versions stay is a flip. One that changes together with a version is told with that
version as the likely cause, and is no flip: an upgrade may change what a cluster does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from podvow.history.night import Night, Seen, Unread, Version
from podvow.quarantine import Mark, Quarantine

AMISS = ("violated", "not-injected", "inconclusive")
"""The verdicts that need a reader, the worst first."""


@dataclass(frozen=True)
class Change:
    """A verdict that differs from the one of the night before.

    Attributes:
        night: the first night of the new verdict.
        before: the verdict until then.
        after: the new verdict.
        cause: which versions changed with it, in words; empty for a flip.
    """

    night: Night
    before: str
    after: str
    cause: str


@dataclass(frozen=True)
class Track:
    """One claim or scenario over the nights.

    Attributes:
        id: its id.
        nights: all nights, oldest first.
        seen: its verdict by the id of the night, where it was judged; at least one.
        mark: its mark in the quarantine list.
    """

    id: str
    nights: Sequence[Night]
    seen: Mapping[str, Seen]
    mark: Mark | None = None

    @cached_property
    def judged(self) -> tuple[Night, ...]:
        """The nights that judged it, oldest first."""
        return tuple(night for night in self.nights if night.id in self.seen)

    @property
    def verdict(self) -> str:
        """Its newest verdict."""
        return self.seen[self.judged[-1].id].verdict

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Every change of its verdict, oldest first."""
        found = []
        for earlier, later in zip(self.judged, self.judged[1:], strict=False):
            a, b = self.seen[earlier.id], self.seen[later.id]
            if a.verdict != b.verdict:
                found.append(Change(later, a.verdict, b.verdict, moved(a.version, b.version)))
        return tuple(found)

    @property
    def flips(self) -> int:
        """How often its verdict changed while the versions stayed."""
        return sum(not change.cause for change in self.changes)

    @property
    def since(self) -> Night:
        """The first night of its newest verdict; it may be older when that is the first of all."""
        return self.changes[-1].night if self.changes else self.judged[0]

    @property
    def streak(self) -> int:
        """How many nights in a row had its newest verdict."""
        return len(self.judged) - self.judged.index(self.since)

    @property
    def appeared(self) -> bool:
        """Whether the first nights did not judge it."""
        return self.judged[0] is not self.nights[0]

    @property
    def gone(self) -> bool:
        """Whether the newest whole night did not judge it any more."""
        whole = [night for night in self.nights if night.complete]
        return bool(whole) and whole[-1].started > self.judged[-1].started


def moved(before: Version, after: Version) -> str:
    """Return in words which versions differ; empty when none does.

    Args:
        before: what was judged earlier.
        after: what was judged later.
    """
    pairs = [
        ("provider", before.provider, after.provider),
        ("API server", before.server, after.server),
    ]
    # All nodes' kubelets and the one that was judged cannot be compared: a cluster may have several versions.
    if before.judged is after.judged:
        pairs.append(("kubelet", ", ".join(before.kubelets), ", ".join(after.kubelets)))
    return "; ".join(f"{what} {a or '?'} → {b or '?'}" for what, a, b in pairs if a != b)


@dataclass(frozen=True)
class Trend:
    """What the nights say together.

    Attributes:
        nights: the nights, oldest first.
        unread: the folders that tell nothing.
        claims: one track per claim, by id.
        scenarios: one track per scenario, by id.
        quarantine: the list of what is marked.
    """

    nights: tuple[Night, ...]
    unread: tuple[Unread, ...]
    claims: tuple[Track, ...]
    scenarios: tuple[Track, ...]
    quarantine: Quarantine

    @property
    def unmatched(self) -> tuple[Mark, ...]:
        """Entries of the quarantine list that name nothing which any of the nights judged."""
        return self.quarantine.unmatched((t.id for t in self.scenarios), (t.id for t in self.claims))


def trend(nights: Sequence[Night], unread: Sequence[Unread], quarantine: Quarantine) -> Trend:
    """Return what the nights say together.

    Args:
        nights: oldest first.
        unread: the folders that tell nothing.
        quarantine: the list of what is marked.
    """
    scenarios: dict[str, dict[str, Seen]] = {}
    claims: dict[str, dict[str, Seen]] = {}
    for night in nights:
        for name, seen in night.scenarios.items():
            scenarios.setdefault(name, {})[night.id] = seen
        for name, seen in night.claims.items():
            claims.setdefault(name, {})[night.id] = seen
    return Trend(
        tuple(nights),
        tuple(unread),
        tuple(Track(name, nights, claims[name], quarantine.of("", (name,))) for name in sorted(claims)),
        tuple(
            Track(name, nights, seen, quarantine.of(name, next(reversed(seen.values())).claims))
            for name, seen in sorted(scenarios.items())
        ),
        quarantine,
    )
