"""Facts about resources: what containers were given, what the status tells of it, what the node's kernel enforces.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers and
https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/. Amounts are written
`cpu=REQUEST/LIMIT`; one amount alone stands for both, an empty one is not judged, `none` says that there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from podvow.expect.base import FAULT, After, Fact, Found, MissingError, holds, inconclusive, violated, words
from podvow.expect.evidence import at, gap_in, snapshots_in, stretch_of, unseen
from podvow.expect.probed import answer_of
from podvow.expect.quantity import quantity
from podvow.timeline import Snapshot, Source, Timeline
from podvow.timeline.record import Kind

_NONE = "none"
_MIN_SHARES, _MIN_QUOTA_US = 2, 1000


def _amounts(sizes: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield (requests or limits, resource, amount) for every amount that is to be judged."""
    for size in sizes:
        resource, _, both = size.partition("=")
        request, slash, limit = both.partition("/")
        for kind, amount in (("requests", request), ("limits", limit if slash else request)):
            if amount:
                yield kind, resource, amount


def _differs(found: Mapping[str, Any] | None, sizes: tuple[str, ...]) -> str:
    """Say what of a `resources` field is not as told; empty when all is."""
    for kind, resource, amount in _amounts(sizes):
        has = ((found or {}).get(kind) or {}).get(resource)
        if (has is None) != (amount == _NONE) or (has is not None and quantity(has) != quantity(amount)):
            return f"{kind}.{resource} {has if has is not None else _NONE}"
    return ""


def _in_spec(raw: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    listed = [*(raw["spec"].get("initContainers") or ()), *raw["spec"]["containers"]]
    for one in listed:
        if one["name"] == container:
            return one.get("resources") or {}
    raise MissingError(f"the Pod has no container {container}")


def applied_resources(container: str, *sizes: str) -> Fact:
    """The API server stored the main Pod's container with these resources (defaults filled in)."""

    def find(timeline: Timeline) -> Found:
        for record in timeline.of(Kind.REJECTED):
            return inconclusive(f"refused with {record.data.get('status')}")
        for record in timeline.of(Kind.APPLIED):
            raw = record.data["object"]
            if raw.get("kind") == "Pod" and raw["metadata"]["name"] == timeline.meta.pod:
                wrong = _differs(_in_spec(raw, container), sizes)
                return violated(wrong, record.t_ns) if wrong else holds()
        return inconclusive("the Pod was not created")

    return Fact(f"{container} was stored with {' '.join(sizes)}", "applied_resources", find)


def _actual(shot: Snapshot, container: str) -> Mapping[str, Any]:
    return shot.containers.get(container, {}).get("resources") or {}


def resources_became(container: str, *sizes: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """The status shows the container with these actual resources, and its requests as allocated by the node."""

    def wrong_in(shot: Snapshot) -> str:
        allocated = {"requests": shot.containers.get(container, {}).get("allocatedResources")}
        requests = [f"{name}={amount}/" for kind, name, amount in _amounts(sizes) if kind == "requests"]
        wrong = _differs(allocated, tuple(requests))
        return _differs(_actual(shot, container), sizes) or (f"allocated {wrong}" if wrong else "")

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = snapshots_in(timeline, stretch, pod)
        for shot in shots:
            if not wrong_in(shot):
                return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not shots:
            return inconclusive(f"no status of {container}{words(after)}")
        return violated(f"{wrong_in(shots[-1])} in the end", shots[-1].t_ns)

    return Fact(f"resources of {container} became {' '.join(sizes)}{words(after)}", "resources_became", find)


def resources_kept(container: str, *sizes: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """Wherever the status tells the container's actual resources, they are these."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for shot in snapshots_in(timeline, stretch, pod):
            actual = _actual(shot, container)
            if actual and (wrong := _differs(actual, sizes)):
                return violated(f"{wrong} at {at(timeline, shot.t_ns)}", shot.t_ns)
        reason = unseen(timeline, stretch, Source.STATUS)
        return inconclusive(reason) if reason else holds()

    return Fact(f"resources of {container} stayed {' '.join(sizes)}{words(after)}", "resources_kept", find)


def spec_resources(container: str, *sizes: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """The last spec that was shown has these resources for the container."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = snapshots_in(timeline, stretch, pod)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not shots:
            return inconclusive(f"no status of the Pod{words(after)}")
        wrong = _differs(_in_spec(shots[-1].object, container), sizes)
        return violated(wrong, shots[-1].t_ns) if wrong else holds()

    return Fact(f"the spec has {container} with {' '.join(sizes)}{words(after)}", "spec_resources", find)


def _weights(shares: int) -> set[int]:
    """Return the cgroup v2 weights that runtimes make of cgroup v1 shares: the linear formula and its successor."""
    log = math.log2(shares)
    return {1 + (shares - 2) * 9999 // 262142, math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))}


def _enforced(facts: Mapping[str, Any], kind: str, resource: str, amount: str) -> str:
    """Say what a cgroup has instead of an amount; empty when it has that."""
    milli = 0 if amount == _NONE else math.ceil(quantity(amount) * 1000)
    match (kind, resource):
        case ("limits", "cpu"):
            quota = max(milli * facts["cpu_period_us"] // 1000, _MIN_QUOTA_US) if amount != _NONE else None
            return "" if facts["cpu_quota_us"] == quota else f"a cpu quota of {facts['cpu_quota_us']} µs"
        case ("limits", "memory"):
            size = None if amount == _NONE else int(quantity(amount))
            return "" if facts["memory_bytes"] == size else f"a memory limit of {facts['memory_bytes']} bytes"
        case ("requests", "cpu"):
            shares = max(milli * 1024 // 1000, _MIN_SHARES)
            if facts["version"] == 1:
                return "" if facts["cpu_shares"] == shares else f"{facts['cpu_shares']} cpu shares"
            return "" if facts["cpu_weight"] in _weights(shares) else f"a cpu weight of {facts['cpu_weight']}"
    raise MissingError(f"a cgroup says nothing about {kind}.{resource}")


def cgroup_had(*sizes: str, of: str = "", nth: int = -1) -> Fact:
    """The node's kernel enforced these amounts on the Pod (or on one container), to the microsecond and the byte.

    Args:
        sizes: amounts; requests only for cpu, where they are the share of a busy node.
        of: a container; the whole Pod by default.
        nth: which answer of the probe counts, the last one by default.
    """
    probe = f"cgroup of {of or 'the Pod'}"

    def find(timeline: Timeline) -> Found:
        answer = answer_of(timeline, probe, nth)
        for kind, resource, amount in _amounts(sizes):
            if wrong := _enforced(answer.data["facts"], kind, resource, amount):
                return violated(f"{wrong} at {at(timeline, answer.t_ns)}", answer.t_ns)
        return holds(f"at {at(timeline, answer.t_ns)}", answer.t_ns)

    which = {-1: "", 0: " at first"}.get(nth, f" in answer {nth + 1}")
    return Fact(f"{probe} had {' '.join(sizes)}{which}", "cgroup_had", find)
