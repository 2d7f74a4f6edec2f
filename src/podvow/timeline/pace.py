"""How fast the cluster was at the time of a timeline, whatever the timeline is about."""

from __future__ import annotations

from podvow.timeline.record import Kind
from podvow.timeline.timeline import Timeline


def first_start_s(timeline: Timeline) -> float | None:
    """Return how long the first Pod of a scenario waited for its first sandbox, in seconds (None: not told)."""
    sent = [r for r in timeline.of(Kind.APPLIED) if r.data["object"].get("kind") == "Pod"]
    up = timeline.of(Kind.SANDBOX_STARTED)
    return max(0.0, (up[0].t_ns - sent[0].t_ns) / 1e9) if sent and up else None
