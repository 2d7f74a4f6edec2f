"""How fast the cluster was at the time of a timeline, whatever the timeline is about."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from podvow.timeline.record import Kind
from podvow.timeline.timeline import Timeline

_SANDBOX_S, _HANDOVER_S, _RUNTIME_S = 3.0, 2.0, 1.0
"""How long a cluster that is not busy needs, at most."""
_CREATED = "Created"


def first_start_s(timeline: Timeline) -> float | None:
    """Return how long the first Pod of a scenario waited for its first sandbox, in seconds (None: not told)."""
    sent = [r for r in timeline.of(Kind.APPLIED) if r.data["object"].get("kind") == "Pod"]
    up = timeline.of(Kind.SANDBOX_STARTED)
    return max(0.0, (up[0].t_ns - sent[0].t_ns) / 1e9) if sent and up else None


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


def handover_s(timeline: Timeline) -> float:
    """Return the longest time from the end of an init container to the start of the next one, in seconds.

    Of the main Pod's first initialisation, as far as nothing disturbed it; 0 when none was seen.
    """
    until_ns = _undisturbed_until_ns(timeline)
    longest_ns = 0
    for one, other in pairwise(timeline.inits()):
        starts = [run.start.t_ns for run in timeline.runs(other) if run.start and run.start.t_ns <= until_ns]
        ends = [run.exit for run in timeline.runs(one) if run.exit and starts and run.exit.t_ns <= starts[0]]
        if ends:
            longest_ns = max(longest_ns, starts[0] - ends[-1].t_ns - ends[-1].precision_ns)
    return longest_ns / 1e9


def runtime_s(timeline: Timeline) -> float:
    """Return the longest time that the runtime needed for what no kubelet has a part in, in seconds.

    From "Created", which the kubelet says when a container is there (startContainer in
    pkg/kubelet/kuberuntime/kuberuntime_container.go), to the first line of its process, and from the last line of
    the run before to the runtime's word of its end. Both lie between two runs, whatever the back-off,
    so they are added up. Of the main Pod, as far as nothing disturbed it; 0 when none was seen.
    """
    if _something_failed(timeline):
        return 0.0
    pod = timeline.meta.pod
    told_ns = {str(r.data["id"]): r.t_ns for r in timeline.of(Kind.CONTAINER_EXITED, pod=pod)}
    return max((_runtime_ns(timeline, each, told_ns) for each in timeline.containers()), default=0) / 1e9


def _runtime_ns(timeline: Timeline, container: str, told_ns: Mapping[str, int]) -> int:
    """Return the longest time of one container; `told_ns` is when the runtime told of an end, by its id."""
    until_ns = _undisturbed_until_ns(timeline)
    created_ns = [
        event.t_ns + event.precision_ns
        for event in timeline.of(Kind.EVENT, pod=timeline.meta.pod, container=container)
        if event.data.get("reason") == _CREATED
    ]
    longest_ns, ended_ns, telling_ns = 0, timeline.start_ns, 0
    for run in timeline.runs(container):
        if run.first_line and run.first_line.t_ns < until_ns:
            started_ns = run.first_line.t_ns
            before = [t_ns for t_ns in created_ns if ended_ns < t_ns <= started_ns]
            starting_ns = started_ns - before[-1] if before else 0
            longest_ns = max(longest_ns, telling_ns + starting_ns)
        telling_ns = 0
        if run.last_line and run.last_line.t_ns < until_ns:
            ended_ns = run.last_line.t_ns
            telling_ns = max(0, told_ns.get(run.container_id, ended_ns) - ended_ns)
            longest_ns = max(longest_ns, telling_ns)
    return longest_ns


def late_s(timeline: Timeline) -> float:
    """Return by how much the cluster was later than usual with what every Pod needs, in seconds (0: not at all)."""
    return max(
        0.0,
        (first_start_s(timeline) or 0.0) - _SANDBOX_S,
        handover_s(timeline) - _HANDOVER_S,
        runtime_s(timeline) - _RUNTIME_S,
    )


def _undisturbed_until_ns(timeline: Timeline) -> int:
    """Return when the first fault began: what comes later may be its effect."""
    return timeline.faults[0].begin.t_ns if timeline.faults else timeline.end_ns


def _something_failed(timeline: Timeline) -> bool:
    """Tell whether the main Pod had to wait for something else, as its events say."""
    told = timeline.of(Kind.EVENT, pod=timeline.meta.pod)
    return any(str(event.data.get("reason", "")).startswith("Failed") for event in told)
