"""A mutant as data: which lines of which program are changed how, and which claims must notice it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from podvow import yamlfile
from podvow.claims import Claim, Register
from podvow.errors import UsageError
from podvow.inputs import problems
from podvow.paths import FIXTURES

DEFINITIONS = FIXTURES / "mutants"
"""The project's own ones; others are taken from any folder."""
ACTIVE = "$ACTIVE"
"""In a replacement: whether this very mutant is the chosen one (a Go expression of type bool)."""
HELPER = "podvowMutant"
"""The Go function behind it, for replacements that would rather call it: `podvowMutant("ID")`."""
_WHAT = "mutant definition"
_IMPORT = re.compile(r"(?:(\w+) )?([\w./-]+)")


class Target(StrEnum):
    """The program that a mutant is in; its value is the program's name."""

    KUBELET = "kubelet"
    API_SERVER = "kube-apiserver"
    CONTROLLER_MANAGER = "kube-controller-manager"
    SCHEDULER = "kube-scheduler"


class Edit(BaseModel):
    """One change of one file.

    Attributes:
        file: the file, by its path in the module k8s.io/kubernetes.
        anchor: text that stands in it exactly once (inside of `within`, if that is given).
        replace: what stands there instead.
        within: text that stands in the file exactly once and begins the piece that the anchor is looked for in: the
            line of a `func`, say. The piece ends with the next line that begins with a closing brace.
        imports: packages that the replacement needs, `path` or `name path`; those that are there are not added.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    anchor: Annotated[str, Field(min_length=1)]
    replace: str
    within: str = ""
    imports: tuple[str, ...] = ()

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or path.suffix != ".go" or value.endswith("_test.go"):
            raise ValueError("a Go file by its path in the module, such as pkg/kubelet/kuberuntime/helpers.go")
        return str(path)

    @field_validator("imports")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_IMPORT.fullmatch(each) for each in value):
            raise ValueError("an import is `path` or `name path`")
        return value


class Definition(BaseModel):
    """One mutant.

    Attributes:
        id: short name; the program is told it by a variable of its environment.
        title: the bug in one sentence.
        target: the program that it is in.
        versions: Kubernetes versions that it is for, e.g. `>=1.36`; empty for all.
        edits: the changes that are the bug.
        claims: what must notice it: ids of claims, beginnings of them (`rerun`, `rerun.records`), or ids of the
            behaviour catalogue (`E12`).
        holds: claims that only the seed makes, which this bug makes true.
        control: True for a change that nothing may notice.
        equivalent: why no behaviour that is promised can differ; such a mutant is not counted.
        note: what running it has taught.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
    title: Annotated[str, Field(min_length=1)]
    target: Target = Target.KUBELET
    versions: str = ""
    edits: tuple[Edit, ...] = Field(min_length=1)
    claims: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    control: bool = False
    equivalent: str = ""
    note: str = ""

    @field_validator("versions")
    @classmethod
    def _a_range(cls, value: str) -> str:
        try:
            SpecifierSet(value)
        except InvalidSpecifier as error:
            raise ValueError(f"no range of versions: {value!r}") from error
        return value

    @model_validator(mode="after")
    def _sound(self) -> Definition:
        if not self.control and not self.claims:
            raise ValueError("`claims` names none that must notice it; a negative control says `control: true`")
        if not any(ACTIVE in edit.replace or f"{HELPER}(" in edit.replace for edit in self.edits):
            raise ValueError(f"no replacement asks {ACTIVE}: the bug would be in every program of the build")
        return self

    def applies_to(self, version: Version) -> bool:
        """Tell whether it is meant for a version of Kubernetes."""
        return SpecifierSet(self.versions).contains(version, prereleases=True)

    def related(self, register: Register) -> frozenset[str]:
        """Return the ids of the claims that must notice it.

        Raises:
            UsageError: it names something that is neither a claim, nor the beginning of one, nor in the catalogue.
        """
        found: set[str] = set()
        for name in self.claims:
            ids = {claim.id for claim in register.claims if _named_by(name, claim)}
            if not ids:
                raise UsageError(
                    f"mutant {self.id}: {name!r} names no claim", hint="`podvow claims` lists claims and catalogue"
                )
            found |= ids
        return frozenset(found)


def _named_by(name: str, claim: Claim) -> bool:
    return claim.id == name or claim.id.startswith(f"{name}.") or name in claim.catalogue


def untried(definitions: Iterable[Definition], register: Register) -> list[Claim]:
    """Return the claims that can fail a run and that no mutant is to be noticed by, in the register's order.

    Raises:
        UsageError: a mutant names a claim that there is not.
    """
    tried = {claim for each in definitions if not each.control for claim in each.related(register)}
    return [claim for claim in register.claims if claim.gating and not claim.not_judged and claim.id not in tried]


def load(folder: Path) -> tuple[Definition, ...]:
    """Read the mutants of a folder: one YAML file each, in the order of their names.

    Args:
        folder: where they lie.

    Raises:
        UsageError: there is no such folder, nothing in it, or a file is broken; the file is named.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no folder of {_WHAT}s")
    files = sorted({*folder.glob("*.yaml"), *folder.glob("*.yml")})
    if not files:
        raise UsageError(f"{folder}: no {_WHAT} in it", hint="one YAML file each (docs/mutants.md)")
    found: dict[str, Path] = {}
    read: list[Definition] = []
    for path in files:
        definition = _read(path)
        if definition.id in found:
            raise UsageError(f"{path}: mutant {definition.id} is in {found[definition.id]} already")
        found[definition.id] = path
        read.append(definition)
    return tuple(read)


def chosen(definitions: Sequence[Definition], only: Sequence[str]) -> tuple[Definition, ...]:
    """Return those that are asked for; all when nobody asks.

    Raises:
        UsageError: there is none of a name.
    """
    known = {definition.id: definition for definition in definitions}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UsageError(f"no mutant {', '.join(unknown)}", hint=f"there are {', '.join(sorted(known))}")
    return tuple(d for d in definitions if not only or d.id in only)


def of_target(definitions: Sequence[Definition], target: Target) -> tuple[Definition, ...]:
    """Return those that are in one program."""
    return tuple(d for d in definitions if d.target is target)


def _read(path: Path) -> Definition:
    value = yamlfile.load(path, what=_WHAT)
    if not isinstance(value, dict):
        raise UsageError(f"{path}: broken {_WHAT}: a mapping was expected")
    try:
        return Definition.model_validate(value)
    except ValidationError as error:
        raise UsageError(f"{path}: broken {_WHAT}\n  " + "\n  ".join(problems(error))) from error
