"""What a run has left behind for a comparison: its verdicts, what was judged, and where the evidence lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from podvow.errors import UsageError
from podvow.inputs import read_json, shaped
from podvow.report.results import FILE, SCHEMA

_LIMIT = 64 << 20
_WHAT = "results of a run"


@dataclass(frozen=True)
class Expectation:
    """One expectation with its outcome (docs/results.md)."""

    text: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class Scenario:
    """One judged scenario, as `results.json` tells it (docs/results.md)."""

    id: str
    verdict: str
    shown: str
    claims: Sequence[str] = ()
    reason: str = ""
    evidence: str = ""
    kubelet_version: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    expectations: Sequence[Expectation] = ()


@dataclass(frozen=True)
class ClaimSaid:
    """What `results.json` tells of a claim of the register."""

    id: str
    kind: str = "documented"
    sources: Sequence[str] = ()


@dataclass(frozen=True)
class Ran:
    """One run.

    Attributes:
        folder: where it lies.
        id: its id.
        started: when, ISO 8601.
        profile: `fast`, `default` or `nightly`; empty when the folder does not tell.
        server: version of the API server.
        kubelets: versions of the kubelets of its nodes, sorted.
        scenarios: by id.
        claims: by id.
    """

    folder: Path
    id: str
    started: str
    profile: str
    server: str
    kubelets: tuple[str, ...]
    scenarios: Mapping[str, Scenario]
    claims: Mapping[str, ClaimSaid]


@dataclass(frozen=True)
class _About:
    id: str
    started: str = ""
    complete: bool = True


@dataclass(frozen=True)
class _Node:
    kubelet_version: str = ""


@dataclass(frozen=True)
class _Cluster:
    server_version: str = ""
    nodes: Sequence[_Node] = ()


@dataclass(frozen=True)
class _Results:
    run: _About
    cluster: _Cluster
    scenarios: Sequence[Scenario]
    claims: Sequence[ClaimSaid] = ()


_RESULTS = TypeAdapter(_Results)


def read(folder: Path) -> Ran:
    """Read a run.

    Args:
        folder: its folder; `results.json` lies in it.

    Raises:
        UsageError: it is no folder of a run, the results are of another schema, or the run did not come to its end.
    """
    path = folder / FILE
    if not path.is_file():
        raise UsageError(f"{folder}: no folder of a run, {FILE} is missing", hint="reports/runs/ID, or latest")
    results = shaped(
        _RESULTS, read_json(path, what=_WHAT, schema=SCHEMA, limit=_LIMIT), where=str(path), what=_WHAT
    )
    if not results.run.complete:
        raise UsageError(
            f"{folder}: the run is not complete, what it lacks would look like a change",
            hint=f"podvow run --resume {results.run.id}",
        )
    return Ran(
        folder=folder,
        id=results.run.id,
        started=results.run.started,
        profile=_profile(folder),
        server=results.cluster.server_version,
        kubelets=tuple(sorted({n.kubelet_version for n in results.cluster.nodes if n.kubelet_version})),
        scenarios={s.id: s for s in results.scenarios},
        claims={c.id: c for c in results.claims},
    )


def _profile(folder: Path) -> str:
    """Return the profile that the run's session names; a folder that was mailed may lack the session."""
    path = folder / "session.json"
    if not path.is_file():
        return ""
    session: dict[str, Any] = read_json(path, what="session")
    return str(session.get("profile", ""))


def side(folders: Sequence[Path], name: str) -> tuple[Ran, ...]:
    """Read the runs of one side: repeated runs of one and the same cluster.

    Args:
        folders: at least one.
        name: `before` or `after`, for the error message.

    Raises:
        UsageError: a folder is no complete run, is given twice, or two of them judged different versions.
    """
    if not folders:
        raise UsageError(f"no run given for {name}", hint="podvow compare BEFORE AFTER")
    runs = tuple(read(folder) for folder in folders)
    if len({run.id for run in runs}) < len(runs):
        raise UsageError(f"a run is given twice as {name}", hint="a repeated run has an id of its own")
    if len({run.kubelets for run in runs}) > 1:
        told = ", ".join(f"{run.id}: {' '.join(run.kubelets)}" for run in runs)
        raise UsageError(f"the runs {name} judged different versions: {told}", hint="compare them with each other")
    return runs


def check_pair(befores: Sequence[Ran], afters: Sequence[Ran]) -> None:
    """Refuse to compare what cannot be compared.

    Runs of other profiles have other windows and other back-offs: their verdicts and their latencies differ for a
    reason that has nothing to do with the cluster.

    Raises:
        UsageError: the profiles differ, a run is on both sides, or no scenario was judged on both.
    """
    profiles = sorted({run.profile for run in (*befores, *afters) if run.profile})
    if len(profiles) > 1:
        raise UsageError(
            f"the runs have different profiles: {', '.join(profiles)}",
            hint="windows and back-off differ between profiles; run both sides with the same one",
        )
    if both := {run.id for run in befores} & {run.id for run in afters}:
        raise UsageError(f"{', '.join(sorted(both))} is on both sides", hint="give two different runs")
    if not any(name in after.scenarios for after in afters for before in befores for name in before.scenarios):
        raise UsageError("no scenario was judged by both sides", hint="run both with the same selection")
