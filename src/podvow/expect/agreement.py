"""Standing invariant: the sources agree. A disagreement is a finding of its own, whoever is wrong.

Not every difference is one. A container that is killed or fails before the script's first line has no trace; one
that lives for an instant can be gone before the node stream has read who it is; one that never started has an id
in the status but no life in the runtime.
"""

from __future__ import annotations

from collections.abc import Iterator

from podvow.expect.evidence import at, begin_of, pods
from podvow.expect.trouble import Trouble
from podvow.timeline import Run, Source, Timeline
from podvow.timeline.record import Kind

_SHORT_S = 2.0
_SETTLED_S = 10.0
_START_ERRORS = frozenset({"StartError", "ContainerCannotRun", "ContainerStatusUnknown"})


def disagreements(timeline: Timeline) -> Iterator[Trouble]:
    """Yield runs that one witness saw and another must have seen, and container ids that the runtime never had."""
    if not timeline.has(Source.RUNTIME) or timeline.gaps_of(Source.RUNTIME):
        return
    for pod in pods(timeline):
        uids = {r.uid for r in timeline.of(pod=pod) if r.source is Source.RUNTIME}
        yield from _unknown_ids(timeline, pod, uids)
        if timeline.has(Source.TRACE) and not timeline.gaps_of(Source.TRACE):
            traced = {r.uid for r in timeline.of(Kind.STARTED, pod=pod)}
            yield from _one_sided(timeline, pod, uids & traced)


def _lasted_s(timeline: Timeline, run: Run) -> float:
    """Return how long a run is known to have lasted; short of the end of the evidence when it goes on."""
    if run.start is None:
        return 0.0
    if run.exit is None:
        return (timeline.end_ns - run.start.t_ns) / 1e9 - _SETTLED_S
    return (run.exit.t_ns - run.start.t_ns - run.start.precision_ns) / 1e9


def _one_sided(timeline: Timeline, pod: str, uids: set[str]) -> Iterator[Trouble]:
    for container in (*timeline.inits(pod), *timeline.sidecars(pod), *timeline.apps(pod)):
        if not timeline.is_traced(container, pod):
            continue
        for run in timeline.runs(container, pod):
            if run.uid not in uids or _lasted_s(timeline, run) < _SHORT_S:
                continue
            when = at(timeline, begin_of(run))
            if Source.TRACE in run.sources and Source.RUNTIME not in run.sources:
                yield Trouble(f"{run.label} at {when} is in the trace, the runtime never saw it", begin_of(run))
            elif Source.RUNTIME in run.sources and Source.TRACE not in run.sources and run.code in {0, None}:
                yield Trouble(f"the runtime ran {run.label} at {when}, its trace is silent", begin_of(run))


def _unknown_ids(timeline: Timeline, pod: str, uids: set[str]) -> Iterator[Trouble]:
    known = {str(r.data.get("id", "")) for r in timeline.of(pod=pod) if r.source is Source.RUNTIME}
    first_shown: dict[str, tuple[str, int]] = {}
    reported: set[str] = set()
    for shot in timeline.snapshots(pod):
        if shot.uid not in uids:
            continue
        for container in shot.containers:
            cid = shot.container_id(container)
            state, details = shot.state(container)
            if not cid or cid in known or cid in reported or details.get("reason") in _START_ERRORS:
                continue
            if state == "running":
                _, since = first_shown.setdefault(cid, (container, shot.t_ns))
                if (shot.t_ns - since) / 1e9 >= _SHORT_S:
                    reported.add(cid)
                    when = at(timeline, since)
                    yield Trouble(
                        f"the status names container {cid[:12]} of {container} at {when}, the runtime never had it",
                        since,
                    )
