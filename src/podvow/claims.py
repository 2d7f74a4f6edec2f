"""The claims register: what the documentation (or the seed text) says, where, since when, and what is expected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from podvow import yamlfile
from podvow.errors import UsageError
from podvow.inputs import problems
from podvow.verdict import ClaimKind


class Claim(BaseModel):
    """One documented sentence, or one that is said to be.

    Attributes:
        id: `area.subject.effect`.
        kind: documented, seed-literal or characterised.
        statement: the claim in our own words.
        sources: documentation page with anchor (`concepts/…#anchor`), KEP, or `seed:LINE`.
        catalogue: ids of the behaviour catalogue.
        versions: range of kubelet versions that the claim is about, e.g. `>=1.29`.
        gates: feature gates that it needs, of API server and kubelet; `Name=false` for one that must be off.
        capabilities: what its node must be able to do, as it was found (`podvow.cluster.profile.NodeProfile`).
        expected: verdict expected by kubelet version range, first match counts.
        severity: for allure.
        feature: section of the documentation, for grouping.
        note: what running it has taught.
        not_judged: why no scenario can judge it on a kind cluster; empty for claims that are judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+){2}$")]
    kind: ClaimKind = ClaimKind.DOCUMENTED
    statement: str
    sources: tuple[str, ...] = Field(min_length=1)
    catalogue: tuple[str, ...] = ()
    versions: str = ">=1.29"
    gates: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    expected: Mapping[str, Literal["holds", "violated"]] = Field(default_factory=dict)
    severity: Literal["blocker", "critical", "normal", "minor", "trivial"] = "normal"
    feature: str = ""
    note: str = ""
    not_judged: str = ""

    @field_validator("versions")
    @classmethod
    def _a_range(cls, value: str) -> str:
        SpecifierSet(value)
        return value

    @field_validator("expected")
    @classmethod
    def _of_ranges(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for versions in value:
            SpecifierSet(versions)
        return value

    @property
    def area(self) -> str:
        """First part of the id."""
        return self.id.partition(".")[0]

    @property
    def gating(self) -> bool:
        """Whether a violation fails the run; what only the seed says never does."""
        return self.kind is not ClaimKind.SEED_LITERAL

    def applies_to(self, kubelet: Version) -> bool:
        """Tell whether the claim is about a kubelet of this version."""
        return SpecifierSet(self.versions).contains(kubelet, prereleases=True)

    def inapplicable(
        self, kubelet: Version, gate: Callable[[str], bool | None], capabilities: Collection[str] = ()
    ) -> str:
        """Return why the claim is not about a node, with what was detected; empty when it is.

        Args:
            kubelet: version of the node's kubelet.
            gate: returns whether a feature gate is on, on the API server and on the node; None for unknown.
            capabilities: what the node was found to be able to do.
        """
        if not self.applies_to(kubelet):
            return f"{self.id} is about kubelets {self.versions}, this one is {kubelet}"
        for wanted in self.gates:
            name, _, value = wanted.partition("=")
            state = gate(name)
            if state is not (value != "false"):
                told = {True: "on", False: "off", None: "not known to this cluster"}[state]
                return f"{self.id} needs the gate {name} {'off' if value == 'false' else 'on'}; it is {told}"
        missing = [name for name in self.capabilities if name not in capabilities]
        return f"{self.id} needs a node with {', '.join(missing)}" if missing else ""

    def expected_on(self, kubelet: Version) -> str:
        """Return the verdict that is expected on a kubelet of this version."""
        default = "violated" if self.kind is ClaimKind.SEED_LITERAL else "holds"
        for versions, verdict in self.expected.items():
            if SpecifierSet(versions).contains(kubelet, prereleases=True):
                return verdict
        return default


class SeedLine(BaseModel):
    """One sentence of the text that the project started from, and the claims that judge it.

    Attributes:
        line: number of its line in the seed.
        text: the sentence, translated in our own words.
        claims: ids of the claims that judge it; empty only with a note that says why.
        note: what has become of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    line: int
    text: str
    claims: tuple[str, ...] = ()
    note: str = ""


class Behaviour(BaseModel):
    """One entry of the behaviour catalogue.

    Attributes:
        id: a letter and a number, e.g. `E12`.
        title: what it is about, in our own words.
        reason: why no claim names it; not shown where one does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Z][0-9]+$")]
    title: str
    reason: str = ""


class Register(BaseModel):
    """The whole register."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claims: tuple[Claim, ...] = ()
    seed: tuple[SeedLine, ...] = ()
    catalogue: tuple[Behaviour, ...] = ()

    def claim(self, claim_id: str) -> Claim:
        """Return a claim by id.

        Raises:
            UsageError: there is none.
        """
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        hint = "`podvow claims` lists them; a new one goes to suites/AREA/claims.yaml"
        raise UsageError(f"no claim {claim_id!r} in the register", hint=hint)

    def check_tests(self, judged: Mapping[str, Iterable[str]]) -> None:
        """Compare the register with the tests.

        Args:
            judged: for each test (node id) the claims that it says it judges.

        Raises:
            UsageError: a test without claim, a claim without test, or an unknown claim; all are named.
        """
        known = {claim.id for claim in self.claims}
        used: set[str] = set()
        problems = []
        for test, ids in judged.items():
            names = tuple(ids)
            if not names:
                problems.append(f"{test} names no claim")
            problems += [
                f"{test} judges {name}, which is not in the register" for name in names if name not in known
            ]
            used.update(names)
        excused = {claim.id for claim in self.claims if claim.not_judged}
        problems += [f"claim {name} has no test" for name in sorted(known - used - excused)]
        problems += [f"claim {name} is said not to be judged, but has a test" for name in sorted(excused & used)]
        if problems:
            raise UsageError("register and tests disagree:\n  " + "\n  ".join(problems))


def load_register(path: Path) -> Register:
    """Read the claims register: one file, and the files of the same name in the folders beside it, one per area.

    The behaviour catalogue is `catalogue.yaml` beside it, where there is one.

    Args:
        path: a YAML file, conventionally `suites/claims.yaml`; areas have `suites/AREA/claims.yaml`.

    Returns:
        The register, with unique ids and existing cross references.

    Raises:
        UsageError: a file cannot be read, a claim lies in another area's folder, an id is not unique, or a seed
            line names an unknown claim.
    """
    parts = [_read(path)]
    for own in sorted(path.parent.glob(f"*/{path.name}")):
        part = _read(own)
        strangers = [c.id for c in part.claims if c.area != own.parent.name]
        if strangers:
            raise UsageError(f"{own}: claims of another area: {', '.join(strangers)}")
        parts.append(part)
    catalogue = path.with_name("catalogue.yaml")
    register = Register(
        claims=tuple(c for p in parts for c in p.claims),
        seed=tuple(s for p in parts for s in p.seed),
        catalogue=_read(catalogue).catalogue if catalogue.exists() else (),
    )
    if not register.claims:
        raise UsageError(f"{path}: no claim in the register")
    ids = [claim.id for claim in register.claims]
    doubles = sorted({i for i in ids if ids.count(i) > 1})
    if doubles:
        raise UsageError(f"{path}: duplicate claim id {', '.join(doubles)}", hint="ids are unique in the register")
    for line in register.seed:
        unknown = [c for c in line.claims if c not in ids]
        if unknown:
            raise UsageError(f"{path}: seed line {line.line} names unknown claims: {', '.join(unknown)}")
        if not line.claims and not line.note:
            raise UsageError(f"{path}: seed line {line.line} has neither a claim nor a note that says why")
    return register


def _read(path: Path) -> Register:
    what = "claims register"
    try:
        return Register.model_validate(yamlfile.load(path, what=what))
    except ValidationError as error:
        raise UsageError(f"{path}: broken {what}\n  " + "\n  ".join(problems(error))) from error
