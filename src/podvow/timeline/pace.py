"""How fast the cluster was at the time of a timeline, whatever the timeline is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from podvow.timeline.record import Kind
from podvow.timeline.timeline import Timeline

_SANDBOX_S, _HANDOVER_S, _RUNTIME_S = 3.0, 2.0, 1.0
"""How long a cluster that is not busy needs, at most."""
_CREATED = "Created"


def first_start_s(timeline: Timeline) -> float | None:
    """Return how long the first Pod of a scenario waited for its first sandbox, in seconds (None: not told)."""
    return next((wait.took_ns / 1e9 for wait in _first_start(timeline)), None)


def node_late_s(timeline: Timeline) -> float:
    """Return by how much the node was later than usual with the main Pod's first sandbox, in seconds.

    Counted from when the Pod was shown on its node; 0 where it had to wait for something else, or nothing is told.
    """
    pod = timeline.meta.pod
    placed = [shot.t_ns for shot in timeline.snapshots() if shot.object["spec"].get("nodeName")]
    up = timeline.of(Kind.SANDBOX_STARTED, pod=pod)
    if not placed or not up or _something_failed(timeline):
        return 0.0
    return max(0.0, (up[0].t_ns - placed[0]) / 1e9 - _SANDBOX_S)


def late_s(timeline: Timeline, *, since_ns: int | None = None, until_ns: int | None = None) -> float:
    """Return by how much the cluster was later than usual with what every Pod needs, in seconds (0: not at all).

    That is the first sandbox, the change from one init container to the next, and what no kubelet has a part in
    between two runs: from "Created", which it says when a container is there (startContainer in
    pkg/kubelet/kuberuntime/kuberuntime_container.go), to the first line of its process, and from the last line of
    the run before to the runtime's word of its end. The latter two of the main Pod, as far as nothing disturbed it.

    Args:
        timeline: what was seen.
        since_ns: leave out what was over before.
        until_ns: leave out what began later.
    """
    begin_ns = timeline.start_ns if since_ns is None else since_ns
    end_ns = timeline.end_ns if until_ns is None else until_ns
    waits = (*_first_start(timeline), *_handovers(timeline), *_runtime(timeline))
    return max((wait.late_s for wait in waits if wait.begin_ns <= end_ns and wait.end_ns >= begin_ns), default=0.0)


@dataclass(frozen=True)
class _Wait:
    """A stretch of time in which the cluster did something that every Pod needs.

    Attributes:
        begin_ns: when it began.
        end_ns: when it was over.
        took_ns: how much of it counts.
        usual_s: how long a cluster that is not busy needs, at most.
    """

    begin_ns: int
    end_ns: int
    took_ns: int
    usual_s: float

    @property
    def late_s(self) -> float:
        return max(0.0, self.took_ns / 1e9 - self.usual_s)


def _first_start(timeline: Timeline) -> Iterator[_Wait]:
    """Tell of the first sandbox of the first Pod."""
    sent = [r.t_ns for r in timeline.of(Kind.APPLIED) if r.data["object"].get("kind") == "Pod"]
    up = [r.t_ns for r in timeline.of(Kind.SANDBOX_STARTED)]
    if sent and up:
        yield _Wait(sent[0], up[0], max(0, up[0] - sent[0]), _SANDBOX_S)


def _handovers(timeline: Timeline) -> Iterator[_Wait]:
    """Tell of the changes from one init container to the next in the first initialisation."""
    until_ns = _undisturbed_until_ns(timeline)
    for one, other in pairwise(timeline.inits()):
        starts = [run.start.t_ns for run in timeline.runs(other) if run.start and run.start.t_ns <= until_ns]
        ends = [run.exit for run in timeline.runs(one) if run.exit and starts and run.exit.t_ns <= starts[0]]
        if ends:
            ended_ns = ends[-1].t_ns + ends[-1].precision_ns
            yield _Wait(ended_ns, starts[0], starts[0] - ended_ns, _HANDOVER_S)


def _runtime(timeline: Timeline) -> Iterator[_Wait]:
    """Tell of what the runtime did between two runs, container by container, unless something failed."""
    if _something_failed(timeline):
        return
    told_ns = {str(r.data["id"]): r.t_ns for r in timeline.of(Kind.CONTAINER_EXITED, pod=timeline.meta.pod)}
    for container in timeline.containers():
        yield from _runtime_of(timeline, container, told_ns)


def _runtime_of(timeline: Timeline, container: str, told_ns: Mapping[str, int]) -> Iterator[_Wait]:
    """Tell of the runtime's part in one container; `told_ns` is when it told of an end, by its id."""
    until_ns = _undisturbed_until_ns(timeline)
    created_ns = [
        event.t_ns + event.precision_ns
        for event in timeline.of(Kind.EVENT, pod=timeline.meta.pod, container=container)
        if event.data.get("reason") == _CREATED
    ]
    ended_ns, telling_ns = timeline.start_ns, 0
    for run in timeline.runs(container):
        if run.first_line and run.first_line.t_ns < until_ns:
            started_ns = run.first_line.t_ns
            before = [t_ns for t_ns in created_ns if ended_ns < t_ns <= started_ns]
            starting_ns = started_ns - before[-1] if before else 0
            # Whatever the back-off, both lie between two runs: they are added up.
            begin_ns = ended_ns if telling_ns else started_ns - starting_ns
            yield _Wait(begin_ns, started_ns, telling_ns + starting_ns, _RUNTIME_S)
        telling_ns = 0
        if run.last_line and run.last_line.t_ns < until_ns:
            ended_ns = run.last_line.t_ns
            telling_ns = max(0, told_ns.get(run.container_id, ended_ns) - ended_ns)
            yield _Wait(ended_ns, ended_ns + telling_ns, telling_ns, _RUNTIME_S)


def _undisturbed_until_ns(timeline: Timeline) -> int:
    """Return when the first fault began: what comes later may be its effect."""
    return timeline.faults[0].begin.t_ns if timeline.faults else timeline.end_ns


def _something_failed(timeline: Timeline) -> bool:
    """Tell whether the main Pod had to wait for something else, as its events say."""
    told = timeline.of(Kind.EVENT, pod=timeline.meta.pod)
    return any(str(event.data.get("reason", "")).startswith("Failed") for event in told)
