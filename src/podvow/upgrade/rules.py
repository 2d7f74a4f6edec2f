"""The rules of what an upgrade may do, read from data, and which of them apply."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from podvow import yamlfile
from podvow.cluster.kindconfig import minor
from podvow.errors import UsageError
from podvow.inputs import shaped
from podvow.paths import FIXTURES
from podvow.release import UNKNOWN, release_of
from podvow.upgrade.change import Change
from podvow.upgrade.fate import Fate, Kind

FILE = FIXTURES / "upgrade" / "rules.yaml"
NO_OWNER = "none"


class Promise(BaseModel):
    """What something that happens to a node leaves alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fate: Kind
    says: str
    source: str


class Rule(BaseModel):
    """A change that is allowed; see the head of rules.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=r"^[a-z0-9.-]+$")
    says: str
    source: str
    fate: frozenset[Kind]
    owners: frozenset[str] = frozenset()
    shapes: frozenset[str] = frozenset()
    before: str = ""
    after: str = ""
    other_minor: bool = False
    allows: frozenset[Change] = Field(min_length=1)

    @field_validator("before", "after")
    @classmethod
    def _a_range(cls, value: str) -> str:
        try:
            SpecifierSet(value)
        except InvalidSpecifier as error:
            raise ValueError(str(error)) from error
        return value

    def applies(self, fate: Fate, *, owner: str, shape: str) -> bool:
        """Whether it is about a survivor.

        Args:
            fate: what happened to its node.
            owner: kind of its controller, empty for none.
            shape: its shape.
        """
        return (
            self.fate <= frozenset(fate.kinds)
            and (not self.owners or (owner or NO_OWNER) in self.owners)
            and (not self.shapes or shape in self.shapes)
            and _within(self.before, fate.before)
            and _within(self.after, fate.after)
            and (not self.other_minor or minor(fate.before) != minor(fate.after))
        )


class Rules(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    silence_s: float = Field(gt=0)
    promises: tuple[Promise, ...]
    rules: tuple[Rule, ...]

    def allowing(self, change: Change, fate: Fate, *, owner: str, shape: str) -> Rule | None:
        """Return the rule that allows a change, None when none does."""
        applying = (rule for rule in self.rules if rule.applies(fate, owner=owner, shape=shape))
        return next((rule for rule in applying if change in rule.allows), None)

    def promised(self, fate: Fate) -> Promise:
        """Return what is promised to a Pod of a node with this fate: the weightiest of what happened."""
        return next(p for kind in reversed(fate.kinds) for p in self.promises if p.fate is kind)


def _within(versions: str, version: str) -> bool:
    return not versions or SpecifierSet(versions).contains(release_of(version) or UNKNOWN, prereleases=True)


_RULES = TypeAdapter(Rules)


@cache
def load(path: Path = FILE) -> Rules:
    """Read the rules.

    Raises:
        UsageError: they are broken, two have one name, or a fate has no promise.
    """
    rules = shaped(_RULES, yamlfile.load(path, what="rules of upgrades"), where=str(path), what="rules")
    ids = [rule.id for rule in rules.rules]
    if double := sorted({each for each in ids if ids.count(each) > 1}):
        raise UsageError(f"{path} names {', '.join(double)} twice")
    if missing := sorted(set(Kind) - {promise.fate for promise in rules.promises}):
        raise UsageError(f"{path} promises nothing for {', '.join(missing)}")
    return rules
