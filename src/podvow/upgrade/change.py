"""What changed about a survivor between two snapshots of it; pure, and without a word on whether it was allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from podvow.upgrade.snapshot import ContainerSeen, PodSeen

_ID = 12


class Change(StrEnum):
    """Kinds of changes."""

    GONE = "gone"
    REPLACED = "replaced"
    INIT_RAN_AGAIN = "init-ran-again"
    SIDECAR_RESTARTED = "sidecar-restarted"
    APP_RESTARTED = "app-restarted"
    ADDRESS = "address-changed"
    IMAGE = "image-changed"
    SILENT = "silent"
    ORDER = "inits-out-of-order"
    UNSETTLED = "unsettled"


@dataclass(frozen=True)
class Changed:
    """A change.

    Attributes:
        change: its kind.
        words: what was seen, for people.
    """

    change: Change
    words: str


_RESTARTS = {
    "init": (Change.INIT_RAN_AGAIN, "ran again"),
    "sidecar": (Change.SIDECAR_RESTARTED, "was restarted"),
    "app": (Change.APP_RESTARTED, "was restarted"),
}


def changes(before: PodSeen, after: PodSeen, *, silence_s: float) -> Iterator[Changed]:
    """Yield what changed about a Pod that is still the same.

    Args:
        before: it before.
        after: it after.
        silence_s: how long the trace of a running container may pause, in seconds.
    """
    now = {container.name: container for container in after.containers}
    again = []
    for old in before.containers:
        new = now[old.name]
        if old.image != new.image:
            yield Changed(Change.IMAGE, f"the image of {old.name} is {new.image}, it was {old.image}")
        if _restarted(old, new):
            change, what = _RESTARTS[old.kind]
            again += [old.name] if old.kind == "init" else []
            yield Changed(
                change, f"{old.name} {what}: container {old.id[:_ID]} became {new.id[:_ID]}{_runs(old, new)}"
            )
        elif new.silence_s > max(silence_s, old.silence_s):
            yield Changed(Change.SILENT, f"{old.name} wrote nothing for {new.silence_s:.0f} s")
    if again and (wrong := _count(before, after) or _order(after)):
        yield Changed(Change.ORDER, wrong)
    if before.ip != after.ip and before.ip:
        yield Changed(Change.ADDRESS, f"its address is {after.ip or 'none'}, it was {before.ip}")
    if after.unsettled and not before.unsettled:
        yield Changed(Change.UNSETTLED, after.unsettled)


def _restarted(old: ContainerSeen, new: ContainerSeen) -> bool:
    """Whether another container runs under the name: its id tells, its trace and count too where the id is lost."""
    more = old.runs is not None and new.runs is not None and new.runs > old.runs
    return bool(old.id) and (old.id != new.id or more or new.restarts > old.restarts)


def _runs(old: ContainerSeen, new: ContainerSeen) -> str:
    if old.runs is None or new.runs is None:
        return ""
    return f", run {new.runs} after run {old.runs}"


def _count(before: PodSeen, after: PodSeen) -> str:
    """Say which init containers did not run exactly once more, after one of them had run again."""
    old = {c.name: c.runs for c in before.containers}
    for new in after.containers:
        known = old.get(new.name)
        if new.kind == "init" and known is not None and new.runs is not None and new.runs - known != 1:
            return f"{new.name} ran {new.runs - known} times again, not once"
    return ""


def fresh(after: PodSeen) -> Iterator[Changed]:
    """Yield what is not as it should be about a Pod that replaced another one."""
    for new in after.containers:
        # Its own trace, where that could be read: the status of a static Pod may count runs of the one before.
        ran = new.restarts + 1 if new.runs is None else new.runs
        if new.kind == "init" and ran > 1:
            yield Changed(Change.ORDER, f"{new.name} of {after.name} ran {ran} times, not once")
    if wrong := _order(after):
        yield Changed(Change.ORDER, wrong)
    if after.unsettled:
        yield Changed(Change.UNSETTLED, after.unsettled)


def _order(pod: PodSeen) -> str:
    """Say what began before the init container ahead of it had ended; empty when nothing did."""
    inits = [c for c in pod.containers if c.kind == "init" and c.begun_s is not None]
    pairs = [*pairwise(inits), *((inits[-1], c) for c in pod.containers if c.kind == "app" and inits)]
    for first, then in pairs:
        if then.begun_s is not None and (first.ended_s is None or then.begun_s < first.ended_s):
            return f"{then.name} of {pod.name} began before {first.name} had ended"
    return ""
