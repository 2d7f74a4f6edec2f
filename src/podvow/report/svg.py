"""Draws a timeline: one lane per container, one bar per run, faults, sandboxes, holds and gaps across. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podvow.report.ink import STYLE, label, line, rect, short, write
from podvow.report.lanes import Bar, Lane, lanes, pods
from podvow.report.scale import Scale
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark

WIDTH = 1060.0
_LEFT, _RIGHT, _TOP, _LANE, _BAR, _POD = 150.0, 16.0, 46.0, 34.0, 14.0, 22.0
_NAME = 12.0
"""Height of a row of faults' names; two rows have room above the axis."""
_MIN_BAR = 4.0
_MAX_LANES = 60
_LABEL_PX = 20.0
_LETTER = 7.0


def draw(timeline: Timeline, *, marks: Iterable[int] = (), ident: str = "t", standalone: bool = False) -> str:
    """Return the timeline as SVG.

    Args:
        timeline: what to draw.
        marks: moments to point at (the offending records), nanoseconds since the epoch.
        ident: a prefix that makes the ids inside the drawing unique on a page.
        standalone: bring style and namespace along, for a file of its own.
    """
    drawn = list(lanes(timeline))
    hidden = len(drawn) - _MAX_LANES
    drawn = drawn[:_MAX_LANES]
    return _Drawing(timeline, drawn, sorted(set(marks)), ident).svg(standalone=standalone, hidden=max(0, hidden))


class _Drawing:
    """Collects the parts of one drawing from the back to the front."""

    def __init__(self, timeline: Timeline, drawn: list[Lane], marks: Sequence[int], ident: str) -> None:
        self.timeline = timeline
        self.lanes = drawn
        self.marks = [m for m in marks if timeline.start_ns <= m <= timeline.end_ns]
        self.ident = ident
        self.pods = pods(timeline)
        self.many = len({lane.pod for lane in drawn}) > 1
        self.scale = Scale(self._times(), _LEFT, WIDTH - _RIGHT)
        self.parts: list[str] = []
        self.names = self._names()
        # Each row of names beyond the second moves everything down, so that no name lies on another one.
        self.top = _TOP + _NAME * max(0, max((row for _, _, _, row in self.names), default=0) - 1)
        self.bottom = self.top

    def _times(self) -> Iterable[int]:
        timeline = self.timeline
        yield from (timeline.start_ns, timeline.end_ns)
        for lane in self.lanes:
            for bar in lane.bars:
                yield from bar.extent
            for strip in lane.strips:
                yield strip.from_ns
        for pod in self.pods:
            for sandbox in timeline.sandboxes(pod):
                yield sandbox.start.t_ns
                yield from [sandbox.exit.t_ns] if sandbox.exit else []
        for gap in timeline.gaps:
            yield from (t for t in (gap.from_ns, gap.until_ns) if timeline.start_ns <= t <= timeline.end_ns)
        yield from (r.t_ns for r in timeline.of(Kind.FAULT, Kind.UNDONE, Kind.HOLD_BEGIN, Kind.HOLD_END))

    def _s(self, t_ns: int) -> str:
        return f"+{self.timeline.at_s(t_ns):.3f}s"

    def _span(self, from_ns: int, until_ns: int) -> tuple[float, float]:
        """Return both edges on paper, never closer than a bar must be wide to be seen."""
        x0, x1 = self.scale.x(from_ns), self.scale.x(until_ns)
        if x1 - x0 < _MIN_BAR:
            x1 = min(x0 + _MIN_BAR, self.scale.x1)
            x0 = min(x0, x1 - _MIN_BAR)
        return x0, x1

    def svg(self, *, standalone: bool, hidden: int) -> str:
        rows: list[str] = []
        floor: list[str] = []
        y, pod = self.top, None
        for lane in self.lanes:
            if lane.pod != pod:
                pod = lane.pod
                rows.append(self._pod_row(pod, y))
                y += _POD
            floor.append(rect("lane", _LEFT, y + 2, WIDTH - _RIGHT, _LANE - 4, rx=3))
            rows.append(self._lane(lane, y))
            y += _LANE
        if not self.lanes:
            rows.append(write(_LEFT, y + 18, "no container was seen", "dim"))
            y += _LANE
        if hidden:
            rows.append(write(_LEFT, y + 14, f"… {hidden} more containers, see the evidence", "dim"))
            y += _POD
        self.bottom = y + 4
        back = [*floor, self._hold(), self._axis(), self._gaps()]
        front = [self._faults(), self._marks(), self._breaks()]
        height = self.bottom + 14
        about = f"timeline of {self.timeline.meta.scenario}"
        head = f'<svg class="tl" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{label(about)}"'
        if standalone:
            head += f' xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{height:g}"'
        style = f"<style>{STYLE}</style>" if standalone else ""
        paper = rect("paper", 0, 0, WIDTH, height) if standalone else ""
        return f"{head}>{style}{self._defs()}{paper}{''.join([*back, *rows, *front])}</svg>"

    def _defs(self) -> str:
        return (
            f'<defs><pattern id="{self.ident}-gap" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="7" class="gapline"/></pattern></defs>'
        )

    def _axis(self) -> str:
        parts = []
        for x, t_ns in self.scale.ticks():
            parts.append(line("grid", x, self.top - 6, self.bottom))
            parts.append(write(x, self.top - 10, f"{self.timeline.at_s(t_ns):g} s", "dim", "middle"))
        return "".join(parts)

    def _breaks(self) -> str:
        parts = []
        for segment in self.scale.breaks:
            x, length = (segment.x0 + segment.x1) / 2, (segment.until_ns - segment.from_ns) / 1e9
            parts.append(
                f'<path class="break" d="M{x - 5:.1f} {self.top - 2:.1f}l4 -8m3 8l4 -8"><title>'
                f"{length:.1f} s without an event, drawn shortened</title></path>"
            )
            if segment.x1 - segment.x0 > 2 * _LABEL_PX:
                parts.append(write(x, self.top - 14, f"{length:.1f} s", "dim", "middle"))
        return "".join(parts)

    def _pod_row(self, pod: str, y: float) -> str:
        """Draw the Pod's name and its sandboxes as a band."""
        title = pod if self.many else "sandbox"
        parts = [write(8, y + 13, short(title, 20), "name" if self.many else "dim")]
        if not self.timeline.has(Source.RUNTIME):
            parts.append(write(_LEFT + 4, y + 13, "sandboxes not seen: no runtime source", "dim"))
        height = _POD + _LANE * sum(1 for lane in self.lanes if lane.pod == pod)
        for n, sandbox in enumerate(self.timeline.sandboxes(pod), start=1):
            x0, x1 = self._span(sandbox.start.t_ns, sandbox.exit.t_ns if sandbox.exit else self.timeline.end_ns)
            ended = f", stopped {self._s(sandbox.exit.t_ns)}" if sandbox.exit else ""
            title = f"sandbox #{n} of {pod}, started {self._s(sandbox.start.t_ns)}{ended}\n{sandbox.id}"
            parts.append(rect("box", x0, y + 3, x1, 13, title=title, rx=2))
            edges = [x0, x1] if sandbox.exit else [x0]
            parts += [line("edge", x, y + 3, y + height) for x in edges]
            if x1 - x0 > _LABEL_PX:
                wide = x1 - x0 > 4 * _LABEL_PX
                parts.append(write(x0 + 4, y + 13, f"sandbox #{n}" if wide else f"#{n}", "dim"))
        return "".join(parts)

    def _lane(self, lane: Lane, y: float) -> str:
        parts = [write(8, y + 15, short(lane.container, 19), "name"), write(8, y + 27, lane.role, "dim")]
        for strip in lane.strips:
            x0, x1 = self.scale.x(strip.from_ns), self.scale.x(strip.until_ns)
            title = f"status of {lane.container}: {strip.text}\nfrom {self._s(strip.from_ns)}"
            parts.append(rect(f"s-{strip.state}", x0, y + _LANE - 8, x1, 4, title=title))
        ends = [self._span(*bar.extent) for bar in lane.bars]
        for n, bar in enumerate(lane.bars):
            room = (ends[n + 1][0] if n + 1 < len(ends) else WIDTH - _RIGHT) - ends[n][1]
            parts.append(self._bar(bar, y + 5, room))
        return "".join(parts)

    def _bar(self, bar: Bar, y: float, room: float) -> str:
        begin, end = bar.extent
        title = f"{bar.title}\n{self._s(begin)} to {self._s(end)}"
        parts = ["<g>", f"<title>{label(title)}</title>"]
        if bar.outer:
            x0, x1 = self._span(*bar.outer)
            kind = f"outline {bar.outcome}{'' if bar.sure else ' unsure'}"
            parts.append(rect(kind, x0, y, x1, _BAR, rx=2))
        if bar.inner:
            x0, x1 = self._span(*bar.inner)
            parts.append(rect(bar.outcome, x0, y + 3, x1, _BAR - 6, rx=1))
        x0, x1 = self._span(begin, end)
        name = f"#{bar.run.n}"
        if bar.outcome in {"bad", "killed"}:
            name += f" → {bar.run.code}"
        if room > _LETTER * len(name) + 4:
            parts.append(write(x1 + 4, y + 11, name))
        elif x1 - x0 > 2 * _LABEL_PX:
            at = self._span(*bar.inner)[0] if bar.inner else x0
            parts.append(write(at + 6, y + 11, f"#{bar.run.n}", "in" if bar.inner else ""))
        elif room > _LABEL_PX:
            parts.append(write(x1 + 4, y + 11, f"#{bar.run.n}"))
        parts.append("</g>")
        return "".join(parts)

    def _hold(self) -> str:
        begins = self.timeline.of(Kind.HOLD_BEGIN)
        ends = [r.t_ns for r in self.timeline.of(Kind.HOLD_END)]
        parts = []
        for begin in begins:
            until = next((t for t in ends if t >= begin.t_ns), self.timeline.end_ns)
            x0, x1 = self.scale.x(begin.t_ns), self.scale.x(until)
            name = f"hold: {begin.data.get('window', '')}"
            title = f"{name}, {begin.data.get('seconds', '?')} s: nothing may happen that must not"
            parts.append(rect("hold", x0, self.top - 4, x1, self.bottom - self.top + 4, title=title))
            if x1 - x0 > 6.5 * len(name):
                parts.append(write((x0 + x1) / 2, self.bottom + 8, name, "dim", "middle"))
        return "".join(parts)

    def _gaps(self) -> str:
        parts = []
        for gap in self.timeline.gaps:
            x0, x1 = self._span(gap.from_ns, gap.until_ns)
            title = f"gap: {gap.source} did not observe from {self._s(gap.from_ns)} to {self._s(gap.until_ns)}"
            shape = rect("gap", x0, self.top - 4, x1, self.bottom - self.top + 4, title=f"{title}\n{gap.reason}")
            parts.append(shape.replace('class="gap"', f'fill="url(#{self.ident}-gap)"', 1))
        return "".join(parts)

    def _names(self) -> list[tuple[FaultMark, str, bool, int]]:
        """Return each fault, its name, whether that stands before its line, and the row that has room for it."""
        found = []
        rows: list[float] = []
        for mark in self.timeline.faults:
            x = self.scale.x(mark.begin.t_ns)
            text = mark.name + (" (failed)" if mark.error else "")
            width = 6.6 * len(text)
            before = x + width > WIDTH
            left, right = (x - 4 - width, x) if before else (x, x + 4 + width)
            row = next((n for n, edge in enumerate(rows) if left > edge), len(rows))
            rows[row : row + 1] = [right]
            found.append((mark, text, before, row))
        return found

    def _faults(self) -> str:
        parts = []
        for mark, text, before, row in self.names:
            x, y = self.scale.x(mark.begin.t_ns), _NAME * (row + 1)
            title = f"fault {text} on {mark.target or '?'} at {self._s(mark.begin.t_ns)}\n{mark.error}".rstrip()
            parts.append(line("fault", x, y - 8, self.bottom, title=title))
            parts.append(write(x - 4 if before else x + 4, y, text, "faultname", "end" if before else "start"))
        for record in self.timeline.of(Kind.UNDONE):
            x = self.scale.x(record.t_ns)
            parts.append(line("undone", x, self.top - 4, self.bottom, title=f"undone at {self._s(record.t_ns)}"))
        return "".join(parts)

    def _marks(self) -> str:
        return "".join(
            f'<path class="mark" d="M{self.scale.x(t):.1f} {self.bottom - 2:.1f}l-5 9h10z">'
            f"<title>decides the verdict: {self._s(t)}</title></path>"
            for t in self.marks
        )
