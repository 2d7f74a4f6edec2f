"""What a report is made from: facts of the run, the claims register, the seed's sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podvow.verdict import CONFLICT, REFUTED, ClaimKind

DOCUMENTATION = "https://kubernetes.io/docs/"
"""Where a claim's source leads that names a page of the documentation."""


@dataclass(frozen=True)
class NodeInfo:
    """One node of the judged cluster."""

    name: str
    kubelet_version: str = ""
    runtime: str = ""
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunInfo:
    """Facts about one run.

    Attributes:
        id: the run's id.
        started: when it began, ISO 8601 in UTC.
        wall_s: how long it took.
        limit_s: the physical limit L* of what it ran (0 when unknown).
        cpu_s: CPU time of the harness.
        api_requests: requests sent to the API server.
        exit_code: exit code of the command.
        complete: whether it came to its end; one that was interrupted can be resumed.
        provider: what gave the cluster, `kind` or `existing`.
        server_version: of the API server.
        nodes: the cluster's nodes.
        extra: further facts for the environment table.
    """

    id: str
    started: str = ""
    wall_s: float = 0.0
    limit_s: float = 0.0
    cpu_s: float = 0.0
    api_requests: int = 0
    exit_code: int = 0
    complete: bool = True
    provider: str = ""
    server_version: str = ""
    nodes: tuple[NodeInfo, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def wall_over_limit(self) -> float:
        """Wall time ÷ L*; 0 when the limit is unknown."""
        return round(self.wall_s / self.limit_s, 3) if self.limit_s > 0 else 0.0


@dataclass(frozen=True)
class ClaimInfo:
    """One claim of the register, as far as reports show it.

    Attributes:
        id: `area.subject.effect`.
        kind: promised by the documentation, said by the seed only, or pinned by us.
        statement: the promise in our own words.
        sources: pages with anchor (`concepts/…#…`) or seed lines (`seed:21`).
        severity: an allure severity (blocker, critical, normal, minor, trivial).
        epic: title of the documentation's page.
        feature: title of the section.
        story: title of the paragraph or the promise in short.
        catalogue: ids of the behaviours catalogue.
        seed_lines: lines of the seed that it restates.
        note: what running it has taught.
        not_judged: why no scenario judges it, empty for claims that are judged.
    """

    id: str
    kind: ClaimKind = ClaimKind.DOCUMENTED
    statement: str = ""
    sources: tuple[str, ...] = ()
    severity: str = "normal"
    epic: str = ""
    feature: str = ""
    story: str = ""
    catalogue: tuple[str, ...] = ()
    seed_lines: tuple[int, ...] = ()
    note: str = ""
    not_judged: str = ""

    @property
    def area(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]

    @property
    def gating(self) -> bool:
        """Whether a violation fails the run: never for a claim that only the seed makes."""
        return self.kind is not ClaimKind.SEED_LITERAL


@dataclass(frozen=True)
class SeedSentence:
    """One sentence of the seed and the claims that it became.

    Attributes:
        line: its line in the seed.
        text: the sentence.
        claims: ids of its claims.
        note: why it has none, or what is to be known of it.
    """

    line: int
    text: str
    claims: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Topic:
    """One entry of the behaviour catalogue.

    Attributes:
        id: its id, e.g. `E1`.
        title: what it is about.
        reason: why no claim names it, empty when one does.
    """

    id: str
    title: str = ""
    reason: str = ""


def source_url(source: str) -> str:
    """Return where a source of a claim can be read, empty when it is no page."""
    if source.startswith(("https://", "http://")):
        return source
    page = source.removeprefix("/").removeprefix("docs/")
    return DOCUMENTATION + page if page.startswith(("concepts/", "tasks/", "reference/", "setup/")) else ""


__all__ = ["CONFLICT", "REFUTED", "ClaimInfo", "NodeInfo", "RunInfo", "SeedSentence", "Topic", "source_url"]
