"""Brings the records of several sources into one order without reordering any source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from podvow.timeline.record import Record, Source

_RANK = {source: rank for rank, source in enumerate((Source.HARNESS, *tuple(Source)[:-1]))}


def merge(records: Iterable[Record]) -> tuple[Record, ...]:
    """Order records by time, keeping every source's own order.

    A source's stamps may run backwards (a coarse or stepped clock): then the later record takes the place of the
    latest stamp before it, because the order in which one source spoke is a fact and its stamps are a reading.

    Args:
        records: records of any sources, in any order.

    Returns:
        All of them, once each; for two records of one source and Pod, by `seq`.
    """
    lanes: defaultdict[tuple[Source, str], list[Record]] = defaultdict(list)
    for record in records:
        lanes[record.source, record.uid if record.source is Source.TRACE else ""].append(record)
    keyed: list[tuple[int, int, int, str, Record]] = []
    for (source, _), lane in lanes.items():
        latest = 0
        for record in sorted(lane, key=lambda r: r.seq):
            latest = max(latest, record.t_ns)
            keyed.append((latest, _RANK[source], record.seq, record.uid, record))
    keyed.sort(key=lambda item: item[:4])
    return tuple(record for *_, record in keyed)
