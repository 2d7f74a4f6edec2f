"""Standing invariants that the status alone proves: identity, phases, generations, what runs beside what."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from podvow.expect.base import WITNESSES
from podvow.expect.evidence import TERMINAL, at, begin_of, field_of, pods
from podvow.expect.trouble import Trouble
from podvow.timeline import Snapshot, Source, Timeline
from podvow.timeline.record import Kind


def _of_one_uid(timeline: Timeline) -> Iterator[tuple[str, list[Snapshot]]]:
    for pod in pods(timeline):
        by_uid: dict[str, list[Snapshot]] = {}
        for shot in timeline.snapshots(pod):
            by_uid.setdefault(shot.uid, []).append(shot)
        for shots in by_uid.values():
            yield pod, shots


def _names(shot: Snapshot) -> tuple[tuple[str, ...], tuple[str, ...]]:
    spec = shot.object.get("spec") or {}
    return (
        tuple(c["name"] for c in spec.get("initContainers") or ()),
        tuple(c["name"] for c in spec.get("containers") or ()),
    )


def identity_errors(timeline: Timeline) -> Iterator[Trouble]:
    """Yield changes of what never changes while a Pod object lives: node, containers, UID without a deletion.

    Source: Pods are scheduled once in their lifetime (pod-lifecycle#pod-lifetime); containers cannot be added or
    removed (workloads/pods#pod-update-and-replacement).
    """
    for pod, shots in _of_one_uid(timeline):
        node = ""
        for shot in shots:
            now = str((shot.object.get("spec") or {}).get("nodeName") or "")
            if node and now != node:
                yield Trouble(f"{pod}: node {node} → {now or 'none'} at {at(timeline, shot.t_ns)}", shot.t_ns)
            node = node or now
            if _names(shot) != _names(shots[0]):
                yield Trouble(f"{pod}: containers changed at {at(timeline, shot.t_ns)}", shot.t_ns)
    for pod in pods(timeline):
        yield from _uid_errors(timeline, pod)


def _uid_errors(timeline: Timeline, pod: str) -> Iterator[Trouble]:
    shots = timeline.snapshots(pod)
    for one, other in pairwise(shots):
        if one.uid == other.uid or one.record.kind is Kind.DELETED:
            continue
        if timeline.gaps_of(Source.STATUS, after_ns=one.t_ns, until_ns=other.t_ns):
            continue
        when = at(timeline, other.t_ns)
        yield Trouble(f"{pod}: UID {one.uid} → {other.uid} at {when} without a deletion", other.t_ns)


def phase_errors(timeline: Timeline) -> Iterator[Trouble]:
    """Yield phases that follow Succeeded or Failed: those are final (pod-lifecycle#pod-phase)."""
    for pod, shots in _of_one_uid(timeline):
        final = ""
        for shot in shots:
            if final and shot.phase != final:
                yield Trouble(f"{pod}: phase {final} → {shot.phase} at {at(timeline, shot.t_ns)}", shot.t_ns)
            if shot.phase in TERMINAL:
                final = shot.phase


def generation_errors(timeline: Timeline) -> Iterator[Trouble]:
    """Yield generations (of the spec, and observed by the kubelet) that ran backwards (api-concepts)."""
    for pod, shots in _of_one_uid(timeline):
        for what, field in (
            ("generation", "metadata/generation"),
            ("observedGeneration", "status/observedGeneration"),
        ):
            highest = 0
            for shot in shots:
                value = int(field_of(shot, field) or highest)
                if value < highest:
                    yield Trouble(f"{pod}: {what} {highest} → {value} at {at(timeline, shot.t_ns)}", shot.t_ns)
                highest = max(highest, value)


def snapshot_errors(timeline: Timeline) -> Iterator[Trouble]:
    """Yield snapshots with two regular inits running, or an app running in a Pod that says it is not initialised.

    A status may be stale: a container that a witness saw end before the snapshot arrived does not count as running.
    """
    for pod, shots in _of_one_uid(timeline):
        regular = {
            c["name"]
            for c in shots[0].object["spec"].get("initContainers") or ()
            if c.get("restartPolicy") != "Always"
        }
        apps = _names(shots[0])[1]
        initialised = False
        for shot in shots:
            running = [c for c in sorted(regular) if _really_running(timeline, shot, c, pod)]
            if len(running) > 1:
                yield Trouble(f"{pod}: {' and '.join(running)} running at {at(timeline, shot.t_ns)}", shot.t_ns)
            condition = shot.condition("Initialized").get("status")
            initialised = initialised or condition == "True"
            alive = [app for app in apps if _really_running(timeline, shot, app, pod)]
            if alive and condition == "False" and not initialised:
                told = f"{pod}: {alive[0]} running but Initialized=False at {at(timeline, shot.t_ns)}"
                yield Trouble(told, shot.t_ns)


def _really_running(timeline: Timeline, shot: Snapshot, container: str, pod: str) -> bool:
    if shot.state(container)[0] != "running":
        return False
    run = next((r for r in timeline.runs(container, pod) if r.container_id == shot.container_id(container)), None)
    if run is None:
        return True
    ended = run.exit is not None and run.exit.t_ns <= shot.t_ns
    # behind a gap of a witness the container may have ended unseen, and the status may be stale
    return not ended and not timeline.gaps_of(*WITNESSES, after_ns=begin_of(run), until_ns=shot.t_ns)
