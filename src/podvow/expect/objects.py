"""Facts about other objects: refusals of the API server, quotas, the Pods of a workload.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#differences-from-regular-containers,
#resource-sharing-within-containers and https://kubernetes.io/docs/concepts/workloads/controllers/deployment/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podvow.expect.base import FAULT, WITNESSES, After, Fact, Found, holds, inconclusive, violated, words, worst
from podvow.expect.evidence import Stretch, at, begin_of, blind, gap_in, pods, runs_in, stretch_of, unseen
from podvow.expect.order import judge_order
from podvow.expect.quantity import quantity
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind, Record


def _causes(body: Mapping[str, Any]) -> list[str]:
    details = body.get("details") or {}
    return sorted(f"{c.get('field', '')}: {c.get('message', '')}" for c in details.get("causes") or ())


def rejected_with(status: int, *cause_texts: str) -> Fact:
    """The API server refused an object with this status and exactly these causes (`field: message`).

    A refusal without causes (403 of an admission plugin) must name every text in its message.
    """

    def find(timeline: Timeline) -> Found:
        records = timeline.of(Kind.REJECTED)
        if not records:
            taken = timeline.of(Kind.APPLIED)
            return violated("not refused", *(r.t_ns for r in taken)) if taken else inconclusive("nothing was sent")
        record = records[0]
        body = record.data.get("body") or {}
        causes = _causes(body)
        message = str(body.get("message", ""))
        if int(record.data.get("status", 0)) != status:
            return violated(f"refused with {record.data.get('status')}: {message}", record.t_ns)
        if causes and cause_texts:
            if causes != sorted(cause_texts):
                return violated(f"causes: {'; '.join(causes)}", record.t_ns)
        elif any(text not in message for text in cause_texts):
            return violated(f"refused: {message}", record.t_ns)
        return holds("; ".join(causes) or message, record.t_ns)

    return Fact(f"rejected with {status}: {'; '.join(cause_texts)}".rstrip(": "), "rejected_with", find)


def accepted() -> Fact:
    """The API server took every object of the scenario."""

    def find(timeline: Timeline) -> Found:
        for record in timeline.of(Kind.REJECTED):
            message = (record.data.get("body") or {}).get("message", "")
            return violated(f"refused with {record.data.get('status')}: {message}", record.t_ns)
        return holds() if timeline.of(Kind.APPLIED) else inconclusive("nothing was sent")

    return Fact("accepted by the API server", "accepted", find)


def _objects(timeline: Timeline, kind: str, stretch: Stretch) -> list[Record]:
    return [r for r in timeline.of(Kind.OBJECT) if r.data["object"].get("kind") == kind and r.t_ns in stretch]


def quota_used(resource: str, amount: str, *, after: After | None = None) -> Fact:
    """The most that a ResourceQuota showed as used was exactly this.

    Source: the effective init request is the highest of all inits', a Pod's effective request the higher of the
    sum over apps and the effective init request; "quota and limits are applied based on the effective Pod request".
    A request that is refused because the object exists is charged until the quota controller counts anew.
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        used = [
            (quantity(value), record)
            for record in _objects(timeline, "ResourceQuota", stretch)
            if (value := ((record.data["object"].get("status") or {}).get("used") or {}).get(resource)) is not None
        ]
        if not used:
            return inconclusive(f"no ResourceQuota showed {resource}")
        most, record = max(used, key=lambda item: item[0])
        told = record.data["object"]["status"]["used"][resource]
        if most > quantity(amount):
            if again := [r for r in timeline.of(Kind.APPLIED) if r.data.get("asked_again")]:
                name = again[0].data["object"]["metadata"].get("name")
                return inconclusive(f"used {told}, but {name} was asked for again, and each time is charged")
            return violated(f"used {told}", record.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if most < quantity(amount):
            return violated(f"used {told}", record.t_ns)
        return holds(f"{told} at {at(timeline, record.t_ns)}", record.t_ns)

    return Fact(f"quota used {resource} = {amount}{words(after)}", "quota_used", find)


def object_count(kind: str, count: int, *, after: After | None = None) -> Fact:
    """That many different objects of a watched kind were seen."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        seen = {r.data["object"]["metadata"].get("uid", "") for r in _objects(timeline, kind, stretch)}
        if len(seen) > count:
            return violated(f"{len(seen)} seen")
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        return holds() if len(seen) == count else violated(f"{len(seen)} seen")

    return Fact(f"{count} objects of kind {kind}{words(after)}", "object_count", find)


def object_showed(kind: str, path: str, value: Any, *, after: After | None = None) -> Fact:
    """A watched object of the kind showed a value, e.g. `("Deployment", "status/updatedReplicas", 2)`."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        seen: list[Any] = []
        for record in _objects(timeline, kind, stretch):
            found: Any = record.data["object"]
            for key in path.split("/"):
                found = found.get(key) if isinstance(found, Mapping) else None
            if found == value:
                return holds(f"at {at(timeline, record.t_ns)}", record.t_ns)
            seen.append(found)
        if not seen:
            return inconclusive(f"no {kind} was seen")
        gap = gap_in(timeline, stretch, Source.STATUS)
        return inconclusive(gap) if gap else violated(f"seen: {', '.join(dict.fromkeys(map(str, seen)))}")

    return Fact(f"{kind} showed {path} = {value}{words(after)}", "object_showed", find)


def _conditions(record: Record, kind: str) -> list[Mapping[str, Any]]:
    listed = (record.data["object"].get("status") or {}).get("conditions") or ()
    return [c for c in listed if c.get("type") == kind]


def object_condition(
    kind: str, condition: str, status: str = "True", *, reason: str = "", after: After | None = None
) -> Fact:
    """A watched object of the kind showed a condition with this status (and reason)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        told: list[str] = []
        records = _objects(timeline, kind, stretch)
        for record in records:
            for shown in _conditions(record, condition):
                if shown.get("status") == status and (not reason or shown.get("reason") == reason):
                    return holds(f"{shown.get('reason', '')} at {at(timeline, record.t_ns)}".strip(), record.t_ns)
                told.append(f"{shown.get('status')} ({shown.get('reason', '')})")
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not records and not _objects(timeline, kind, Stretch(0, stretch.end_ns, None)):
            return inconclusive(f"no {kind} was seen")
        return violated(f"{condition}: {', '.join(dict.fromkeys(told)) or 'never set'}")

    text = f"{kind} {condition}={status}{f' with {reason}' if reason else ''}{words(after)}"
    return Fact(text, "object_condition", find)


def object_kept(kind: str, path: str, value: Any, *, after: After | None = FAULT) -> Fact:
    """Every state of a watched object of the kind showed a value; a number that is left out is 0."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        records = _objects(timeline, kind, stretch)
        for record in records:
            found: Any = record.data["object"]
            for key in path.split("/"):
                found = found.get(key) if isinstance(found, Mapping) else None
            if found is None and isinstance(value, int):
                found = 0
            if found != value:
                return violated(f"{path} = {found} at {at(timeline, record.t_ns)}", record.t_ns)
        if reason := unseen(timeline, stretch, Source.STATUS):
            return inconclusive(reason)
        return holds(f"{len(records)} states") if records else inconclusive(f"no {kind} was seen")

    return Fact(f"{kind} kept {path} = {value}{words(after)}", "object_kept", find)


def _new_pods(timeline: Timeline, stretch: Stretch) -> list[str]:
    return [pod for pod in pods(timeline) if timeline.snapshots(pod)[0].t_ns in stretch]


def new_pods_ran_inits(*inits: str, after: After | None = FAULT, count: int | None = None) -> Fact:
    """Every Pod that appeared after the fault and got ready had run the inits in order; there was at least one.

    Source: a changed Pod template makes new Pods (workloads/pods#pod-templates), and every Pod runs its inits.
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        if gap := gap_in(timeline, Stretch(0, stretch.end_ns, None), Source.STATUS):
            return inconclusive(gap)  # an old Pod may be taken for a new one
        found: list[Found] = []
        for pod in _new_pods(timeline, stretch):
            if any(s.has_condition("Ready") for s in timeline.snapshots(pod)):
                judged = judge_order(timeline, stretch, (*inits, *timeline.apps(pod)[:1]), pod)
                found.append(Found(judged.outcome, f"{pod}: {judged.detail}", judged.at_ns))
        return worst(found) if len(found) >= (count or 1) else violated(f"{len(found)} new Pods got ready")

    return Fact(f"new Pods ran {', '.join(inits)} in order{words(after)}", "new_pods_ran_inits", find)


def old_pods_unaffected(after: After | None = FAULT) -> Fact:
    """No container of a Pod that the fault found there was started again before that Pod was to be deleted."""

    def one(timeline: Timeline, stretch: Stretch, pod: str) -> Found:
        leaving = [
            s.t_ns
            for s in timeline.snapshots(pod)
            if s.object["metadata"].get("deletionTimestamp") and s.t_ns in stretch
        ]
        # up to the end, or to when the Pod was seen to leave: it is not ours to judge then
        left = Stretch(stretch.begin_ns, min(leaving, default=stretch.end_ns + 1) - 1, after)
        for name in (*timeline.inits(pod), *timeline.apps(pod)):
            for run in runs_in(timeline, left, name, pod):
                return violated(f"{pod}: {run.label} at {at(timeline, begin_of(run))}", begin_of(run))
            if reason := blind(timeline, left, name, pod):
                return inconclusive(reason)
        return holds(pod)

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        if gap := gap_in(timeline, Stretch(0, stretch.end_ns, None), Source.STATUS):
            return inconclusive(gap)  # an old Pod may have been missed, or taken for a new one
        old = [pod for pod in pods(timeline) if timeline.snapshots(pod)[0].t_ns < stretch.begin_ns]
        if not old:
            return inconclusive("no Pod was there before the fault")
        judged = worst([one(timeline, stretch, pod) for pod in old])
        if judged.outcome == "holds" and (reason := unseen(timeline, stretch, *WITNESSES)):
            return inconclusive(reason)
        return judged

    return Fact(f"old Pods untouched until they were replaced{words(after)}", "old_pods_unaffected", find)
