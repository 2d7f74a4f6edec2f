"""`podvow run --resume`: goes on with a run that crashed or was interrupted, in its own folder.

What was reached stays: a verdict whose evidence is complete is not judged again, evidence without a verdict is
judged from its file, everything else is run. Nothing is repeated because its verdict is open, only what the
interruption took away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podvow import parts
from podvow.errors import ClusterUnusableError, ExitCode, UsageError
from podvow.inputs import read_json
from podvow.journal.reach import Target
from podvow.journal.recover import Wanted, recover
from podvow.report.results import FILE, SCHEMA
from podvow.session import RUN_ID, Session, read_judged, runs_folder, slug
from podvow.timeline import load
from podvow.timeline.record import Kind
from podvow.verdict import Judged

_ASIDE = "interrupted"
_RESULTS_BYTES = 256 << 20


def find(run_id: str, given: Mapping[str, Any]) -> Session:
    """Return the session of a run that is to go on.

    Args:
        run_id: the run's id, the name of its folder below `reports/runs/`.
        given: options that were given beside it, by the names of `options`.

    Raises:
        UsageError: there is no such run, it was begun with other options, or its session file is broken.
    """
    folder = runs_folder() / run_id
    path = folder / "session.json"
    if not RUN_ID.fullmatch(run_id) or not folder.is_dir():
        raise UsageError(f"no run {run_id!r} in {runs_folder()}", hint=f"there are: {_known()}")
    if not path.exists():
        raise UsageError(f"run {run_id} ended before anything was begun: nothing to resume", hint="podvow run")
    session = Session.load(path)
    if session.run_id != run_id or session.replay:
        raise UsageError(f"{path} does not belong to run {run_id}", hint="the folder was renamed or copied")
    stored = options(session)
    other = [f"{name}: {stored[name]!r}, not {value!r}" for name, value in given.items() if stored[name] != value]
    if other:
        told = "\n  ".join(other)
        raise UsageError(
            f"run {run_id} goes on with the options that it was begun with\n  {told}",
            hint=f"podvow run --resume {run_id}, without other options",
        )
    return session


def clear_away(session: Session) -> None:
    """Take back what the earlier parts of a run left in the cluster.

    Raises:
        ClusterUnusableError: something of theirs cannot be taken back.
    """
    existing = session.provider == "existing"
    place = ("", session.kubeconfig, session.context) if existing else (session.name, "", "")
    for label in session.labels[:-1]:
        report = recover(Wanted(label, (Target(session.provider, *place),), only_targets=True))
        if report.exit_code is not ExitCode.OK:
            hint = f"podvow recover --run {label}"
            raise ClusterUnusableError("\n".join(report.lines()), hint=hint)


def _known() -> str:
    folder = runs_folder()
    names = sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    return ", ".join(names[-3:]) or "none"


def options(session: Session) -> dict[str, Any]:
    """Return what a run was begun with, by the names of the command's parameters."""
    chosen = session.selection
    return {
        "provider": session.provider,
        "name": session.name,
        "kubeconfig": session.kubeconfig,
        "context": session.context,
        "claim": list(chosen.claims),
        "area": list(chosen.areas),
        "keyword": chosen.keyword,
        "processes": chosen.processes,
        "profile": session.profile,
        "per_node": session.per_node,
        "namespaced": session.namespaced,
        "up": session.up,
        "collect_only": False,
    }


def finished(folder: Path) -> ExitCode | None:
    """Return the exit code of a run that came to its end, None for one that did not.

    Raises:
        UsageError: its results cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    what = "file of results"
    run = read_json(path, what=what, schema=SCHEMA, limit=_RESULTS_BYTES).get("run")
    code = run.get("exit_code") if isinstance(run, dict) else None
    if not isinstance(run, dict) or type(code) is not int or code not in set(ExitCode):
        raise UsageError(f"{path}: broken {what}: run.exit_code is no exit code")
    return ExitCode(code) if run.get("complete") is True else None


def next_part(session: Session) -> Session:
    """Sort out what an interrupted run has reached; return the session of the part that goes on.

    Verdicts and evidence that the interruption spoilt are moved to `interrupted/N/`, never deleted.
    """
    parts.close(session)
    aside = session.folder / _ASIDE / str(session.part)
    spoilt = {path for path in sorted(session.evidence.glob("*.jsonl")) if not _complete(path)}
    kept: list[str] = []
    for path in sorted((session.folder / "verdicts").glob("*.json")):
        judged = _verdict(path)
        if judged is None or not _backed(session, judged, spoilt):
            _move(path, aside / "verdicts")
        else:
            kept.append(judged.scenario)
    for path in spoilt:
        _move(path, aside / "evidence")
    return dataclasses.replace(session, part=session.part + 1, kept=tuple(kept))


def _complete(path: Path) -> bool:
    """Tell whether a scenario was recorded to its end; what was cut short says so."""
    try:
        return not load(path).of(Kind.LOST)
    except UsageError:
        return False


def _verdict(path: Path) -> Judged | None:
    try:
        judged = read_judged(path)
    except UsageError:
        return None
    return judged if slug(judged.scenario) == path.stem else None


def _backed(session: Session, judged: Judged, spoilt: set[Path]) -> bool:
    """Tell whether a verdict stands: its evidence is there, or it needs none (what does not apply here)."""
    if not judged.evidence:
        return judged.verdict == "not-applicable"
    path = session.folder / judged.evidence
    return path.is_file() and path not in spoilt


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path.replace(folder / path.name)
