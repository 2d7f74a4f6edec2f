"""What all HTML pages of podvow's share: their templates, and a timeline drawn into them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jinja2
from markupsafe import Markup

from podvow.paths import REPORTS
from podvow.report import attach, svg
from podvow.timeline import Timeline


def render(template: str, **values: Any) -> str:
    """Return a page. Nothing is loaded from anywhere: it can be mailed, archived and opened from disk.

    Args:
        template: name of its file in `reports/templates`.
        values: what the template refers to.
    """
    loader = jinja2.FileSystemLoader(REPORTS / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template).render(**values)


def drawing(timeline: Timeline, marks: Iterable[int], ident: str) -> Markup:
    """Return a drawn timeline; why there is none where the evidence is too damaged for it.

    Args:
        timeline: what is drawn.
        marks: moments to point at, in nanoseconds since the epoch.
        ident: beginning of all ids in the drawing, unique on the page.
    """
    drawn = attach.tolerant(lambda: svg.draw(timeline, marks=marks, ident=ident))
    return Markup(drawn) if drawn.startswith("<svg") else Markup.escape(drawn)  # noqa: S704 (draw escapes)
