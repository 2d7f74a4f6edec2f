"""summary.md for people and pipelines, and the verdict table that the terminal prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from podvow.report.gather import WORST_FIRST, ClaimEntry, Entry, Report, gather
from podvow.report.model import ClaimInfo, RunInfo
from podvow.verdict import Judged

MARKS = {
    "holds": "✓",
    "violated": "✗",
    "inconclusive": "?",
    "not-injected": "∅",
    "not-applicable": "-",
    "refuted": "↯",
    "not-judged": "·",
}
"""A sign per verdict, for who does not see colours."""
STYLES = {
    "holds": "green",
    "violated": "bold red",
    "inconclusive": "yellow",
    "not-injected": "magenta",
    "not-applicable": "dim",
    "refuted": "cyan",
    "not-judged": "dim",
}
"""Colours on a terminal."""
_OPEN = frozenset({"violated", "not-injected", "inconclusive"})


def totals_line(report: Report) -> str:
    """Return the counts in one line, worst first, e.g. `1 violated · 41 holds · 5 refuted (seed)`."""
    named = {"refuted": "refuted (seed only, never gates)"}
    return " · ".join(f"{n} {named.get(name, name)}" for name, n in report.counts.items()) or "no scenarios"


def wall_line(report: Report) -> str:
    """Return wall time against the physical limit, e.g. `41.2 s (÷ L* of 34.9 s: 1.18)`."""
    run = report.run
    limit = f" (÷ L* of {run.limit_s:.1f} s: {run.wall_over_limit:.2f})" if run.limit_s > 0 else ""
    return f"{run.wall_s:.1f} s{limit}"


def verdict_table(run: RunInfo, judged: Sequence[Judged], claims: Sequence[ClaimInfo]) -> Table:
    """Return the table of claims with their verdicts, for the end of a run on a terminal.

    Args:
        run: facts of the run.
        judged: the verdicts.
        claims: the register.
    """
    report = gather(Path(), run, judged, claims, read=False)
    table = Table(title=totals_line(report), caption=f"wall {wall_line(report)}", title_justify="left", box=None)
    table.caption_justify = "left"
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", overflow="fold")
    table.add_column("scenarios", justify="right")
    table.add_column("why", overflow="fold")
    for entry in _judged_worst_first(report):
        style = STYLES[entry.shown]
        why = next((s.headline for s in entry.scenarios if s.judged.verdict is entry.verdict), "")
        table.add_row(
            Text(f"{MARKS[entry.shown]} {entry.shown}", style=style),
            Text(entry.claim.id),
            str(len(entry.scenarios)),
            Text(why, style="" if entry.shown in _OPEN else "dim"),
        )
    return table


def _judged_worst_first(report: Report) -> list[ClaimEntry]:
    judged = [entry for entry in report.claims if entry.scenarios]
    return sorted(judged, key=lambda e: (WORST_FIRST.index(e.shown), e.claim.id))


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _detail(entry: Entry) -> str:
    judged = entry.judged
    text = judged.message or judged.reason or entry.headline
    replay = f"\n\nreplay: `{entry.replay}`" if entry.replay and "podvow replay" not in text else ""
    return f"### {MARKS[entry.shown]} {entry.shown}: {judged.scenario}\n\n{_fenced(text)}{replay}\n"


def to_markdown(report: Report) -> str:
    """Return summary.md: totals, cluster, what needs a reader, then every claim, then the environment."""
    run = report.run
    lines = [
        f"# podvow {run.id}",
        "",
        f"**{totals_line(report)}**",
        "",
        f"- wall time {wall_line(report)}, harness CPU {run.cpu_s:.1f} s, {run.api_requests} API requests",
        f"- started {run.started}, exit code {run.exit_code}",
        f"- cluster: {run.provider}, API server {run.server_version}",
    ]
    for node in run.nodes:
        can = f", {', '.join(node.capabilities)}" if node.capabilities else ""
        lines.append(f"  - {node.name}: kubelet {node.kubelet_version}, {node.runtime}{can}")
    attention = [entry for entry in report.worst_first if entry.shown in _OPEN]
    if attention:
        lines += ["", "## What needs a reader", "", *(_detail(entry) for entry in attention)]
    lines += ["", "## Claims", "", "| verdict | claim | statement | scenarios |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {MARKS[e.shown]} {e.shown} | `{e.claim.id}` | {_cell(e.claim.statement)} | {len(e.scenarios)} |"
        for e in _judged_worst_first(report)
    ]
    missing = [e.claim.id for e in report.claims if not e.scenarios]
    if missing:
        lines += ["", f"Not judged in this run: {', '.join(f'`{name}`' for name in missing)}."]
    refuted = [entry for entry in report.worst_first if entry.shown == "refuted"]
    if refuted:
        lines += ["", "## Refuted sentences of the seed", "", "The cluster is right, the old sentence is not.", ""]
        lines += [_detail(entry) for entry in refuted]
    if run.extra:
        lines += ["", "## Environment", "", *(f"- {name}: {value}" for name, value in run.extra.items())]
    return "\n".join(lines).rstrip() + "\n"
