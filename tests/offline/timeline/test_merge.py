from __future__ import annotations

import random
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.timeline import Record, Source
from podvow.timeline.merge import merge
from podvow.timeline.record import Kind

FAST = settings(max_examples=60, deadline=None, derandomize=True)


def _lane(record: Record) -> tuple[Source, str]:
    """What counts its records in one order: each Pod's trace is a file of its own."""
    return record.source, record.uid if record.source is Source.TRACE else ""


@st.composite
def many(draw: st.DrawFn) -> list[Record]:
    """Records of all sources whose stamps jump about; `seq` rises in every lane, with holes."""
    seqs: dict[tuple[Source, str], int] = defaultdict(int)
    records = []
    for source, uid, t_ns, step in draw(
        st.lists(
            st.tuples(
                st.sampled_from(Source), st.sampled_from(("", "a", "b")), st.integers(0, 50), st.integers(1, 3)
            ),
            max_size=40,
        )
    ):
        bare = Record(t_ns, 0, 0, source, Kind.SAID, uid=uid)
        seqs[_lane(bare)] += step
        records.append(Record(t_ns, 0, seqs[_lane(bare)], source, Kind.SAID, uid=uid))
    return records


@given(many())
@FAST
def test_nothing_is_lost_and_nothing_told_twice(records: list[Record]) -> None:
    assert sorted(map(id, merge(records))) == sorted(map(id, records))


@given(many())
@FAST
def test_every_source_keeps_its_own_order(records: list[Record]) -> None:
    seen: dict[tuple[Source, str], int] = defaultdict(int)
    for record in merge(records):
        assert record.seq > seen[_lane(record)]
        seen[_lane(record)] = record.seq


@given(many(), st.integers(0, 2**32))
@FAST
def test_the_order_of_the_input_decides_nothing(records: list[Record], seed: int) -> None:
    shuffled = list(records)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 (no secret)
    assert merge(shuffled) == merge(records)


@given(many())
@FAST
def test_merging_again_changes_nothing(records: list[Record]) -> None:
    once = merge(records)
    assert merge(once) == once


@given(many())
@FAST
def test_between_sources_time_decides_as_far_as_each_clock_has_come(records: list[Record]) -> None:
    latest: dict[tuple[Source, str], int] = defaultdict(int)
    told = []
    for record in merge(records):
        latest[_lane(record)] = max(latest[_lane(record)], record.t_ns)
        told.append(latest[_lane(record)])
    assert told == sorted(told)


def test_at_the_same_moment_the_harness_comes_first_then_the_better_witness() -> None:
    order = (Source.HARNESS, Source.TRACE, Source.RUNTIME, Source.STATUS, Source.EVENTS)
    records = [Record(5, 0, 1, source, Kind.SAID) for source in reversed(order)]
    assert tuple(r.source for r in merge(records)) == order
