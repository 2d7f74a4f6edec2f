"""Writes everything that comes out of a run into its folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from podvow.quarantine import NONE, Quarantine
from podvow.report import allure, html, junit, results, summary
from podvow.report.gather import gather
from podvow.report.model import ClaimInfo, RunInfo, SeedSentence, Topic
from podvow.verdict import Judged


def write_all(
    folder: Path,
    run: RunInfo,
    judged: Sequence[Judged],
    claims: Sequence[ClaimInfo],
    seed: Sequence[SeedSentence],
    *,
    catalogue: Sequence[Topic] = (),
    quarantine: Quarantine = NONE,
) -> None:
    """Write results.json, summary.md, junit.xml, index.html and allure/.

    Args:
        folder: the run's folder; the evidence files named in the verdicts lie below it.
        run: facts of the run.
        judged: the verdicts.
        claims: the register.
        seed: the seed's sentences with the claims that they became.
        catalogue: the behaviour catalogue.
        quarantine: the list of what is marked.
    """
    report = gather(folder, run, judged, claims, seed, catalogue=catalogue, quarantine=quarantine)
    folder.mkdir(parents=True, exist_ok=True)
    # The machine's file first: a failure in a drawing must not cost the verdicts.
    _put(folder / results.FILE, results.to_json(report))
    _put(folder / "junit.xml", junit.to_junit(report))
    _put(folder / "summary.md", summary.to_markdown(report))
    _put(folder / "index.html", html.to_html(report))
    allure.write(report, folder / "allure")


def _put(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", errors="replace")
    temporary.replace(path)
