"""How far clocks are apart, and how long the API server takes to answer.

Timelines of one node are ordered by its own monotonic clock; clocks that differ blur only what is compared across
nodes and API server, where stamps have whole seconds anyway.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from podvow.api import Api
from podvow.cluster.node import NodeAccess
from podvow.cluster.process import CommandError
from podvow.doctor.check import Check

SKEW_S = 2.0
"""A difference beyond this, in seconds, is told: HTTP dates and Kubernetes' stamps have whole seconds."""
SLOW_S = 0.5
"""Answers to the simplest question that take longer than this, in seconds, are told."""
_TIMES = 7
_HINT = "let a time service run there (NTP): what is compared across clocks is less precise than that"


def check_server(api: Api) -> Iterator[Check]:
    """Ask the API server for its version a few times; compare its clock with this machine's."""
    took, off = [], []
    for _ in range(_TIMES):
        sent, began = time.time(), time.monotonic()
        _, headers = api.ask("/version")
        took.append(time.monotonic() - began)
        if stamp := next(iter(headers.get("date", ())), ""):
            off.append(beyond(parsedate_to_datetime(stamp).timestamp(), sent, sent + took[-1]))
    median_s, slowest_s = statistics.median(took), max(took)
    text = f"{median_s * 1000:.0f} ms (median of {_TIMES}, slowest {slowest_s * 1000:.0f} ms)"
    if median_s > SLOW_S:
        yield Check("latency", "warning", text, "run podvow nearer to the API server: effects seem to come late")
    else:
        yield Check("latency", "ok", text)
    if off:
        yield from _skews({"the API server": min(off, key=abs)}, "this machine's")


def beyond(stamp: float, earliest: float, latest: float) -> float:
    """Return how far a stamp of whole seconds lies outside of a span, in seconds; 0.0 when it may lie within.

    Args:
        stamp: begin of the second that the clock showed.
        earliest: begin of the span in which it was read.
        latest: its end.
    """
    if stamp + 1.0 < earliest:
        return stamp + 1.0 - earliest
    return max(0.0, stamp - latest)


def _skews(off_s: Mapping[str, float], of: str) -> Iterator[Check]:
    """Yield each clock that is too far from another one, and one line for those that are not."""
    far = {whose: off for whose, off in off_s.items() if abs(off) > SKEW_S}
    for whose, off in far.items():
        word = "ahead of" if off > 0 else "behind"
        yield Check("clocks", "warning", f"the clock of {whose} is {abs(off):.1f} s {word} {of}", _HINT)
    near = [whose for whose in off_s if whose not in far]
    if near:
        word = "agrees" if len(near) == 1 else "agree"
        yield Check("clocks", "ok", f"{', '.join(near)}: {word} with {of} within {SKEW_S:.0f} s")


def check_nodes(access: NodeAccess, names: Sequence[str]) -> Iterator[Check]:
    """Run `date` on every node: whether commands can be run there, and what its clock says."""
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="doctor") as pool:
        answers = list(pool.map(lambda name: _date(access, name), names))
    failed = {name: answer for name, answer in zip(names, answers, strict=True) if isinstance(answer, str)}
    for name, error in failed.items():
        yield Check("node access", "error", f"no command can be run on {name}: {error}", "podvow up")
    if not failed:
        yield Check("node access", "ok", f"commands can be run on {', '.join(names)}")
    told = zip(names, answers, strict=True)
    yield from _skews({name: off for name, off in told if not isinstance(off, str)}, "this machine's")


def _date(access: NodeAccess, name: str) -> float | str:
    """Return how far a node's clock is from this machine's, in seconds; why it cannot be told."""
    sent = time.time()
    try:
        there = float(access.exec(name, ["date", "+%s.%N"]).stdout)
    except (CommandError, ValueError) as error:
        return str(error)
    got = time.time()
    return there - got if there > got else min(0.0, there - sent)


def check_reports(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """Compare each kubelet's clock with the API server's, by the node's last report, without access to the node.

    The kubelet stamps its report (`lastHeartbeatTime`); the API server stamps when it took it (`managedFields`).
    """
    off_s: dict[str, float] = {}
    for node in nodes:
        heartbeats = [
            str(condition["lastHeartbeatTime"])
            for condition in node.get("status", {}).get("conditions") or ()
            if condition.get("type") == "Ready" and condition.get("lastHeartbeatTime")
        ]
        taken = [
            str(entry["time"])
            for entry in node["metadata"].get("managedFields") or ()
            if entry.get("manager") == "kubelet" and entry.get("subresource") == "status" and entry.get("time")
        ]
        if heartbeats and taken:
            there, here = (datetime.fromisoformat(stamp).timestamp() for stamp in (heartbeats[0], taken[0]))
            off_s[str(node["metadata"]["name"])] = there - here
    yield from _skews(off_s, "the API server's")
