"""How long things take on both sides: durations from the same transitions, compared recording by recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from podvow.compare.model import Example, Latency
from podvow.compare.significance import holm, mann_whitney, wilcoxon
from podvow.compare.story import STARTING, PodStory, Story, Transition, Trust

CREATED_START = "Pod created → first container started"
CREATED_READY = "Pod created → Ready"
INIT_NEXT = "init container ended → next start"
AGAIN = "container ended → started again (with its back-off)"
FAULT_START = "fault → next start of a container"
FAULT_READY = "fault → Ready again"
_READY = "condition Ready"
_WIDEST = 3
_FEW = 2
"""Fewer recordings than this say nothing about a kind of latency."""

Key = tuple[str, str, str]
"""Kind of the latency, recording, and which of the recording's durations of that kind."""
Durations = Mapping[Key, float]
"""Seconds."""


def durations(story: Story, recording: str) -> dict[Key, float]:
    """Return the durations of a story in seconds.

    Args:
        story: one timeline.
        recording: its name, the same on both sides.
    """
    found: dict[Key, float] = {}
    faults: dict[tuple[str, str], float] = {}
    for group, pods in story.pods.items():
        for n, pod in enumerate(pods):
            name = f"{group}/{n}"
            for kind, which, seconds in _of_pod(pod):
                found.setdefault((kind, recording, f"{name}/{which}"), seconds)
            for kind, transition in _after_faults(pod):
                key = kind, story.sections[transition.section].cause
                faults[key] = min(faults.get(key, transition.at_s), transition.at_s)
    found.update({(kind, recording, cause): seconds for (kind, cause), seconds in faults.items()})
    return found


def _of_pod(pod: PodStory) -> Iterator[tuple[str, str, float]]:
    starts = [t for lane in _containers(pod) for t in lane if t.what.endswith(" started")]
    if starts:
        yield CREATED_START, "", _between(pod.born, min(starts, key=lambda t: t.at_ns))
    ready = next((t for t in _lane(pod, _READY) if t.what == "True"), None)
    if ready and ready.section == pod.born.section:
        yield CREATED_READY, "", _between(pod.born, ready)
    for one, other in pairwise(_lane(pod, STARTING)):
        if one.what.endswith(" exited 0") and one.section == other.section:
            yield INIT_NEXT, one.shown, _between(one, other)
    for lane in _containers(pod):
        for one, other in pairwise(lane):
            if " exited" in one.what and other.what.endswith(" started"):
                yield AGAIN, other.shown, _between(one, other)


def _after_faults(pod: PodStory) -> Iterator[tuple[str, Transition]]:
    for lane in _containers(pod):
        yield from ((FAULT_START, t) for t in lane if t.section and t.what.endswith(" started"))
    yield from ((FAULT_READY, t) for t in _lane(pod, _READY) if t.section and t.what == "True")


def _containers(pod: PodStory) -> Iterator[Sequence[Transition]]:
    for lane in pod.lanes.values():
        if lane.trust is Trust.WITNESSED and lane.subject not in {STARTING, "sandbox"}:
            yield lane.transitions


def _lane(pod: PodStory, subject: str) -> Sequence[Transition]:
    lane = pod.lanes.get(subject)
    return lane.transitions if lane else ()


def _between(one: Transition, other: Transition) -> float:
    return max(0.0, (other.at_ns - one.at_ns) / 1e9)


def compare_latencies(befores: Sequence[Durations], afters: Sequence[Durations]) -> tuple[Latency, ...]:
    """Compare the durations of both sides.

    Only what every run has is compared, each duration with itself. Durations of one recording hang together, so a
    recording counts once, with the median of its durations; likewise a run, with the median of its recordings.

    Args:
        befores: durations of each run before.
        afters: durations of each run after.
    """
    common = set.intersection(*(set(run) for run in (*befores, *afters)))
    kinds: defaultdict[str, defaultdict[str, list[Key]]] = defaultdict(lambda: defaultdict(list))
    for key in sorted(common):
        kinds[key[0]][key[1]].append(key)
    found = [_compare(kind, keys, befores, afters) for kind, keys in kinds.items() if len(keys) >= _FEW]
    return _corrected(found)


def _compare(
    kind: str, keys: Mapping[str, Sequence[Key]], befores: Sequence[Durations], afters: Sequence[Durations]
) -> Latency:
    ours = [{name: median(run[k] for k in mine) for name, mine in keys.items()} for run in befores]
    theirs = [{name: median(run[k] for k in mine) for name, mine in keys.items()} for run in afters]
    pairs = [Example(name, median(run[name] for run in ours), median(run[name] for run in theirs)) for name in keys]
    shifts = [pair.after_s - pair.before_s for pair in pairs]
    repeated = len(befores) > 1 and len(afters) > 1
    runs = [[median(run.values()) for run in side] for side in (ours, theirs)]
    widest = sorted(pairs, key=lambda pair: -abs(pair.after_s - pair.before_s))[:_WIDEST]
    return Latency(
        name=kind,
        recordings=len(pairs),
        before_runs=len(befores),
        after_runs=len(afters),
        before_s=median(pair.before_s for pair in pairs),
        after_s=median(pair.after_s for pair in pairs),
        shift_s=median(shifts),
        p_recordings=wilcoxon(shifts),
        p_runs=mann_whitney(*runs) if repeated else None,
        widest=tuple(widest),
    )


def _corrected(found: Sequence[Latency]) -> tuple[Latency, ...]:
    recordings = holm([latency.p_recordings for latency in found])
    runs = holm([latency.p_runs for latency in found if latency.p_runs is not None])
    return tuple(
        replace(latency, p_recordings=p, p_runs=runs[n] if runs else None)
        for n, (latency, p) in enumerate(zip(found, recordings, strict=True))
    )
