"""summary.md for people and pipelines, and the verdict table that the terminal prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from podvow.quarantine import NONE, Quarantine
from podvow.report.gather import WORST_FIRST, ClaimEntry, Entry, Report, gather
from podvow.report.markdown import cell
from podvow.report.model import ClaimInfo, RunInfo
from podvow.verdict import Judged

MARKS = {
    "holds": "✓",
    "violated": "✗",
    "inconclusive": "?",
    "not-injected": "∅",
    "not-applicable": "-",
    "refuted": "↯",
    "conflict": "≠",
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
    "conflict": "yellow",
    "not-judged": "dim",
}
"""Colours on a terminal."""
_OPEN = frozenset({"violated", "not-injected", "inconclusive"})


def totals_line(report: Report) -> str:
    """Return the counts in one line, worst first, e.g. `1 violated · 41 holds · 5 refuted (seed)`."""
    named = {
        "refuted": "refuted (seed only, never gates)",
        "conflict": "conflict (documentation and cluster differ, as the register says of this version)",
    }
    return " · ".join(f"{n} {named.get(name, name)}" for name, n in report.counts.items()) or "no scenarios"


def oracle_line(report: Report) -> str:
    """Return how many claims came out as the register expects of the kubelets that were judged."""
    answered = [entry for entry in report.claims if entry.agrees is not None]
    line = f"{len(answered) - len(report.surprises)} of {len(answered)} claims came out as the register expects"
    return f"{line}, {len(report.surprises)} other" if report.surprises else line


def surprise(entry: ClaimEntry) -> str:
    """Return in one line what was expected of a claim, and what came out."""
    if entry.verdict == entry.expected:
        return f"expected to be {entry.expected}, and is; but not only in the way that the register knows"
    return f"expected {entry.expected}, came out {entry.verdict}"


def wall_line(report: Report) -> str:
    """Return wall time against the physical limit, e.g. `41.2 s (÷ L* of 34.9 s: 1.18)`."""
    run = report.run
    limit = f" (÷ L* of {run.limit_s:.1f} s: {run.wall_over_limit:.2f})" if run.limit_s > 0 else ""
    return f"{run.wall_s:.1f} s{limit}"


def quarantine_lines(report: Report) -> list[str]:
    """Return what the quarantine list says of a run: expired entries, then what it marks, then what it misses."""
    lines = [f"ERROR: expired, marks nothing: {m.target} ({m.words})" for m in report.quarantine.expired]
    lines += [
        f"{e.shown}, counted as that: {e.judged.scenario}, {e.quarantine.words}"
        for e in report.marked
        if e.quarantine
    ]
    return lines + [f"names nothing that this run judged: {m.target} ({m.words})" for m in report.unmatched]


def verdict_table(
    run: RunInfo, judged: Sequence[Judged], claims: Sequence[ClaimInfo], quarantine: Quarantine = NONE
) -> Table:
    """Return the table of claims with their verdicts, for the end of a run on a terminal.

    Args:
        run: facts of the run.
        judged: the verdicts.
        claims: the register.
        quarantine: the list of what is marked.
    """
    report = gather(Path(), run, judged, claims, quarantine=quarantine, read=False)
    caption = [f"wall {wall_line(report)}", oracle_line(report)]
    caption += [f"  {e.claim.id}: {surprise(e)}{_because(e)}" for e in report.surprises]
    if report.findings:
        caption.append(f"{len(report.findings)} findings where sources disagree")
        caption += [f"  {e.judged.scenario}: {f.kind}: {f.text}" for e, f in report.findings]
    caption += [f"quarantine: {line}" for line in quarantine_lines(report)]
    table = Table(title=Text(totals_line(report)), caption=Text("\n".join(caption)), title_justify="left", box=None)
    table.caption_justify = "left"
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", overflow="fold")
    table.add_column("scenarios", justify="right")
    table.add_column("why", overflow="fold")
    for entry in _judged_worst_first(report):
        style = STYLES[entry.shown]
        why = next((s.headline for s in _deciding(entry)), "")
        table.add_row(
            Text(f"{MARKS[entry.shown]} {entry.shown}", style=style),
            Text(entry.claim.id),
            str(len(entry.scenarios)),
            Text(why, style="" if entry.shown in _OPEN else "dim"),
        )
    return table


def _deciding(entry: ClaimEntry) -> list[Entry]:
    """Return the scenarios that gave a claim its verdict."""
    return [s for s in entry.scenarios if s.judged.verdict is entry.verdict]


def _because(entry: ClaimEntry) -> str:
    told = [f"\n    {s.judged.scenario}: {s.headline}" for s in _deciding(entry) if s.headline]
    return "".join(told[:3])


def _judged_worst_first(report: Report) -> list[ClaimEntry]:
    judged = [entry for entry in report.claims if entry.scenarios]
    return sorted(judged, key=lambda e: (WORST_FIRST.index(e.shown), e.claim.id))


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


def _mark(entry: ClaimEntry) -> str:
    """Return a claim with its verdict and the number of its scenarios, for a cell."""
    scenarios = f" ({len(entry.scenarios)})" if entry.scenarios else ""
    return f"{MARKS[entry.shown]} `{entry.claim.id}`{scenarios}"


def _folded(title: str, lines: list[str]) -> list[str]:
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _expectations(report: Report) -> list[str]:
    lines = []
    if report.surprises:
        lines += ["", "## Other than the register expects", ""]
        lines += [f"- {MARKS[e.shown]} `{e.claim.id}`: {surprise(e)}" for e in report.surprises]
    if report.findings:
        lines += ["", "## Sources that disagree", "", "Nobody knows which one is wrong; the evidence has both.", ""]
        lines += ["| kind | scenario | at | what | evidence |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {f.kind} | `{cell(e.judged.scenario)}` | +{f.at_s:.3f} s | {cell(f.text)} |"
            f" {f'`{cell(e.judged.evidence)}`' if e.judged.evidence else ''} |"
            for e, f in report.findings
        ]
    return lines


def _conflicts(report: Report) -> list[str]:
    """Return the claims that are violated as the register says, with what it knows of them, and their scenarios."""
    claims = [entry for entry in report.claims if entry.shown == "conflict"]
    scenarios = [entry for entry in report.worst_first if entry.shown == "conflict"]
    if not scenarios:
        return []
    told = (
        "This version does otherwise than the documentation says, and the register knows it. Nothing fails for it."
    )
    lines = ["", "## Documentation conflicts", "", told, ""]
    lines += [f"- `{e.claim.id}`: {e.claim.statement} {e.claim.note}".rstrip() for e in claims]
    return [*lines, "", *(_detail(entry) for entry in scenarios)]


def _coverage(report: Report) -> list[str]:
    """Return sentence → claims → verdict and catalogue id → claims → verdict, of what this run judged."""
    lines: list[str] = []
    judged = [(s, claims) for s, claims in report.by_sentence if any(e.scenarios for e in claims)]
    if judged:
        rows = ["| line | sentence | claims (scenarios) |", "| --- | --- | --- |"]
        rows += [f"| {s.line} | {cell(s.text)} | {'<br>'.join(map(_mark, claims))} |" for s, claims in judged]
        told = [s for s in report.seed if s.claims]
        lines += _folded(f"{len(judged)} of the {len(told)} sentences of the seed that promise something", rows)
    topics = [(t, claims) for t, claims in report.by_topic if any(e.scenarios for e in claims)]
    if topics:
        rows = ["| id | behaviour | claims (scenarios) |", "| --- | --- | --- |"]
        rows += [f"| {t.id} | {cell(t.title)} | {'<br>'.join(map(_mark, claims))} |" for t, claims in topics]
        left = [t.id for t, claims in report.by_topic if not any(e.scenarios for e in claims)]
        rows += ["", f"Without a verdict in this run: {', '.join(left)}."] if left else []
        lines += _folded(f"{len(topics)} of the {len(report.catalogue)} behaviours of the catalogue", rows)
    return ["", "## Coverage", *lines] if lines else []


def _unjudged(report: Report) -> list[str]:
    """Return what cannot be judged here, with the reasons."""
    lines = [f"- `{e.claim.id}`: {e.reason}" for e in report.unjudged]
    whole = {id(s) for e in report.unjudged for s in e.scenarios}
    skipped = [e for e in report.entries if e.shown == "not-applicable" and id(e) not in whole]
    lines += [f"- scenario `{e.judged.scenario}`: {e.judged.reason}" for e in skipped]
    return ["", "## Cannot be judged here", "", *lines] if lines else []


def to_markdown(report: Report) -> str:
    """Return summary.md: totals, cluster, what needs a reader, then every claim, coverage, and the environment."""
    run = report.run
    lines = [
        f"# podvow {run.id}",
        "",
        f"**{totals_line(report)}**",
        "",
        f"- {oracle_line(report)}; {len(report.findings)} findings where sources disagree",
        f"- wall time {wall_line(report)}, harness CPU {run.cpu_s:.1f} s, {run.api_requests} API requests",
        f"- started {run.started}, exit code {run.exit_code}",
        f"- cluster: {run.provider}, API server {run.server_version}",
    ]
    for node in run.nodes:
        can = f", {', '.join(node.capabilities)}" if node.capabilities else ""
        lines.append(f"  - {node.name}: kubelet {node.kubelet_version}, {node.runtime}{can}")
    if told := quarantine_lines(report):
        lines += ["", "## Quarantine", "", *(f"- {line}" for line in told)]
    attention = [entry for entry in report.worst_first if entry.shown in _OPEN]
    if attention:
        lines += ["", "## What needs a reader", "", *(_detail(entry) for entry in attention)]
    lines += _expectations(report)
    lines += ["", "## Claims", "", "| verdict | claim | statement | scenarios |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {MARKS[e.shown]} {e.shown} | `{e.claim.id}` | {cell(e.claim.statement)} | {len(e.scenarios)} |"
        for e in _judged_worst_first(report)
    ]
    missing = [e.claim.id for e in report.claims if not e.scenarios and not e.reason]
    if missing:
        lines += ["", f"Not judged in this run: {', '.join(f'`{name}`' for name in missing)}."]
    lines += _unjudged(report)
    lines += _coverage(report)
    lines += _conflicts(report)
    refuted = [entry for entry in report.worst_first if entry.shown == "refuted"]
    if refuted:
        lines += ["", "## Refuted sentences of the seed", "", "The cluster is right, the old sentence is not.", ""]
        lines += [_detail(entry) for entry in refuted]
    if run.extra:
        lines += ["", "## Environment", "", *(f"- {name}: {value}" for name, value in run.extra.items())]
    return "\n".join(lines).rstrip() + "\n"
