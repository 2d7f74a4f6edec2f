"""How fast the cluster was at the time of a timeline, whatever the timeline is about."""

from __future__ import annotations

from itertools import pairwise

from podvow.timeline.record import Kind
from podvow.timeline.timeline import Timeline

_SANDBOX_S, _HANDOVER_S = 3.0, 2.0
"""How long a cluster that is not busy needs, at most."""


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
    told = [str(event.data.get("reason", "")) for event in timeline.of(Kind.EVENT, pod=pod)]
    if not placed or not up or any(reason.startswith("Failed") for reason in told):
        return 0.0
    return max(0.0, (up[0].t_ns - placed[0]) / 1e9 - _SANDBOX_S)


def handover_s(timeline: Timeline) -> float:
    """Return the longest time from the end of an init container to the start of the next one, in seconds.

    Of the main Pod's first initialisation, as far as nothing disturbed it; 0 when none was seen.
    """
    first_fault_ns = timeline.faults[0].begin.t_ns if timeline.faults else timeline.end_ns
    longest_ns = 0
    for one, other in pairwise(timeline.inits()):
        starts = [run.start.t_ns for run in timeline.runs(other) if run.start and run.start.t_ns <= first_fault_ns]
        ends = [run.exit for run in timeline.runs(one) if run.exit and starts and run.exit.t_ns <= starts[0]]
        if ends:
            longest_ns = max(longest_ns, starts[0] - ends[-1].t_ns - ends[-1].precision_ns)
    return longest_ns / 1e9


def late_s(timeline: Timeline) -> float:
    """Return by how much the cluster was later than usual with what every Pod needs, in seconds (0: not at all)."""
    return max(0.0, (first_start_s(timeline) or 0.0) - _SANDBOX_S, handover_s(timeline) - _HANDOVER_S)
