"""The quarantine list: violations that somebody owns for a while. It marks what is shown and changes no verdict.

A list that hid violations would make every run green in the end. So a marked violation stays violated, is counted,
and fails the run as before; an entry that has expired marks nothing and is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from podvow import yamlfile
from podvow.errors import UsageError
from podvow.inputs import problems
from podvow.paths import SUITES

VARIABLE = "PODVOW_QUARANTINE"
FILE = "quarantine.yaml"
_WHAT = "quarantine list"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Mark(BaseModel):
    """One entry of the list; it names a scenario or a claim.

    Attributes:
        scenario: id of a scenario, empty when a claim is named.
        claim: id of a claim, which stands for all its scenarios.
        owner: who answers for it; a team rather than a person.
        reason: why it is known, with a link to where it is followed up.
        expires: the first day on which it holds no more, in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str = ""
    claim: str = ""
    owner: _Words
    reason: _Words
    expires: date

    @model_validator(mode="before")
    @classmethod
    def _a_day(cls, raw: object) -> object:
        """Take the date as it is written: pydantic would take a number for seconds since 1970."""
        told = raw.get("expires") if isinstance(raw, dict) else None
        if isinstance(told, str | int | float) and not _DAY.fullmatch(str(told)):
            raise ValueError("expires is no date (YYYY-MM-DD)")
        return raw

    @model_validator(mode="after")
    def _names_one(self) -> Mark:
        if bool(self.scenario) is bool(self.claim):
            raise ValueError("an entry names a scenario or a claim, one of them")
        return self

    @property
    def target(self) -> str:
        """What it names."""
        return self.scenario or self.claim

    @property
    def words(self) -> str:
        """The mark in one line, for people."""
        return f"quarantined until {self.expires:%Y-%m-%d} by {self.owner}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        """Return it as results.json has it."""
        return {"owner": self.owner, "reason": self.reason, "expires": self.expires.isoformat()}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    quarantine: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Quarantine:
    """The list on a certain day.

    Attributes:
        marks: its entries, those that have expired too.
        today: the day.
    """

    marks: tuple[Mark, ...] = ()
    today: date = date.min

    @property
    def expired(self) -> tuple[Mark, ...]:
        """The entries that hold no more; they mark nothing."""
        return tuple(mark for mark in self.marks if mark.expires <= self.today)

    def of(self, scenario: str, claims: Collection[str]) -> Mark | None:
        """Return the mark of a scenario: its own, else that of one of its claims; None without one.

        Args:
            scenario: its id; empty for a claim alone.
            claims: the ids of its claims.
        """
        held = [mark for mark in self.marks if mark.expires > self.today]
        own = (mark for mark in held if mark.scenario and mark.scenario == scenario)
        return next(own, next((mark for mark in held if mark.claim in claims), None))

    def unmatched(self, scenarios: Iterable[str], claims: Iterable[str]) -> tuple[Mark, ...]:
        """Return the entries that name nothing of what is there."""
        known, judged = frozenset(scenarios), frozenset(claims)
        return tuple(m for m in self.marks if m.scenario not in known and m.claim not in judged)


NONE = Quarantine()


def load(path: Path | None = None, *, today: date | None = None) -> Quarantine:
    """Read the list.

    Args:
        path: the file; by default the one that `$PODVOW_QUARANTINE` names, else `quarantine.yaml` of the suites,
            where there is one.
        today: the day; by default today in UTC.

    Raises:
        UsageError: a file that was named is not there, or it is broken, or names something twice.
    """
    today = today or datetime.now(UTC).date()
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    chosen = named or SUITES / FILE
    if named is None and not chosen.exists():
        return Quarantine((), today)
    raw = yamlfile.load(chosen, what=_WHAT)
    try:
        marks = _File.model_validate({} if raw is None else raw).quarantine
    except ValidationError as error:
        raise UsageError(f"{chosen}: broken {_WHAT}\n  " + "\n  ".join(problems(error))) from error
    targets = [mark.target for mark in marks]
    if doubles := sorted({name for name in targets if targets.count(name) > 1}):
        raise UsageError(f"{chosen}: broken {_WHAT}: twice in it: {', '.join(doubles)}")
    return Quarantine(marks, today)


@cache
def current() -> Quarantine:
    """Return the list of this process, read once: a file that is broken meanwhile must not cost a run its report.

    Raises:
        UsageError: as `load`.
    """
    return load()
