"""States of workloads and Services that a scenario waits for. They steer a scenario and judge nothing."""

from __future__ import annotations

from podvow.scenario.conditions import Condition
from podvow.timeline import Timeline
from podvow.timeline.lives import lives
from podvow.timeline.record import Kind


def some_pods(condition: Condition, count: int = 1, *, since_fault: bool = False) -> Condition:
    """That many Pods of the scenario are in a state; with `since_fault`, Pods that are younger than the fault."""

    def met(timeline: Timeline) -> bool:
        begin = timeline.faults[-1].begin.t_ns if since_fault and timeline.faults else 0
        chosen = [life for life in lives(timeline) if life.born_ns >= begin]
        return sum(1 for life in chosen if condition.met(life.view(timeline))) >= count

    return Condition(f"{count} {'new ' if since_fault else ''}Pods: {condition.text}", met)


def object_condition(
    kind: str, condition: str, status: str = "True", reason: str = "", *, since_fault: bool = False
) -> Condition:
    """The last state of a watched object has a condition; with `since_fault`, a state after the fault."""

    def met(timeline: Timeline) -> bool:
        begin = timeline.faults[-1].begin.t_ns if since_fault and timeline.faults else 0
        for record in reversed(timeline.of(Kind.OBJECT, after_ns=begin)):
            if record.data["object"].get("kind") == kind:
                listed = record.data["object"].get("status", {}).get("conditions") or ()
                return any(
                    c["type"] == condition and c["status"] == status and (not reason or c.get("reason") == reason)
                    for c in listed
                )
        return False

    return Condition(f"{kind} {condition}={status} {reason}".strip(), met)


def endpoint(*, ready: bool = True, serving: bool = False, anew: bool = False, pod: str = "") -> Condition:
    """The Pod is listed in an EndpointSlice as (not) ready; with `anew`, in one that came after the last fault.

    With `serving` it must be serving too: one that is published before it is ready is listed as ready at once.
    """

    def met(timeline: Timeline) -> bool:
        begin = timeline.faults[-1].begin.t_ns if anew and timeline.faults else 0
        for record in reversed(timeline.of(Kind.OBJECT, after_ns=begin)):
            for listed in record.data["object"].get("endpoints") or ():
                if (listed.get("targetRef") or {}).get("name") == (pod or timeline.meta.pod):
                    conditions = listed.get("conditions") or {}
                    return bool(conditions.get("ready")) is ready and (
                        not serving or bool(conditions.get("serving"))
                    )
        return False

    return Condition(f"endpoint {'' if ready else 'not '}ready{' anew' if anew else ''}", met)
