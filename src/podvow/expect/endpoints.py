"""Facts about the addresses of a Service: what the EndpointSlices said of a Pod that initialised.

Sources: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions and
https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior. A slice is heard of later
than it was written, never earlier: one that arrived before an init container's end was true while that one ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podvow.expect.base import FAULT, After, Fact, Found, MissingError, holds, inconclusive, violated, words
from podvow.expect.evidence import Stretch, at, blind, gap_in, runs_in, stretch_of, unseen
from podvow.expect.windows import too_late
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Instant, Kind

_SKEW_NS = 1_000_000_000
"""How far the clocks of a node and of the runner may be apart before an order between them counts as proven."""

_LISTED_S = 5.0
"""How long containers may run before a slice lists their Pod, in seconds: its controller waits for one second."""

_NO_SLICE = "no EndpointSlice was seen"

Listed = tuple[Record, Mapping[str, Any]]


def _slices(timeline: Timeline) -> list[Record]:
    return [r for r in timeline.of(Kind.OBJECT) if r.data["object"].get("kind") == "EndpointSlice"]


def _listed(timeline: Timeline, stretch: Stretch, pod: str) -> list[Listed]:
    """Return what the slices said of a Pod in a stretch: the record and the Pod's entry in it."""
    found: list[Listed] = []
    for record in _slices(timeline):
        if record.data.get("deleted") or record.t_ns not in stretch:
            continue
        found.extend(
            (record, endpoint)
            for endpoint in record.data["object"].get("endpoints") or ()
            if (endpoint.get("targetRef") or {}).get("name") == (pod or timeline.meta.pod)
        )
    return found


def _has(endpoint: Mapping[str, Any], wanted: Mapping[str, bool]) -> bool:
    conditions = endpoint.get("conditions") or {}
    return all(bool(conditions.get(key)) is value for key, value in wanted.items())


def _told(endpoint: Mapping[str, Any]) -> str:
    conditions = endpoint.get("conditions") or {}
    return ", ".join(f"{key}={bool(value)}" for key, value in sorted(conditions.items())) or "no conditions"


def _wanted(conditions: Mapping[str, bool]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(conditions.items()))


def endpoint_shown(*, after: After | None = None, pod: str = "", **conditions: bool) -> Fact:
    """A slice listed the Pod with these conditions (`ready`, `serving`, `terminating`)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        listed = _listed(timeline, stretch, pod)
        for record, endpoint in listed:
            if _has(endpoint, conditions):
                return holds(f"at {at(timeline, record.t_ns)}", record.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not _slices(timeline):
            return inconclusive(_NO_SLICE)
        shown = ", ".join(dict.fromkeys(_told(endpoint) for _, endpoint in listed))
        return violated(shown or "the Pod was never listed", *(record.t_ns for record, _ in listed[-1:]))

    return Fact(f"listed as endpoint with {_wanted(conditions)}{words(after)}", "endpoint_shown", find)


def _initialised(timeline: Timeline, stretch: Stretch, pod: str) -> Instant:
    """Return when the last regular init container succeeded for the first time in a stretch.

    Raises:
        MissingError: that was not seen.
    """
    *_, last = timeline.inits(pod) or ("",)
    for run in runs_in(timeline, stretch, last, pod):
        if run.exit is not None and run.code == 0:
            return run.exit
    raise MissingError(f"{last} was not seen to succeed: {blind(timeline, stretch, last, pod) or 'it did not'}")


def endpoint_while_initialising(*, pod: str = "", **conditions: bool) -> Fact:
    """Every slice that listed the Pod before its last init container had succeeded gave these conditions."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, None)
        done = _initialised(timeline, stretch, pod)
        early = [item for item in _listed(timeline, stretch, pod) if item[0].t_ns < done.t_ns]
        for record, endpoint in early:
            if not _has(endpoint, conditions):
                told = f"{_told(endpoint)} at {at(timeline, record.t_ns)}, initialised at {at(timeline, done.t_ns)}"
                if record.t_ns + _SKEW_NS < done.t_ns:
                    return violated(told, record.t_ns)
                return inconclusive(f"{told}: too close to tell")
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if not early:
            return _never_listed(timeline, stretch, done, pod)
        return holds(f"{len(early)} slices", early[0][0].t_ns)

    text = f"endpoint {_wanted(conditions)} while init containers were running"
    return Fact(text, "endpoint_while_initialising", find)


def _never_listed(timeline: Timeline, stretch: Stretch, done: Instant, pod: str) -> Found:
    """Return the outcome of a Pod that no slice listed before it was initialised."""
    if not _slices(timeline):
        return inconclusive(_NO_SLICE)
    # a sandbox has its address before the first container starts in it
    first = next((run.start for run in runs_in(timeline, stretch, timeline.inits(pod)[0], pod) if run.start), done)
    took_s = (done.t_ns - first.t_ns) / 1e9
    told = f"not listed in the {took_s:.1f}s between the first start, at {at(timeline, first.t_ns)}, and the end"
    if took_s <= _LISTED_S:
        return inconclusive(told)
    return too_late(timeline, told, took_s=took_s, allowed_s=_LISTED_S)


def endpoint_withdrawn_until_reinitialised(*, after: After = FAULT, pod: str = "") -> Fact:
    """The slices withdrew the Pod (listed it as not ready), and gave it back only when its inits had run again."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        listed = _listed(timeline, stretch, pod)
        away = next((record for record, endpoint in listed if not _has(endpoint, {"ready": True})), None)
        if away is None:
            return violated("the endpoint stayed ready", *(record.t_ns for record, _ in listed[-1:]))
        done = _initialised(timeline, stretch, pod)
        back = [r for r, endpoint in listed if r.t_ns > away.t_ns and _has(endpoint, {"ready": True})]
        if not back:
            return violated(f"not ready from {at(timeline, away.t_ns)} to the end", away.t_ns)
        told = f"not ready at {at(timeline, away.t_ns)}, ready at {at(timeline, back[0].t_ns)}"
        if back[0].t_ns >= done.t_ns:
            return holds(told, away.t_ns, back[0].t_ns)
        told = f"{told}, initialised at {at(timeline, done.t_ns)}"
        return violated(told, back[0].t_ns) if back[0].t_ns + _SKEW_NS < done.t_ns else inconclusive(told)

    text = f"endpoint withdrawn until the inits had run again{words(after)}"
    return Fact(text, "endpoint_withdrawn_until_reinitialised", find)


def endpoint_never(*, after: After | None = None, pod: str = "", **conditions: bool) -> Fact:
    """No slice listed the Pod with these conditions."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        for record, endpoint in _listed(timeline, stretch, pod):
            if _has(endpoint, conditions):
                return violated(f"{_told(endpoint)} at {at(timeline, record.t_ns)}", record.t_ns)
        reason = unseen(timeline, stretch, Source.STATUS)
        if not reason and not _slices(timeline):
            reason = _NO_SLICE
        return inconclusive(reason) if reason else holds()

    return Fact(f"never listed with {_wanted(conditions)}{words(after)}", "endpoint_never", find)


def endpoint_ports(*ports: int, after: After | None = None, pod: str = "") -> Fact:
    """Every slice that listed the Pod carried exactly these port numbers (none: the target port did not resolve).

    Source: a named target port is looked up among the ports of the Pod's containers; a regular init container's
    ports are not aggregated under a Service (init-containers#detailed-behavior).
    """

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        listed = _listed(timeline, stretch, pod)
        for record, _ in listed:
            shown = sorted(int(p.get("port") or 0) for p in record.data["object"].get("ports") or ())
            if shown != sorted(ports):
                told = ", ".join(map(str, shown)) or "none"
                return violated(f"ports: {told} at {at(timeline, record.t_ns)}", record.t_ns)
        if reason := unseen(timeline, stretch, Source.STATUS):
            return inconclusive(reason)
        return holds(f"{len(listed)} slices") if listed else inconclusive("the Pod was never listed")

    what = f"ports {', '.join(map(str, ports))}" if ports else "no port"
    return Fact(f"endpoint with {what}{words(after)}", "endpoint_ports", find)
