"""States that a scenario waits for, read off the growing timeline. They steer a scenario and judge nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podvow.timeline import Run, Snapshot, Source, Timeline
from podvow.timeline.lookup import lookup
from podvow.timeline.record import Kind

_TERMINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Condition:
    """A state to wait for.

    Attributes:
        text: the state in words.
        met: whether the timeline so far shows it.
        hopeless: whether it has become impossible, so that waiting on is useless.
    """

    text: str
    met: Callable[[Timeline], bool]
    hopeless: Callable[[Timeline], bool] = lambda _: False

    def __and__(self, other: Condition) -> Condition:
        return Condition(
            f"{self.text} and {other.text}",
            lambda t: self.met(t) and other.met(t),
            lambda t: self.hopeless(t) or other.hopeless(t),
        )

    def __or__(self, other: Condition) -> Condition:
        return Condition(
            f"{self.text} or {other.text}",
            lambda t: self.met(t) or other.met(t),
            lambda t: self.hopeless(t) and other.hopeless(t),
        )


def _latest(timeline: Timeline, pod: str) -> Snapshot | None:
    shots = timeline.snapshots(pod)
    return shots[-1] if shots else None


def _ended(timeline: Timeline, pod: str) -> bool:
    shot = _latest(timeline, pod)
    return shot is not None and shot.phase in _TERMINAL


def last_ids(timeline: Timeline, pod: str = "", *, index: int = -1) -> dict[str, str]:
    """Return container ids by name in the last snapshot before the index-th fault (default: the last one)."""
    if not timeline.faults:
        return {}
    begin = timeline.faults[index].begin.t_ns
    before = [s for s in timeline.snapshots(pod) if s.t_ns <= begin]
    return {name: before[-1].container_id(name) for name in before[-1].containers} if before else {}


def _is_new(timeline: Timeline, pod: str, container: str) -> bool:
    shot = _latest(timeline, pod)
    current = shot.container_id(container) if shot else ""
    return bool(current) and current != last_ids(timeline, pod).get(container, "")


def running(*containers: str, anew: bool = False, pod: str = "") -> Condition:
    """All the containers are running; with `anew`, with other container ids than before the last fault."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        return shot is not None and all(
            shot.state(c)[0] == "running" and (not anew or _is_new(timeline, pod, c)) for c in containers
        )

    return Condition(
        f"{', '.join(containers)} running{' anew' if anew else ''}", met, lambda t: _ended(t, pod) and not anew
    )


def ready(pod: str = "") -> Condition:
    """The Pod's condition Ready is True."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        return shot is not None and shot.has_condition("Ready")

    return Condition("Pod ready", met, lambda t: _ended(t, pod))


def phase(*phases: str, pod: str = "") -> Condition:
    """The Pod has reached one of the phases."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        return shot is not None and shot.phase in phases

    def hopeless(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        return shot is not None and shot.phase in _TERMINAL and shot.phase not in phases

    return Condition(f"phase {' or '.join(phases)}", met, hopeless)


def waiting(container: str, *reasons: str, pod: str = "") -> Condition:
    """The container waits for one of the reasons."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        state, details = shot.state(container) if shot else ("", {})
        return state == "waiting" and (not reasons or details.get("reason") in reasons)

    return Condition(f"{container} waiting with {' or '.join(reasons)}", met, lambda t: _ended(t, pod))


def terminated(container: str, pod: str = "") -> Condition:
    """The container has ended."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        return shot is not None and shot.state(container)[0] == "terminated"

    return Condition(f"{container} terminated", met)


def ended_as(container: str, reason: str, pod: str = "") -> Condition:
    """The status has shown an end of the container with this reason, of whichever run."""

    def met(timeline: Timeline) -> bool:
        statuses = (shot.containers.get(container, {}) for shot in timeline.snapshots(pod))
        states = (status.get(key) or {} for status in statuses for key in ("state", "lastState"))
        return any((state.get("terminated") or {}).get("reason") == reason for state in states)

    return Condition(f"{container} ended as {reason}", met, lambda t: _ended(t, pod))


def runs(container: str, times: int, pod: str = "") -> Condition:
    """The container has been started that many times, by trace, runtime or status."""
    return Condition(
        f"{container} started {times} times",
        lambda t: sum(1 for r in t.runs(container, pod) if _up(t, r, pod)) >= times,
        lambda t: _ended(t, pod),
    )


def _up(timeline: Timeline, run: Run, pod: str) -> bool:
    """A run that has really begun: every connected witness says so."""
    witnesses = {s for s in (Source.RUNTIME, Source.TRACE) if timeline.has(s)}
    if not timeline.is_traced(run.container, pod):
        witnesses.discard(Source.TRACE)
    return run.start is not None and witnesses <= run.sources


def started(container: str, pod: str = "") -> Condition:
    """The container has been started at least once and its last run has not ended."""

    def met(timeline: Timeline) -> bool:
        all_runs = timeline.runs(container, pod)
        return bool(all_runs) and _up(timeline, all_runs[-1], pod) and all_runs[-1].exit is None

    return Condition(f"{container} started", met, lambda t: _ended(t, pod))


def started_anew(container: str, pod: str = "") -> Condition:
    """The container has been started after the last fault, by trace, runtime or status."""

    def met(timeline: Timeline) -> bool:
        begin = timeline.faults[-1].begin.t_ns if timeline.faults else 0
        return any(
            r.start and r.start.t_ns >= begin and _up(timeline, r, pod) for r in timeline.runs(container, pod)
        )

    return Condition(f"{container} started anew", met)


def exited(container: str, pod: str = "") -> Condition:
    """The last run of the container has ended, by trace or runtime."""

    def met(timeline: Timeline) -> bool:
        all_runs = timeline.runs(container, pod)
        return bool(all_runs) and all_runs[-1].exit is not None

    return Condition(f"{container} exited", met)


def generation_observed(pod: str = "") -> Condition:
    """The kubelet has seen the Pod's latest spec (status.observedGeneration).

    Before 1.34 a kubelet does not say what it has seen: then the stored spec is all that can be waited for.
    """

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        if shot is None or not timeline.faults:
            return False
        before = [s for s in timeline.snapshots(pod) if s.t_ns <= timeline.faults[-1].begin.t_ns]
        old = before[-1].object["metadata"].get("generation", 0) if before else 0
        generation = shot.object["metadata"].get("generation", 0)
        told = shot.status.get("observedGeneration")
        if told is None:
            return bool(generation > old) and not timeline.meta.kubelet_since("1.34")
        return bool(generation > old and int(told) >= generation)

    return Condition("new generation observed by the kubelet", met)


def image_id_changed(container: str, pod: str = "") -> Condition:
    """The container runs another image than before the last fault, by the status."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        if shot is None or not timeline.faults:
            return False
        before = [s for s in timeline.snapshots(pod) if s.t_ns <= timeline.faults[-1].begin.t_ns]
        old = before[-1].containers.get(container, {}).get("imageID") if before else None
        return shot.state(container)[0] == "running" and shot.containers[container].get("imageID") != old

    return Condition(f"{container} running another image", met, lambda t: _ended(t, pod))


def gone(pod: str = "") -> Condition:
    """The Pod object is gone."""
    return Condition("Pod gone", lambda t: bool(t.of(Kind.DELETED, pod=pod or t.meta.pod)))


def rejected() -> Condition:
    """The API server has refused an object of the scenario."""
    return Condition("object rejected", lambda t: bool(t.of(Kind.REJECTED)))


def applied() -> Condition:
    """The API server has taken (or refused) the scenario's objects; nothing more is waited for."""
    return Condition("objects sent", lambda t: bool(t.of(Kind.APPLIED, Kind.REJECTED)))


def pods_running(count: int, *, since_fault: bool = False) -> Condition:
    """That many Pods of the scenario are ready; with `since_fault`, Pods that are younger than the fault."""

    def met(timeline: Timeline) -> bool:
        begin = timeline.faults[-1].begin.t_ns if since_fault and timeline.faults else 0
        found = set()
        for name in {r.pod for r in timeline.of(Kind.SNAPSHOT)}:
            shots = timeline.snapshots(name)
            if shots[0].t_ns >= begin and shots[-1].has_condition("Ready"):
                found.add(name)
        return len(found) >= count

    return Condition(f"{count} {'new ' if since_fault else ''}Pods ready", met)


def pods_renewed(count: int) -> Condition:
    """That many Pods of the scenario run all their apps in other containers than before the last fault."""

    def met(timeline: Timeline) -> bool:
        names = {r.pod for r in timeline.of(Kind.SNAPSHOT)}
        renewed = [
            name
            for name in names
            if all(
                timeline.snapshots(name)[-1].state(app)[0] == "running" and _is_new(timeline, name, app)
                for app in timeline.apps(name)
            )
        ]
        return len(renewed) >= count

    return Condition(f"{count} Pods running anew", met)


def pods_gone(count: int) -> Condition:
    """That many Pods of the scenario are gone."""
    return Condition(f"{count} Pods gone", lambda t: len({r.uid for r in t.of(Kind.DELETED)}) >= count)


def object_shows(kind: str, path: str, value: Any) -> Condition:
    """A watched object of the kind shows a value, e.g. `("ResourceQuota", "status/used/pods", "1")`."""

    def met(timeline: Timeline) -> bool:
        for record in reversed(timeline.of(Kind.OBJECT)):
            if record.data["object"].get("kind") == kind:
                found = record.data["object"]
                for key in path.split("/"):
                    found = found.get(key) if isinstance(found, dict) else None
                return bool(found == value)
        return False

    return Condition(f"{kind} {path} = {value}", met)


def said(container: str, text: str, *, anew: bool = False, pod: str = "") -> Condition:
    """The container has written a line that contains the text; with `anew`, after the last fault."""

    def met(timeline: Timeline) -> bool:
        begin = timeline.faults[-1].begin.t_ns if anew and timeline.faults else 0
        lines = timeline.of(Kind.SAID, pod=pod or timeline.meta.pod, container=container, after_ns=begin)
        return any(text in r.data["text"] for r in lines)

    return Condition(f"{container} said {text!r}{' anew' if anew else ''}", met, lambda t: _ended(t, pod))


def event_told(reason: str, pod: str = "") -> Condition:
    """An Event of this reason was seen about the Pod."""
    return Condition(
        f"event {reason}",
        lambda t: any(r.data["reason"] == reason for r in t.of(Kind.EVENT, pod=pod or t.meta.pod)),
    )


def pod_shows(path: str, *values: Any, pod: str = "") -> Condition:
    """The Pod shows one of the values in a field (see `podvow.timeline.lookup`)."""

    def met(timeline: Timeline) -> bool:
        shot = _latest(timeline, pod)
        return shot is not None and lookup(shot.object, path) in values

    return Condition(f"{path} = {' or '.join(map(str, values))}", met)
