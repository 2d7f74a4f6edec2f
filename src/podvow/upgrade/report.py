"""What an upgrade came to: as JSON for machines, as Markdown for people, and as an exit code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from podvow.errors import ExitCode
from podvow.report.markdown import cell
from podvow.upgrade.baseline import RunTold
from podvow.upgrade.fate import Fate
from podvow.upgrade.judge import Outcome, Survivor
from podvow.upgrade.outage import Outage, Sampled

SCHEMA = 1
WHOLE, HALF_WAY = "report", "report-during"
"""Names of the files, without their endings."""
_MARKS = {
    Outcome.VIOLATED: "✗ violated",
    Outcome.UNACCOUNTED: "? unaccounted",
    Outcome.AS_ALLOWED: "~ changed as allowed",
    Outcome.INTACT: "✓ intact",
}


@dataclass(frozen=True)
class Report:
    """All of it.

    Attributes:
        id: of the upgrade.
        taken: when the survivors were looked at, ISO 8601.
        server_before: version of the API server before.
        server_after: the same after.
        partial: whether nodes are still to come.
        fates: what happened to each node.
        survivors: what became of each survivor.
        sampled: what the samplers saw, by connection.
        left_behind: a sentence for every node that was not upgraded.
        unchanged: whether no version changed at all.
        runs: the runs of claims.
        comparison: the page of the comparison; empty when there was nothing to compare.
        stop: whether the comparison found what must stop an upgrade.
    """

    id: str
    taken: str
    server_before: str
    server_after: str
    partial: bool
    fates: tuple[Fate, ...]
    survivors: tuple[Survivor, ...]
    sampled: tuple[Sampled, ...] = ()
    left_behind: tuple[str, ...] = ()
    unchanged: bool = False
    runs: tuple[RunTold, ...] = ()
    comparison: str = ""
    stop: bool = False
    counts: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        counts = Counter(survivor.outcome for survivor in self.survivors)
        object.__setattr__(self, "counts", {str(outcome): counts[outcome] for outcome in Outcome})

    @property
    def exit_code(self) -> ExitCode:
        """A survivor that was violated, a node left behind or a regression outweigh what is not known."""
        behind = self.left_behind and not self.partial
        if self.counts[Outcome.VIOLATED] or behind or self.stop:
            return ExitCode.VIOLATED
        unknown = self.counts[Outcome.UNACCOUNTED] or not self.survivors or self.unchanged
        if unknown or any(run.exit_code == ExitCode.INCONCLUSIVE for run in self.runs):
            return ExitCode.INCONCLUSIVE
        return ExitCode.OK

    def to_json(self) -> str:
        """Return it for machines; docs/upgrade.md says what is in it."""
        raw: dict[str, Any] = {"schema": SCHEMA, **asdict(self), "exit_code": int(self.exit_code)}
        for told, sampled in zip(raw["sampled"], self.sampled, strict=True):
            told["longest_s"] = sampled.longest_s
        return json.dumps(raw, indent=1)

    def lines(self) -> Iterator[str]:
        """Yield it for a terminal, the most important last."""
        yield f"upgrade {self.id}: API server {self.server_before} → {self.server_after}"
        yield from (f"  node {fate.node}: {fate.words}" for fate in self.fates)
        for sampled in self.sampled:
            yield f"  Service over a {sampled.connection} connection: {_seen(sampled)}"
        yield "survivors: " + ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        for survivor in self.survivors:
            if survivor.outcome in {Outcome.VIOLATED, Outcome.UNACCOUNTED}:
                because = "; ".join(survivor.because)
                yield f"  {_MARKS[survivor.outcome]} {survivor.name} on {survivor.node}: {because}"
        yield from (f"  {text}" for text in self.left_behind)
        if self.unchanged:
            yield "  no version changed: there was no upgrade yet"
        if self.comparison:
            yield f"claims: {self.comparison}" + (": what must stop an upgrade was found" if self.stop else "")

    def markdown(self, changes: str = "") -> str:
        """Return it as a page.

        Args:
            changes: the page of the comparison, which becomes a part of this one.
        """
        told = [f"#{line}" if line.startswith("#") else line for line in changes.splitlines()]
        return "\n".join([*self._page(), *told]) + "\n"

    def _page(self) -> Iterator[str]:
        yield f"# Upgrade {self.id}"
        yield ""
        state = "half-way" if self.partial else "after"
        yield f"API server {self.server_before} → {self.server_after}, looked at {self.taken} ({state})."
        for text in self.left_behind:
            yield f"**{text}.**" if not self.partial else f"Still to come: {text}."
        if self.unchanged:
            yield "**No version changed: there was no upgrade yet.**"
        yield ""
        yield from _table(
            ("node", "kubelet", "what happened"), [(f.node, _versions(f), f.words) for f in self.fates]
        )
        yield from self._service()
        yield "## Survivors"
        yield ""
        yield ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items()) + "."
        yield ""
        order = list(_MARKS)
        rows = sorted(self.survivors, key=lambda each: (order.index(each.outcome), each.shape, each.name))
        yield from _table(
            ("", "survivor", "node", "because"),
            [(_MARKS[each.outcome], each.name, each.node, each.because) for each in rows],
        )
        yield "## Claims"
        yield ""
        yield from _table(
            ("when", "node", "kubelet", "exit code", "report"),
            [
                (
                    run.stage,
                    run.node or "any",
                    run.kubelet or "any",
                    run.exit_code,
                    f"[{run.folder}]({run.folder}/index.html)",
                )
                for run in self.runs
            ],
        )
        if self.comparison:
            yield f"What changed, with the first transition that differs: [{self.comparison}]({self.comparison})."
            if self.stop:
                yield "**It found what must stop an upgrade.**"

    def _service(self) -> Iterator[str]:
        if not self.sampled:
            return
        yield "## The sampled Service"
        yield ""
        yield from _table(
            ("connection", "requests", "failed", "closed while idle", "slowest", "outages", "longest"),
            [
                (
                    s.connection,
                    s.requests,
                    s.failed,
                    s.closed,
                    f"{s.slowest_ms} ms",
                    len(s.outages),
                    f"{s.longest_s:.1f} s",
                )
                for s in self.sampled
            ],
        )
        outages = [outage for sampled in self.sampled for outage in sampled.outages]
        if outages:
            yield from _table(("from", "seconds", "over", "asked from"), [_outage(each) for each in outages])


def _outage(outage: Outage) -> tuple[str, ...]:
    begin = datetime.fromtimestamp(outage.begin_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    more = "" if outage.ended else ", not over"
    return begin, f"{outage.seconds:.1f}{more}", f"{outage.connection} connection", outage.node


def _seen(sampled: Sampled) -> str:
    away = (
        f"away {len(sampled.outages)} times, longest {sampled.longest_s:.1f} s" if sampled.outages else "never away"
    )
    return f"{sampled.requests} requests, {sampled.failed} failed, {away}"


def _versions(fate: Fate) -> str:
    return fate.before if fate.before == fate.after else f"{fate.before} → {fate.after or 'gone'}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(map(_told, row)) + " |"
    yield ""


def _told(value: object) -> str:
    """Return what is in a cell; several things one below the other."""
    return "<br>".join(map(cell, value)) if isinstance(value, tuple) else cell(str(value))
