"""A kept run as the trend sees it, read from its results.json alone; what cannot be read is named, never fatal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from podvow.errors import UsageError
from podvow.inputs import read_json, shaped
from podvow.report.results import FILE, SCHEMA
from podvow.verdict import UNDECIDED, Verdict

LIMIT = 256 << 20
"""Bytes of the largest results.json that is read; one of all suites has 3 MiB."""
_WHAT = "file of results"


class _Part(BaseModel):
    """A part of results.json; keys that podvow does not know yet are ignored, as the contract asks."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Run(_Part):
    id: str = Field(min_length=1)
    started: AwareDatetime
    exit_code: int
    complete: bool = True


class _Node(_Part):
    kubelet_version: str = ""


class _Cluster(_Part):
    provider: str = ""
    server_version: str = ""
    nodes: tuple[_Node, ...] = ()


class _Judged(_Part):
    id: str
    verdict: Verdict
    shown: str = ""


class _Scenario(_Judged):
    claims: tuple[str, ...] = ()
    kubelet_version: str = ""
    reason: str = ""


class _Claim(_Judged):
    scenarios: tuple[str, ...] = ()


class _Results(_Part):
    run: _Run
    cluster: _Cluster
    scenarios: tuple[_Scenario, ...]
    claims: tuple[_Claim, ...]


_RESULTS: TypeAdapter[_Results] = TypeAdapter(_Results)


@dataclass(frozen=True)
class Version:
    """What was judged.

    Attributes:
        provider: what gave the cluster.
        server: version of the API server.
        kubelets: versions of the kubelets, sorted; those that were judged, else those of all nodes.
        judged: whether a kubelet was judged, so that `kubelets` are of that one.
    """

    provider: str
    server: str
    kubelets: tuple[str, ...]
    judged: bool = True

    @property
    def words(self) -> str:
        """It, for people."""
        return f"API server {self.server or '?'}, kubelets {', '.join(self.kubelets) or '?'}"


@dataclass(frozen=True)
class Seen:
    """One verdict of one night.

    Attributes:
        verdict: as it is shown to people (docs/results.md), e.g. `conflict`.
        version: what was judged.
        claims: of a scenario, the ids of its claims.
    """

    verdict: str
    version: Version
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Night:
    """A run that was kept.

    Attributes:
        id: id of the run.
        started: when it began.
        exit_code: of the run.
        complete: whether it came to its end.
        version: what all of it ran on.
        scenarios: the verdicts by scenario.
        claims: the verdicts by claim, without those that it did not judge.
    """

    id: str
    started: datetime
    exit_code: int
    complete: bool
    version: Version
    scenarios: dict[str, Seen]
    claims: dict[str, Seen]


@dataclass(frozen=True)
class Unread:
    """A run's folder that tells nothing.

    Attributes:
        name: of the folder.
        why: what is wrong with it.
    """

    name: str
    why: str


def read(path: Path) -> Night:
    """Read one results.json.

    Of a run that did not come to its end open verdicts are left out: the interruption made them. What it did judge
    counts, or an interruption could hide a violation.

    Raises:
        UsageError: it is none, is damaged, or of another schema.
    """
    raw: dict[str, Any] = read_json(path, what=_WHAT, schema=SCHEMA, limit=LIMIT)
    told = shaped(_RESULTS, raw, where=str(path), what=_WHAT)
    of_nodes = tuple(sorted({node.kubelet_version for node in told.cluster.nodes} - {""}))
    whole = Version(told.cluster.provider, told.cluster.server_version, of_nodes, judged=False)
    counted = [s for s in told.scenarios if told.run.complete or s.verdict not in UNDECIDED]
    scenarios = {s.id: Seen(s.shown or s.verdict, _of(whole, [s.kubelet_version]), s.claims) for s in counted}
    kubelets = {s.id: s.kubelet_version for s in told.scenarios}
    claims = {
        c.id: Seen(c.shown or c.verdict, _of(whole, [kubelets.get(name, "") for name in c.scenarios]))
        for c in told.claims
        if c.scenarios and (told.run.complete or c.verdict not in UNDECIDED)
    }
    try:
        started = told.run.started.astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"{path}: broken {_WHAT}: run.started is out of range") from error
    return Night(told.run.id, started, told.run.exit_code, told.run.complete, whole, scenarios, claims)


def _of(whole: Version, kubelets: Sequence[str]) -> Version:
    found = tuple(sorted({*kubelets} - {""}))
    return Version(whole.provider, whole.server, found) if found else whole


def folders(place: Path) -> list[Path]:
    """Return the runs' folders in a folder: real folders with a session file or results, no links.

    Raises:
        UsageError: there is no such folder.
    """
    try:
        found = sorted(place.iterdir())
    except OSError as error:
        hint = "scripts/nightly keeps its nights there; name another folder otherwise"
        raise UsageError(f"{place}: no folder of nights: {error.strerror}", hint=hint) from error
    own = (path for path in found if path.is_dir() and not path.is_symlink())
    return [path for path in own if (path / FILE).exists() or (path / "session.json").exists()]


def nights(place: Path, last: int | None = None) -> tuple[list[Night], list[Unread]]:
    """Read the nights of a folder.

    Args:
        place: the folder that the runs' folders lie in.
        last: only the newest of them, so many; all when None.

    Returns:
        The nights, oldest first, and what could not be read.

    Raises:
        UsageError: there is no such folder.
    """
    found: dict[str, Night] = {}
    unread: list[Unread] = []
    for folder in folders(place):
        path = folder / FILE
        if not path.exists():
            unread.append(Unread(folder.name, f"no {FILE}: the run was killed, or is not over"))
            continue
        try:
            night = read(path)
        except UsageError as error:
            unread.append(Unread(folder.name, error.message.replace(f"{path}: ", "")))
            continue
        if night.id in found:
            unread.append(Unread(folder.name, f"a copy of run {night.id}"))
        found.setdefault(night.id, night)
    ordered = sorted(found.values(), key=lambda night: (night.started, night.id))
    return ordered[-last:] if last else ordered, unread
