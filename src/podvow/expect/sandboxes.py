"""Facts about the sandboxes that the runs of a container were in."""

from __future__ import annotations

from podvow.expect.base import Fact, Found, holds, inconclusive, violated
from podvow.expect.evidence import Stretch, at, begin_of, blind, runs_in, stretch_of
from podvow.timeline import Source, Timeline


def _judge(timeline: Timeline, stretch: Stretch, container: str, pod: str, *, each_own: bool) -> Found:
    runs = runs_in(timeline, stretch, container, pod)
    if not timeline.has(Source.RUNTIME) or any(not run.sandbox_id for run in runs):
        return inconclusive(f"not every run of {container} was seen by the runtime source")
    seen: dict[str, str] = {}
    for run in runs:
        again = run.sandbox_id in seen
        if seen and again is each_own:
            where = f"the sandbox of {seen[run.sandbox_id]}" if again else "another sandbox"
            return violated(f"{run.label} ran in {where} at {at(timeline, begin_of(run))}", begin_of(run))
        seen.setdefault(run.sandbox_id, run.label)
    if reason := blind(timeline, stretch, container, pod):
        return inconclusive(reason)
    return holds(f"{len(runs)} runs") if len(runs) > 1 else inconclusive(f"{len(runs)} run of {container} only")


def each_run_in_new_sandbox(container: str, *, pod: str = "") -> Fact:
    """No two runs of the container were in the same sandbox; there were at least two."""
    return Fact(
        f"each run of {container} in a sandbox of its own",
        "each_run_in_new_sandbox",
        lambda timeline: _judge(timeline, stretch_of(timeline, None), container, pod, each_own=True),
    )


def all_runs_in_one_sandbox(container: str, *, pod: str = "") -> Fact:
    """All runs of the container were in one sandbox; there were at least two."""
    return Fact(
        f"all runs of {container} in one sandbox",
        "all_runs_in_one_sandbox",
        lambda timeline: _judge(timeline, stretch_of(timeline, None), container, pod, each_own=False),
    )
