"""`podvow replay`: stored evidence is judged again with today's expectations; needs no cluster."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from podvow.claims import load_register
from podvow.errors import ExitCode, UsageError
from podvow.paths import SUITES
from podvow.run import exit_code, pytest_main
from podvow.session import Session, load_judged, new_session
from podvow.timeline import load
from podvow.timeline.record import Kind
from podvow.timeline.store import CUT_OFF
from podvow.verdict import shown


def replay(files: Sequence[Path]) -> ExitCode:
    """Judge stored evidence again with today's expectations; needs no cluster.

    Args:
        files: evidence files, or folders with such files.

    Raises:
        UsageError: a file is no evidence, or no test judges it.
    """
    paths = [p for f in files for p in (sorted(f.glob("*.jsonl")) if f.is_dir() else [f])]
    if not paths:
        raise UsageError("no evidence files given", hint="podvow replay reports/latest/evidence")
    stored: dict[str, str] = {}
    for path in paths:
        timeline = load(path, whole=False)
        scenario = timeline.meta.scenario
        for lost in timeline.of(Kind.LOST):
            if lost.data["reason"].startswith(CUT_OFF):
                sys.stderr.write(f"{path}: {lost.data['reason']}; its verdicts stay open\n")
        if scenario in stored:
            raise UsageError(
                f"{stored[scenario]} and {path} are both evidence of {scenario}", hint="replay one run at a time"
            )
        stored[scenario] = str(path.resolve())
    session = new_session(replay=stored)
    try:
        return _judge_again(session, sorted(stored))
    finally:
        shutil.rmtree(session.folder)


def _judge_again(session: Session, stored: Sequence[str]) -> ExitCode:
    code = pytest_main(session, [])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise UsageError(f"no test judges {', '.join(stored)}", hint="the suites have changed since")
    if code == pytest.ExitCode.USAGE_ERROR:
        return ExitCode.USAGE
    judged = load_judged(session)
    register = load_register(SUITES / "claims.yaml")
    for result in judged:
        gating = any(register.claim(c).gating for c in result.claims)
        word = shown(result.verdict, gating=gating, known=result.known)
        sys.stdout.write(f"{word:14} {result.scenario}\n")
        for finding in result.findings:
            sys.stdout.write(f"{'':14}   {finding.kind}: {finding.text}\n")
    return exit_code(judged, register, leaks=[])
