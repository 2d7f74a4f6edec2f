"""The answer to one question about a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from podvow.preflight import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `podvow doctor`.

    Attributes:
        name: what was asked about.
        level: `ok`; `warning`: should be known; `error`: stands in the way of a run.
        text: what was found.
        hint: what can be done about it.
    """

    name: str
    level: Literal["ok", "warning", "error"]
    text: str
    hint: str = ""


def of_findings(name: str, findings: Iterable[Finding], *, otherwise: str) -> Iterator[Check]:
    """Yield a check for each finding, or one that says that all is well.

    Args:
        name: what was asked about.
        findings: what the preflight found.
        otherwise: what is said when it found nothing.
    """
    found = list(findings)
    yield from (Check(name, finding.level, finding.text, finding.hint) for finding in found)
    if not found:
        yield Check(name, "ok", otherwise)


def lines(check: Check) -> Iterator[str]:
    """Yield a check as text."""
    yield f"{check.level:<8} {check.name:<12} {check.text}"
    if check.hint and check.level != "ok":
        yield f"{'':<21} → {check.hint}"


def worst(checks: Sequence[Check]) -> str:
    """Return the worst level."""
    levels = {check.level for check in checks}
    return next((level for level in ("error", "warning") if level in levels), "ok")
