"""The single Pods of a timeline: a workload's Pods have names that nobody knew before, and names are used again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from podvow.timeline.record import Kind
from podvow.timeline.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Life:
    """One Pod under one UID.

    Attributes:
        pod: its name.
        uid: its UID.
        born_ns: when the watch first showed it, nanoseconds since the epoch.
    """

    pod: str
    uid: str
    born_ns: int

    def view(self, timeline: Timeline) -> Timeline:
        """Return the timeline as if this Pod were the one that it is about, without others of its name."""
        mine = Timeline.__new__(Timeline)
        mine.meta = replace(timeline.meta, pod=self.pod)
        # the order of merged records is kept: there is nothing to merge anew
        mine.records = tuple(r for r in timeline.records if r.pod != self.pod or r.uid in {self.uid, ""})
        return mine


def lives(timeline: Timeline) -> Iterator[Life]:
    """Yield the Pods that the status showed, in the order of their first snapshots."""
    seen: set[tuple[str, str]] = set()
    for record in timeline.of(Kind.SNAPSHOT, Kind.DELETED):
        if record.pod and (record.pod, record.uid) not in seen:
            seen.add((record.pod, record.uid))
            yield Life(record.pod, record.uid, record.t_ns)
