"""What a check found, and the one error that names all that stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from podvow.errors import ClusterUnusableError
from podvow.permissions import Permission


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands in the way (error) or that should be known (warning).

    Attributes:
        topic: what was looked at, in one word.
        missing: the permission that is not there, where that is what was found.
    """

    level: Literal["error", "warning"]
    text: str
    hint: str = ""
    topic: str = ""
    missing: Permission | None = None

    def __str__(self) -> str:
        return f"{self.level}: {self.text}" + (f" → {self.hint}" if self.hint else "")


def raise_if_unusable(findings: Sequence[Finding]) -> None:
    """Raise one error that names everything that stands in the way.

    Args:
        findings: what `check` returned.

    Raises:
        ClusterUnusableError: there is an error among the findings.
    """
    errors = [finding for finding in findings if finding.level == "error"]
    if not errors:
        return
    if len(errors) == 1:
        raise ClusterUnusableError(errors[0].text, hint=errors[0].hint)
    text = f"the cluster cannot be used, {len(errors)} things are missing:"
    lines = (f"  - {error.text}" + (f" → {error.hint}" if error.hint else "") for error in errors)
    raise ClusterUnusableError("\n".join((text, *lines)))
