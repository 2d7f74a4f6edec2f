"""What a Pod's status published, reduced to words that do not depend on a clock, an id or an address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from podvow.timeline import Snapshot
from podvow.timeline.record import Kind

_GONE = "gone"


def published(snapshots: Iterable[Snapshot]) -> Mapping[str, list[tuple[str, int]]]:
    """Return what a Pod's status said, one list for each thing that it speaks about.

    The kubelet merges states, so a state that is missing here may have been there all the same.

    Args:
        snapshots: of one Pod, in order.

    Returns:
        By subject: the states, equal neighbours once, each with its arrival in nanoseconds since the epoch.
    """
    told: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for snapshot in snapshots:
        for subject, state in _states(snapshot):
            if (told[subject][-1][0] if told[subject] else "") != state:
                told[subject].append((state, snapshot.t_ns))
    return {subject: states for subject, states in told.items() if states}


def _states(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    if snapshot.record.kind is Kind.DELETED:
        yield "phase", _GONE
        return
    yield "phase", " ".join(part for part in (snapshot.phase, str(snapshot.status.get("reason") or "")) if part)
    for condition in snapshot.status.get("conditions") or ():
        yield f"condition {condition['type']}", str(condition.get("status", ""))
    for name, raw in snapshot.containers.items():
        state, details = snapshot.state(name)
        words = (state, details.get("reason"), details.get("exitCode"))
        yield f"status of {name}", " ".join(str(w) for w in words if w not in {None, ""})
        if count := int(raw.get("restartCount") or 0):
            yield f"restartCount of {name}", str(count)
