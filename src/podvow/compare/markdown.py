"""comparison.md: short enough for a change ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podvow.compare import words
from podvow.compare.model import Change, Class, Comparison
from podvow.report.markdown import cell, plain
from podvow.report.model import source_url

_LONG = 12
"""Changes of one sort that are told at length; the page has all of them."""
_SHORT = 40
"""Changes of one sort that get a line."""


def to_markdown(comparison: Comparison) -> str:
    """Return the comparison for a change ticket."""
    lines = [
        f"# podvow compare: {words.title(comparison)}",
        "",
        f"**{words.advice(comparison)}**",
        "",
        f"{words.counts(comparison)}.",
        "",
        *(f"- before: {words.run_line(run)}" for run in comparison.befores),
        *(f"- after: {words.run_line(run)}" for run in comparison.afters),
        *(f"- note: {plain(note)}" for note in comparison.notes),
    ]
    for kind in comparison.counts:
        changes = [change for change in comparison.changes if change.kind is kind]
        lines += ["", f"## {words.TITLES[kind]} ({len(changes)})", ""]
        lines += _at_length(changes) if kind in words.DETAILED else _in_short(changes)
    return "\n".join([*lines, *_latencies(comparison)]).rstrip() + "\n"


def _at_length(changes: Sequence[Change]) -> list[str]:
    lines = [line for change in changes[:_LONG] for line in _change(change)]
    return [*lines, *_more(changes, _LONG)]


def _change(change: Change) -> Iterator[str]:
    yield f"- {words.SIGNS[change.kind]} `{change.scenario}`: {plain(change.why)}"
    for claim in change.claims:
        yield f"  - claim `{claim.id}`: {plain(claim.statement)} ({', '.join(map(_source, claim.sources))})"
        if claim.note and change.kind is Class.CONFLICT:
            yield f"    {plain(claim.note)}"
    if difference := change.difference:
        yield f"  - first difference: {plain(words.where(difference))}"
        yield f"    - before: {plain(difference.told_before)}"
        yield f"    - after: {plain(difference.told_after)}"
    elif change.unread:
        yield f"  - the timelines could not be compared: {plain(change.unread)}"
    else:
        yield "  - no transition differs; what was expected of them does"
    for turned in change.turned[:2]:
        told = f"  - {plain(turned.text)}: {turned.before or 'not there'} → {turned.after or 'not there'}"
        yield f"{told}. {plain(turned.detail_after or turned.detail_before)}".rstrip(". ")
    if test := words.fisher_line(change):
        yield f"  - {words.side_line(change.before)} → {words.side_line(change.after)}; {test}"


def _in_short(changes: Sequence[Change]) -> list[str]:
    lines = [
        f"| `{c.scenario}` | {words.side_line(c.before)} | {words.side_line(c.after)} | {cell(c.why)} |"
        for c in changes[:_SHORT]
    ]
    head = ["| scenario | before | after | why |", "| --- | --- | --- | --- |"]
    return [*head, *lines, *_more(changes, _SHORT)]


def _more(changes: Sequence[Change], shown: int) -> list[str]:
    return ["", f"… and {len(changes) - shown} more: comparison.html"] if len(changes) > shown else []


def _latencies(comparison: Comparison) -> Iterator[str]:
    if not comparison.latencies:
        return
    runs = f"{len(comparison.befores)} before, {len(comparison.afters)} after"
    yield from ("", f"## Latencies (runs: {runs})", "")
    yield "| from → to | recordings | before | after | shift | p (recordings) | p (runs) | |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for each in comparison.latencies:
        spans = f"{each.before_s:.2f} s | {each.after_s:.2f} s | {each.shift_s:+.2f} s"
        ps = f"{words.p_value(each.p_recordings)} | {words.p_value(each.p_runs) or '-'}"
        yield f"| {each.name} | {each.recordings} | {spans} | {ps} | {words.finding(each)} |"
    yield ""
    yield (
        "Medians; p after Holm's correction. *p (recordings)* says whether these runs differ, for which load is "
        "reason enough; *p (runs)* says whether the sides differ, and needs repeated runs."
    )


def _source(source: str) -> str:
    url = source_url(source)
    return f"[{source}]({url})" if url else plain(source)
