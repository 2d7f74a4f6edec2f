"""The claims register as a table, as JSON and as a page, and the rules that its page and its catalogue keep.

Needs no cluster and no run; the same register gives the same text everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import groupby
from pathlib import Path
from typing import Any

from packaging.version import Version
from rich.table import Table
from rich.text import Text

from podvow.claims import Claim, Register
from podvow.errors import UsageError
from podvow.report.markdown import cell
from podvow.report.model import source_url
from podvow.verdict import ClaimKind

SCHEMA = 1
_KINDS = {
    ClaimKind.DOCUMENTED: "the documentation says so",
    ClaimKind.CHARACTERISED: "read in the source or seen, not documented",
    ClaimKind.SEED_LITERAL: "only the seed says so; never fails a run",
}


def select(register: Register, *, areas: Collection[str] = (), claims: Collection[str] = ()) -> Register:
    """Return the part of a register that is about some areas or claims; all of it when none are named.

    Raises:
        UsageError: there is no such area or claim.
    """
    known = {claim.area for claim in register.claims}
    for area in areas:
        if area not in known:
            raise UsageError(f"no area {area!r} in the register", hint=f"areas are {', '.join(sorted(known))}")
    for claim_id in claims:
        register.claim(claim_id)
    if not areas and not claims:
        return register
    kept = tuple(c for c in register.claims if c.area in areas or c.id in claims)
    ids, topics = {c.id for c in kept}, {t for c in kept for t in c.catalogue}
    return Register(
        claims=kept,
        seed=tuple(s for s in register.seed if ids & set(s.claims)),
        catalogue=tuple(b for b in register.catalogue if b.id in topics),
    )


def _sorted(register: Register) -> list[Claim]:
    return sorted(register.claims, key=lambda c: c.id)


def expected_words(claim: Claim) -> str:
    """Return the expected verdict, by range of versions where it hangs on them."""
    if claim.not_judged:
        return "not judged"
    rest = "violated" if claim.kind is ClaimKind.SEED_LITERAL else "holds"
    ranges = [f"{verdict} on {versions}" for versions, verdict in claim.expected.items()]
    return ", ".join([*ranges, f"else {rest}"] if ranges else [rest])


def table(register: Register, version: str) -> Table:
    """Return the register as a table for a terminal.

    Args:
        register: what to show.
        version: the kubelet version that the expected verdicts are for.
    """
    shown = Table(
        title=f"{len(register.claims)} claims; expected of {version}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("claim", "kind", "expected", "about", "catalogue", "statement"):
        shown.add_column(name, no_wrap=name == "claim", overflow="fold", ratio=1 if name == "statement" else None)
    for claim in _sorted(register):
        wanted = "not judged" if claim.not_judged else claim.expected_on(Version(version))
        if claim.expected:
            wanted = f"{wanted} ({expected_words(claim)})"
        style = {"holds": "green", "violated": "yellow"}.get(wanted.partition(" ")[0], "dim")
        about = "\n".join((claim.versions, *claim.gates))
        shown.add_row(
            Text(claim.id),
            Text(claim.kind),
            Text(wanted, style=style),
            Text(about),
            Text(" ".join(claim.catalogue)),
            Text(claim.statement),
        )
    return shown


def to_json(register: Register, version: str) -> str:
    """Return everything that the register says, for machines; keys are only ever added."""
    claims = [
        {
            **c.model_dump(mode="json"),
            "area": c.area,
            "gating": c.gating,
            "expected_on": c.expected_on(Version(version)),
        }
        for c in _sorted(register)
    ]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": version,
        "claims": claims,
        "seed": [line.model_dump(mode="json") for line in register.seed],
        "catalogue": [
            {**b.model_dump(mode="json"), "claims": [c.id for c in _sorted(register) if b.id in c.catalogue]}
            for b in register.catalogue
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _source(source: str) -> str:
    url = source_url(source)
    return f"[{source}]({url})" if url else f"`{source}`"


def _claim(claim: Claim) -> list[str]:
    facts = [f"*{claim.kind}*", f"expected: {cell(expected_words(claim))}", f"kubelet `{claim.versions}`"]
    facts += [f"gates {', '.join(f'`{g}`' for g in claim.gates)}"] if claim.gates else []
    facts += [f"catalogue {', '.join(claim.catalogue)}"] if claim.catalogue else []
    lines = [f"### {claim.id}", "", claim.statement, "", f"- {' · '.join(facts)}"]
    lines.append(f"- sources: {', '.join(map(_source, claim.sources))}")
    lines += [f"- note: {' '.join(claim.note.split())}"] if claim.note else []
    lines += [f"- not judged: {' '.join(claim.not_judged.split())}"] if claim.not_judged else []
    return [*lines, ""]


def _link(claim_id: str) -> str:
    return f"[{claim_id}](#{claim_id.replace('.', '')})"


def to_markdown(register: Register) -> str:
    """Return the register as a page: claims by area, the seed's sentences, the catalogue."""
    claims = _sorted(register)
    judged = [c for c in claims if not c.not_judged]
    lines = [
        "# The claims",
        "",
        "What podvow judges. Made by `make claims` from `suites/claims.yaml`, `suites/*/claims.yaml` and",
        "`suites/catalogue.yaml`; do not edit.",
        "",
        f"{len(claims)} claims, {len(judged)} of them judged. *Expected* is the verdict of a run in which nothing",
        "is new; what comes out violated and is not expected to be fails the run.",
        "",
        *(f"- *{kind}*: {told}; {sum(c.kind is kind for c in claims)} claims" for kind, told in _KINDS.items()),
        "",
    ]
    for area, found in groupby(claims, key=lambda c: c.area):
        lines += [f"## {area.capitalize()}", ""]
        for claim in found:
            lines += _claim(claim)
    if register.seed:
        lines += ["## The seed's sentences", "", "| line | sentence | claims | note |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {s.line} | {cell(s.text)} | {'<br>'.join(map(_link, s.claims))} | {cell(s.note)} |"
            for s in register.seed
        ]
        lines.append("")
    if register.catalogue:
        lines += ["## The catalogue", "", "| id | behaviour | claims |", "| --- | --- | --- |"]
        for behaviour in register.catalogue:
            found_by = [_link(c.id) for c in claims if behaviour.id in c.catalogue]
            told = "<br>".join(found_by) or f"none: {cell(behaviour.reason) or 'nobody has said why'}"
            lines.append(f"| {behaviour.id} | {cell(behaviour.title)} | {told} |")
        lines.append("")
    return "\n".join(lines)


def problems(register: Register) -> list[str]:
    """Return where register and catalogue do not fit together."""
    ids = [b.id for b in register.catalogue]
    named = {topic for claim in register.claims for topic in claim.catalogue}
    found = [f"catalogue id {i} is there twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    found += [
        f"{claim.id} names {topic}, which is not in the catalogue"
        for claim in _sorted(register)
        for topic in claim.catalogue
        if topic not in ids
    ]
    found += [
        f"no claim names {b.id} ({b.title}), and no reason says why"
        for b in register.catalogue
        if b.id not in named and not b.reason
    ]
    return found


def check(register: Register, page: Path) -> None:
    """Insist that a page is what the register makes of itself today, and that the catalogue is covered.

    Args:
        register: the whole register.
        page: the generated page.

    Raises:
        UsageError: all that is wrong.
    """
    found = problems(register)
    try:
        if page.read_text(encoding="utf-8") != to_markdown(register):
            found.append(f"{page} is not what the register says today")
    except (OSError, UnicodeDecodeError) as error:
        found.append(f"{page}: {error}")
    if found:
        hint = "make claims; a reason for a behaviour without claim goes to suites/catalogue.yaml"
        raise UsageError("register, catalogue and page disagree:\n  " + "\n  ".join(found), hint=hint)
