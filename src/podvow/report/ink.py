"""The few shapes that a timeline is drawn with, and their style."""

from __future__ import annotations

from html import escape

from podvow.report.junit import clean

STYLE = """
.tl text{font:11px system-ui,sans-serif;fill:var(--ink,#1d2330)}
.tl .dim{fill:var(--dim,#667)} .tl .name{font-weight:600}
.tl .in{fill:#fff;font-weight:600;font-size:10px}
.tl .grid{stroke:var(--grid,#dfe3ea);stroke-width:1}
.tl .lane{fill:var(--lane,#f4f6f9)}
.tl .ok{fill:var(--ok,#2f9e58);stroke:var(--ok,#2f9e58)}
.tl .bad{fill:var(--bad,#e8811a);stroke:var(--bad,#e8811a)}
.tl .killed{fill:var(--killed,#8a4fc9);stroke:var(--killed,#8a4fc9)}
.tl .running{fill:var(--running,#2f7fd1);stroke:var(--running,#2f7fd1)}
.tl .gone{fill:var(--gone,#8b93a1);stroke:var(--gone,#8b93a1)}
.tl .outline{fill-opacity:.16;stroke-width:1.5} .tl .unsure{stroke-dasharray:4 2}
.tl .s-waiting{fill:var(--waiting,#c3c9d3)} .tl .s-running{fill:var(--running,#2f7fd1)}
.tl .s-terminated{fill:var(--gone,#6d7583)}
.tl .box{fill:var(--box,#5b7083);fill-opacity:.28}
.tl .edge{stroke:var(--box,#5b7083);stroke-dasharray:2 3}
.tl .hold{fill:var(--hold,#e9b949);fill-opacity:.16} .tl .fault{stroke:var(--fault,#d6222f);stroke-width:2}
.tl .faultname{fill:var(--fault,#d6222f);font-weight:700}
.tl .undone{stroke:var(--ok,#2f9e58);stroke-width:1.5;stroke-dasharray:5 3}
.tl .mark{fill:var(--fault,#d6222f)} .tl .break{stroke:var(--dim,#667);stroke-width:1.2;fill:none}
.tl .gapline{stroke:var(--fault,#d6222f);stroke-width:1.4;stroke-opacity:.45}
.tl .paper{fill:var(--paper,#fff)}
"""
"""One style for the drawing: colours come from the page's variables, else from the defaults (light)."""


def label(text: str) -> str:
    """Return text as it may stand in XML."""
    return escape(clean(text))


def short(text: str, length: int) -> str:
    """Return text cut to a length."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _titled(tag: str, attributes: str, title: str) -> str:
    return f"<{tag} {attributes}><title>{label(title)}</title></{tag}>" if title else f"<{tag} {attributes}/>"


def rect(cls: str, x0: float, y: float, x1: float, height: float, *, title: str = "", rx: float = 0) -> str:
    """Return a rectangle, never narrower than half a pixel."""
    rounded = f' rx="{rx:g}"' if rx else ""
    place = f'x="{x0:.1f}" y="{y:.1f}" width="{max(x1 - x0, 0.5):.1f}" height="{height:g}"'
    return _titled("rect", f'class="{cls}" {place}{rounded}', title)


def line(cls: str, x: float, y0: float, y1: float, *, title: str = "") -> str:
    """Return a vertical line."""
    return _titled("line", f'class="{cls}" x1="{x:.1f}" y1="{y0:.1f}" x2="{x:.1f}" y2="{y1:.1f}"', title)


def write(x: float, y: float, text: str, cls: str = "", anchor: str = "") -> str:
    """Return a line of text."""
    extra = (f' class="{cls}"' if cls else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{extra}>{label(text)}</text>'
