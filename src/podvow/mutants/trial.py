"""One run of chosen scenarios on one node, in a process of its own: the driver and the judge of `podvow run`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from podvow import parts, runlock
from podvow.ending import watch_parent
from podvow.errors import PodvowError
from podvow.mutants.score import Trial
from podvow.session import Session, load_judged

_PATIENCE_S = 2400.0
"""Longer than all suites take on one node; a trial that takes longer comes to no verdict."""
_ENDING_S = 300.0
_MODULE = "podvow.mutants.trial"
LOG = "trial.log"
"""What the process said, in the run's folder."""
_FINE = frozenset({0, 1, 2})
"""pytest's codes: all passed, some failed, stopped at a violation."""


def run(base: Session, number: int, only: Collection[str], *, node: str, until: Collection[str] = ()) -> Trial:
    """Run scenarios on a node and return their verdicts.

    Args:
        base: the run that it is a part of.
        number: counts from 1.
        only: ids of the tests.
        node: where their Pods go.
        until: claims whose violation ends it early.
    """
    run_id = f"{base.run_id}-{number}"
    session = replace(
        base,
        run_id=run_id,
        folder=base.folder.with_name(run_id),
        node=node,
        only=tuple(sorted(only)),
        until=tuple(sorted(until)),
    )
    for part in ("evidence", "verdicts"):
        (session.folder / part).mkdir(parents=True, exist_ok=True)
    path = session.save()
    began = time.monotonic()
    with (session.folder / LOG).open("ab") as log:
        code = _waited(path, log.fileno())
    error = "" if code in _FINE else f"the run ended with {code}; see {run_id}/{LOG}"
    try:
        stats = parts.current(session)
        judged = load_judged(session)
    except PodvowError as broken:
        return Trial(run_id, (), time.monotonic() - began, broken.message)
    error = error or stats.lost
    return Trial(run_id, judged, round(time.monotonic() - began, 1), error, tuple(stats.leaks))


def _waited(session: Path, log: int) -> int:
    """Run the process to its end; one that is to end before takes back what it did."""
    argv = [sys.executable, "-m", _MODULE, str(session)]
    # In a session of its own: Ctrl-C comes here, and is passed on once.
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        return child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return _ended(child)
    except BaseException:
        _ended(child)
        raise


def _ended(child: subprocess.Popen[bytes]) -> int:
    child.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(_ENDING_S)
    child.kill()
    return child.wait()


def main(argv: list[str]) -> int:
    """Judge what a session file says; return pytest's exit code."""
    from podvow.run import pytest_main  # noqa: PLC0415 - pytest is not imported by who only starts this process

    session = Session.load(Path(argv[1]))
    watch_parent(os.getppid(), lambda: os.kill(os.getpid(), signal.SIGTERM))
    with runlock.held(session.folder):
        return pytest_main(session, [])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
