"""One run of chosen scenarios on one node, in a process of its own: the driver and the judge of `podvow run`."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from podvow import parts, runlock
from podvow.child import run_module
from podvow.ending import end_with_parent
from podvow.errors import PodvowError
from podvow.mutants.score import Trial
from podvow.session import Session, load_judged

_PATIENCE_S = 2400.0
"""Longer than all suites take on one node; a trial that takes longer comes to no verdict."""
_MODULE = "podvow.mutants.trial"
LOG = "trial.log"
"""What the process said, in the run's folder."""
_FINE = frozenset({0, 1, 2})
"""pytest's codes: all passed, some failed, stopped at a violation."""


def run(
    base: Session,
    number: int,
    only: Collection[str],
    *,
    node: str,
    until: Collection[str] = (),
    patience: Mapping[str, float] | None = None,
) -> Trial:
    """Run scenarios on a node and return their verdicts.

    Args:
        base: the run that it is a part of.
        number: counts from 1.
        only: ids of the tests.
        node: where their Pods go.
        until: claims whose violation ends it early.
        patience: how long a step in which nothing moves is waited for, in seconds, by the scenario's id.
    """
    run_id = f"{base.run_id}-{number}"
    session = replace(
        base,
        run_id=run_id,
        folder=base.folder.with_name(run_id),
        node=node,
        only=tuple(sorted(only)),
        until=tuple(sorted(until)),
        patience=dict(patience or {}),
    )
    for part in ("evidence", "verdicts"):
        (session.folder / part).mkdir(parents=True, exist_ok=True)
    path = session.save()
    began = time.monotonic()
    code = run_module(_MODULE, path, session.folder / LOG, patience_s=_PATIENCE_S)
    error = "" if code in _FINE else f"the run ended with {code}; see {run_id}/{LOG}"
    try:
        stats = parts.current(session)
        judged = load_judged(session)
    except PodvowError as broken:
        return Trial(run_id, (), time.monotonic() - began, broken.message)
    error = error or stats.lost
    return Trial(run_id, judged, round(time.monotonic() - began, 1), error, tuple(stats.leaks))


def main(argv: list[str]) -> int:
    """Judge what a session file says; return pytest's exit code."""
    from podvow.run import pytest_main  # noqa: PLC0415 - pytest is not imported by who only starts this process

    session = Session.load(Path(argv[1]))
    end_with_parent()
    with runlock.held(session.folder):
        return pytest_main(session, [])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
