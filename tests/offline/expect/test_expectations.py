"""Every expectation accepts what it should, rejects what it should, and admits what it cannot tell."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

import podvow.expect
from podvow.expect import STANDING, Fact
from podvow.timeline import Timeline
from podvow.verdict import Outcome
from tests.offline.expect.table import Cases, coverage_table

TABLE: Cases = {
    name: case
    for module in sorted(Path(__file__).parent.glob("cases_*.py"))
    for name, case in importlib.import_module(f"tests.offline.expect.{module.stem}").CASES.items()
}


def _examples(kind: str) -> list[object]:
    return [
        pytest.param(fact, timeline, id=f"{name}-{number}")
        for name, case in TABLE.items()
        for number, (fact, timeline) in enumerate(getattr(case, kind), start=1)
    ]


@pytest.mark.parametrize(("fact", "timeline"), _examples("accept"))
def test_it_accepts(fact: Fact, timeline: Timeline) -> None:
    judged = fact.judge(timeline)
    assert judged.outcome is Outcome.HOLDS, f"{judged.text}: {judged.detail}"


@pytest.mark.parametrize(("fact", "timeline"), _examples("reject"))
def test_it_rejects(fact: Fact, timeline: Timeline) -> None:
    judged = fact.judge(timeline)
    assert judged.outcome is Outcome.VIOLATED, f"{judged.text}: {judged.detail}"
    assert judged.detail


@pytest.mark.parametrize(("fact", "timeline"), _examples("open"))
def test_it_leaves_open(fact: Fact, timeline: Timeline) -> None:
    judged = fact.judge(timeline)
    assert judged.outcome is Outcome.INCONCLUSIVE, f"{judged.text}: {judged.detail}"
    assert judged.detail
    assert "the expectation itself failed" not in judged.detail


def _public() -> set[str]:
    """Return the names of the public functions that make facts."""
    return {
        name
        for name, made in inspect.getmembers(podvow.expect, inspect.isfunction)
        if name in podvow.expect.__all__ and inspect.signature(made).return_annotation == "Fact"
    }


def test_no_expectation_is_without_an_accepting_and_a_rejecting_timeline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    standing = {fact.name for fact in STANDING}
    with capsys.disabled():
        print(f"\n{coverage_table(TABLE, standing)}")  # noqa: T201 (the table is for people)
    lacking = {
        name: kind
        for name in _public() | standing
        for kind in ("accept", "reject", *(() if name in standing else ("open",)))
        if name not in TABLE or not getattr(TABLE[name], kind)
    }
    assert not lacking
    assert set(TABLE) == _public() | standing
    for name, case in TABLE.items():
        assert {fact.name for fact, _ in (*case.accept, *case.reject, *case.open)} == {name}
