"""Properties of judging: it does not depend on how evidence arrived, and lost evidence never decides anything."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podvow.expect import STANDING, Fact
from podvow.timeline import Record, Source, Timeline, load, save
from podvow.timeline.record import Kind
from podvow.verdict import Judgement, Outcome
from tests.offline.expect.builder import ALL
from tests.offline.expect.healthy import STORIES, told
from tests.offline.expect.test_expectations import TABLE

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
EXAMPLES = [
    (name, *example) for name, case in TABLE.items() for example in (*case.accept, *case.reject, *case.open)
]
OWN = [(fact, timeline) for name, fact, timeline in EXAMPLES if not fact.standing]


def _judge(fact: Fact, timeline: Timeline) -> Judgement:
    return fact.judge(timeline)


@given(picked=st.sampled_from(EXAMPLES), seed=st.integers(0, 2**32))
@settings(FAST, max_examples=300)
def test_the_order_in_which_records_arrive_decides_nothing(picked: tuple[str, Fact, Timeline], seed: int) -> None:
    _, fact, timeline = picked
    records = list(timeline.records)
    random.Random(seed).shuffle(records)  # noqa: S311 (no secret)
    assert _judge(fact, Timeline(timeline.meta, records)) == _judge(fact, timeline)


def test_saved_evidence_is_judged_alike(tmp_path: Path) -> None:
    distinct = {id(timeline): timeline for _, _, timeline in EXAMPLES}
    loaded = {}
    for number, (key, timeline) in enumerate(distinct.items()):
        path = tmp_path / f"{number}.jsonl"
        save(timeline, path)
        loaded[key] = load(path)
        assert loaded[key] == timeline
    for _, fact, timeline in EXAMPLES:
        assert _judge(fact, loaded[id(timeline)]) == _judge(fact, timeline)


def _holed(timeline: Timeline, sources: frozenset[Source], begin: float, length: float) -> Timeline:
    """Return the timeline with sources blind for a while, as they would say themselves."""
    span = timeline.end_ns - timeline.start_ns
    begin_ns = timeline.start_ns + int(span * begin)
    end_ns = begin_ns + int(span * length)
    kept = [r for r in timeline.records if r.source not in sources or not begin_ns <= r.t_ns <= end_ns]
    last = max((r.seq for r in timeline.records if r.source is Source.HARNESS), default=0)
    data = {"until_ns": end_ns, "reason": "watch expired"}
    gaps = [
        Record(begin_ns, 0, last + n, Source.HARNESS, Kind.GAP, data={"of": str(source), **data})
        for n, source in enumerate(sorted(sources), start=1)
    ]
    return Timeline(timeline.meta, [*kept, *gaps])


HOLES = {
    "sources": st.frozensets(st.sampled_from(ALL), min_size=1),
    "begin": st.floats(0, 1),
    "length": st.floats(0, 1),
}


@given(story=st.sampled_from(sorted(STORIES)), **HOLES)
@settings(FAST, max_examples=300)
def test_a_hole_in_healthy_evidence_raises_no_alarm(
    story: str, sources: frozenset[Source], begin: float, length: float
) -> None:
    holed = _holed(told(story), sources, begin, length)
    alarms = [j for j in (fact.judge(holed) for fact in STANDING) if j.outcome is not Outcome.HOLDS]
    assert not alarms


@given(picked=st.sampled_from(OWN), **HOLES)
@settings(FAST, max_examples=400)
def test_a_hole_never_turns_a_judgement_into_its_opposite(
    picked: tuple[Fact, Timeline], sources: frozenset[Source], begin: float, length: float
) -> None:
    fact, timeline = picked
    before = _judge(fact, timeline).outcome
    after = _judge(fact, _holed(timeline, sources, begin, length))
    assert {before, after.outcome} != {Outcome.HOLDS, Outcome.VIOLATED}, after.detail
    assert "the expectation itself failed" not in after.detail


def _from_logs(timeline: Timeline, early: float) -> Timeline:
    """Return the timeline as a cluster tells it whose nodes cannot be reached: a trace from logs, no runtime."""
    records = [
        replace(r, t_ns=r.t_ns - int(early * 1e9), precision_ns=1_010_000_000) if r.source is Source.TRACE else r
        for r in timeline.records
        if r.source is not Source.RUNTIME
    ]
    sources = tuple(s for s in timeline.meta.sources if s != Source.RUNTIME)
    return Timeline(replace(timeline.meta, sources=sources), records)


@given(picked=st.sampled_from(OWN), early=st.floats(0, 1))
@settings(FAST, max_examples=250)
def test_a_trace_from_logs_never_turns_a_judgement_into_its_opposite(
    picked: tuple[Fact, Timeline], early: float
) -> None:
    fact, timeline = picked
    before = _judge(fact, timeline).outcome
    after = _judge(fact, _from_logs(timeline, early))
    assert {before, after.outcome} != {Outcome.HOLDS, Outcome.VIOLATED}, after.detail
    assert "the expectation itself failed" not in after.detail


@given(story=st.sampled_from(sorted(STORIES)), early=st.floats(0, 1))
@settings(FAST, max_examples=100)
def test_a_trace_from_logs_raises_no_alarm(story: str, early: float) -> None:
    timeline = _from_logs(told(story), early)
    assert [j for j in (fact.judge(timeline) for fact in STANDING) if j.outcome is not Outcome.HOLDS] == []


@given(picked=st.sampled_from(EXAMPLES), cut=st.floats(0, 1))
@settings(FAST, max_examples=300)
def test_judging_cut_evidence_never_fails(picked: tuple[str, Fact, Timeline], cut: float) -> None:
    _, fact, timeline = picked
    records = timeline.records[: int(len(timeline.records) * cut)]
    assert "the expectation itself failed" not in _judge(fact, Timeline(timeline.meta, records)).detail


@pytest.mark.parametrize("story", sorted(STORIES))
@pytest.mark.parametrize("lost", [{source} for source in ALL] + [set(ALL) - {source} for source in ALL])
def test_a_healthy_cluster_raises_no_alarm_whatever_is_connected(story: str, lost: set[Source]) -> None:
    timeline = told(story)
    meta = timeline.meta
    seen = Timeline(
        replace(meta, sources=tuple(s for s in meta.sources if s not in lost)),
        [r for r in timeline.records if r.source not in lost],
    )
    assert [j for j in (f.judge(seen) for f in STANDING) if j.outcome is not Outcome.HOLDS] == []
