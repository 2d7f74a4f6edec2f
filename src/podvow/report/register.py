"""The claims register in the words of the report."""

from __future__ import annotations

import re

from podvow.claims import Register
from podvow.report.model import ClaimInfo, SeedSentence, Topic

_SEED = re.compile(r"^seed:(\d+)$")


def describe(register: Register) -> tuple[list[ClaimInfo], list[SeedSentence], list[Topic]]:
    """Return the register in the words of the report."""
    claims = [
        ClaimInfo(
            id=c.id,
            kind=c.kind,
            statement=c.statement,
            sources=c.sources,
            severity=c.severity,
            epic=_page(c.sources[0]),
            feature=c.feature,
            story=c.statement,
            catalogue=c.catalogue,
            seed_lines=tuple(int(m.group(1)) for s in c.sources if (m := _SEED.match(s))),
            note=c.note,
            not_judged=c.not_judged,
        )
        for c in register.claims
    ]
    seed = [SeedSentence(s.line, s.text, s.claims, s.note) for s in register.seed]
    catalogue = [Topic(t.id, t.title, t.reason) for t in register.catalogue]
    return claims, seed, catalogue


def _page(source: str) -> str:
    if _SEED.match(source):
        return "The seed"
    if not source.startswith(("concepts/", "tasks/", "reference/")):
        return "Characterised from the source"
    return source.partition("#")[0].rpartition("/")[2].replace("-", " ").capitalize()
