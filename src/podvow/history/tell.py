"""The trend for people (terminal, Markdown) and for machines; all of it from the same sections."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from podvow.history.night import Night
from podvow.history.trend import AMISS, Change, Track, Trend
from podvow.report.markdown import cell
from podvow.report.summary import MARKS

SCHEMA = 1
_STRIP = 30
"""Nights that a strip of signs shows: the newest."""
_ROWS = 40
"""Rows of one section on a terminal; the page has all."""


@dataclass(frozen=True)
class Row:
    """One line of a section: a claim or a scenario, what is to be said of it, and a sign per night."""

    verdict: str
    id: str
    told: str
    strip: str

    @property
    def sign(self) -> str:
        """The verdict's sign."""
        return MARKS.get(self.verdict, "!")


@dataclass(frozen=True)
class Section:
    """What the nights say about one question; `rows` is never empty."""

    title: str
    rows: tuple[Row, ...]


def sections(trend: Trend) -> list[Section]:
    """Return what is to be told, claims first, then scenarios; questions without an answer are left out."""
    found: list[Section] = []
    for what, tracks in (("claims", trend.claims), ("scenarios", trend.scenarios)):
        for night in reversed(trend.nights):
            new = [t for t in tracks if t.since is night and not t.gone and (t.changes or _began_open(t))]
            found.append(_section(f"{what} that are new since {_when(night)}", new, _changed))
        flipping = sorted((t for t in tracks if t.flips), key=lambda t: -t.flips)
        found.append(_section(f"{what} that flip: the verdict changed, no version did", flipping, _flips))
        still = [t for t in tracks if t.verdict in AMISS and not t.gone]
        found.append(_section(f"{what} that are open", still, _open))
        gone = [t for t in tracks if t.gone and t.verdict in AMISS]
        found.append(_section(f"{what} that were open when they were judged last", gone, _gone))
        marked = [t for t in tracks if t.mark]
        found.append(_section(f"{what} in quarantine, shown and counted all the same", marked, _marked))
    return [section for section in found if section.rows]


def _section(title: str, tracks: Sequence[Track], told: Any) -> Section:
    worst = sorted(tracks, key=lambda t: AMISS.index(t.verdict) if t.verdict in AMISS else len(AMISS))
    return Section(title, tuple(Row(t.verdict, t.id, _with_mark(t, told(t)), strip(t)) for t in worst))


def _with_mark(track: Track, told: str) -> str:
    return f"{told}; {track.mark.words}" if track.mark and track.mark.words not in told else told


def _began_open(track: Track) -> bool:
    return track.appeared and track.verdict in AMISS


def _changed(track: Track) -> str:
    if not track.changes:
        return "not judged before"
    change = track.changes[-1]
    before = track.changes[-2].night if len(track.changes) > 1 else track.judged[0]
    nights = track.judged.index(change.night) - track.judged.index(before)
    return f"{change.before} for {_nights(nights)} before, {_why(change)}"


def _why(change: Change) -> str:
    return f"likely cause: {change.cause}" if change.cause else "no version changed: a flip"


def _flips(track: Track) -> str:
    return f"{track.flips} {'flip' if track.flips == 1 else 'flips'} in {_nights(len(track.judged))}"


def _open(track: Track) -> str:
    least = "" if track.changes or track.appeared else " or longer"
    return f"since {_when(track.since)}, {_nights(track.streak)}{least}"


def _gone(track: Track) -> str:
    return f"last judged by {_when(track.judged[-1])}"


def _marked(track: Track) -> str:
    assert track.mark is not None  # noqa: S101 (the caller chose those with one)
    idle = "" if track.verdict in AMISS else f"; {track.verdict} for {_nights(track.streak)}: is it still needed?"
    return f"{track.mark.words}{idle}"


def _nights(number: int) -> str:
    return f"{number} {'night' if number == 1 else 'nights'}"


def _when(night: Night) -> str:
    return f"{night.id} ({night.started:%Y-%m-%d})"


def strip(track: Track) -> str:
    """Return a sign per night, oldest first."""
    shown = track.nights[-_STRIP:]
    return "".join(
        MARKS.get(track.seen[n.id].verdict, "!") if n.id in track.seen else MARKS["not-judged"] for n in shown
    )


def head(trend: Trend) -> list[str]:
    """Return which nights there are, and what is wrong with them and with the quarantine list."""
    first, last = trend.nights[0], trend.nights[-1]
    span = f"{first.started:%Y-%m-%d} to {last.started:%Y-%m-%d}"
    lines = [
        f"{_nights(len(trend.nights))}, {span}, newest {last.id}: exit code {last.exit_code}, {last.version.words}"
    ]
    lines += [f"ERROR: quarantine expired, marks nothing: {m.target} ({m.words})" for m in trend.quarantine.expired]
    lines += [f"quarantine names nothing that was judged: {m.target} ({m.words})" for m in trend.unmatched]
    if gone := sum(t.gone for t in trend.scenarios):
        lines.append(f"{gone} scenarios that earlier nights judged are not in the newest whole one")
    lines += [
        f"{_when(n)} did not come to its end: what it left open does not count"
        for n in trend.nights
        if not n.complete
    ]
    return lines + [f"{each.name} tells nothing: {each.why}" for each in trend.unread]


def lines(trend: Trend) -> Iterator[str]:
    """Yield the trend as text."""
    yield from head(trend)
    told = sections(trend)
    for section in told:
        yield ""
        yield section.title
        width = max(len(row.id) for row in section.rows[:_ROWS])
        for row in section.rows[:_ROWS]:
            yield f"  {row.sign} {row.verdict:<14} {row.id:<{width}}  {row.strip}  {row.told}"
        if len(section.rows) > _ROWS:
            yield f"  … and {len(section.rows) - _ROWS} more: --markdown FILE has all"
    if not told:
        yield "nothing changed, nothing is open"


def markdown(trend: Trend) -> str:
    """Return the trend as a page."""
    parts = ["# podvow trend", "", *(f"- {cell(line)}" for line in head(trend))]
    told = sections(trend)
    for section in told:
        parts += ["", f"## {cell(section.title)}", ""]
        parts += ["| verdict | id | nights, newest last | what |", "| --- | --- | --- | --- |"]
        parts += [
            f"| {row.sign} {row.verdict} | `{cell(row.id)}` | `{row.strip}` | {cell(row.told)} |"
            for row in section.rows
        ]
    if not told:
        parts += ["", "Nothing changed, nothing is open."]
    return "\n".join(parts) + "\n"


def to_json(trend: Trend) -> str:
    """Return the trend for machines (docs/nightly.md tells the format)."""
    document = {
        "schema": SCHEMA,
        "nights": [
            {
                "id": n.id,
                "started": n.started.isoformat(),
                "exit_code": n.exit_code,
                "complete": n.complete,
                "server_version": n.version.server,
                "kubelet_versions": list(n.version.kubelets),
            }
            for n in trend.nights
        ],
        "unread": [{"folder": each.name, "why": each.why} for each in trend.unread],
        "claims": [_track(track) for track in trend.claims],
        "scenarios": [_track(track) for track in trend.scenarios],
        "quarantine": {
            "expired": [{"id": m.target, **m.as_json()} for m in trend.quarantine.expired],
            "unmatched": [{"id": m.target, **m.as_json()} for m in trend.unmatched],
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _track(track: Track) -> dict[str, Any]:
    return {
        "id": track.id,
        "verdict": track.verdict,
        "since": track.since.id,
        "streak": track.streak,
        "flips": track.flips,
        "gone": track.gone,
        "changes": [
            {"night": c.night.id, "before": c.before, "after": c.after, "cause": c.cause} for c in track.changes
        ],
        "verdicts": {night.id: track.seen[night.id].verdict for night in track.judged},
        "quarantine": track.mark.as_json() if track.mark else None,
    }
