"""What became of every survivor, and whether it was allowed to; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from podvow.upgrade.change import Change, Changed, changes, fresh
from podvow.upgrade.fate import Fate
from podvow.upgrade.rules import Rules
from podvow.upgrade.snapshot import PodSeen, Snapshot

_BY_NAME = frozenset({"StatefulSet"})
_BY_NODE = frozenset({"DaemonSet"})


class Outcome(StrEnum):
    """What became of a survivor."""

    INTACT = "intact"
    AS_ALLOWED = "changed-as-allowed"
    VIOLATED = "violated"
    UNACCOUNTED = "unaccounted"


@dataclass(frozen=True)
class Survivor:
    """A survivor, judged.

    Attributes:
        name: of its Pod before.
        shape: its shape.
        node: its node before.
        outcome: what became of it.
        because: why, a sentence each: what was seen, and what allowed or forbade it.
        rules: the rules that allowed something.
    """

    name: str
    shape: str
    node: str
    outcome: Outcome
    because: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


def judge(before: Snapshot, after: Snapshot, fates: Mapping[str, Fate], rules: Rules) -> list[Survivor]:
    """Say of every survivor what became of it.

    Args:
        before: the snapshot before.
        after: the snapshot after.
        fates: what happened to the nodes.
        rules: what is allowed.
    """
    there = {pod.uid: pod for pod in after.pods}
    lost = [pod for pod in before.pods if pod.uid not in there]
    heirs = _heirs(lost, before, after)
    found = []
    for pod in before.pods:
        fate = fates[pod.node]
        now = there.get(pod.uid)
        if doubt := _doubt(pod, now, heirs.get(pod.uid), after):
            found.append(Survivor(pod.name, pod.shape, pod.node, Outcome.UNACCOUNTED, (doubt,)))
            continue
        if now is not None:
            seen = list(changes(pod, now, silence_s=rules.silence_s))
        elif heir := heirs.get(pod.uid):
            words = f"it was replaced by {heir.name} on {heir.node or 'no node yet'}"
            seen = [Changed(Change.REPLACED, words), *fresh(heir)]
        else:
            seen = [Changed(Change.GONE, "it is gone" if not pod.owner else "it is gone, and nothing replaced it")]
        found.append(_judged(pod, seen, fate, rules))
    return found


def _judged(pod: PodSeen, seen: Sequence[Changed], fate: Fate, rules: Rules) -> Survivor:
    allowed, forbidden, used = [], [], []
    for change in seen:
        rule = rules.allowing(change.change, fate, owner=pod.owner, shape=pod.shape)
        if rule is None:
            forbidden.append(change.words)
        else:
            allowed.append(f"{change.words} ({rule.id})")
            used.append(rule.id)
    because = (*allowed,)
    outcome = Outcome.AS_ALLOWED if seen else Outcome.INTACT
    if forbidden:
        outcome = Outcome.VIOLATED
        promise = rules.promised(fate)
        why = f"what happened to {fate.node} does not allow that ({fate.words}): “{promise.says}” {promise.source}"
        because = (*forbidden, why, *allowed)
    return Survivor(pod.name, pod.shape, pod.node, outcome, because, tuple(dict.fromkeys(used)))


def _doubt(pod: PodSeen, now: PodSeen | None, heir: PodSeen | None, after: Snapshot) -> str:
    """Say why nobody can know what became of a survivor; empty when it can be known."""
    seen = now or heir
    where = after.node((seen or pod).node)
    if now is not None and now.leaving:
        return "it is being deleted, and not gone yet"
    if seen is not None and where is not None and not where.ready:
        return f"node {where.name} is not ready: what the API shows of its Pods may be old"
    if heir is not None and heir.unsettled:
        return f"it was replaced, but {heir.unsettled}"
    return ""


def _heirs(lost: Iterable[PodSeen], before: Snapshot, after: Snapshot) -> dict[str, PodSeen]:
    """Return the Pods that stand in for those that are gone, by their uids.

    Those of a StatefulSet have the same name, those of a DaemonSet the same node; others are any that came.
    """
    known = {pod.uid for pod in before.pods}
    came: dict[tuple[str, str], list[PodSeen]] = defaultdict(list)
    for pod in sorted(after.pods, key=lambda pod: pod.made):
        if pod.uid not in known and not pod.leaving:
            came[pod.owner, pod.shape].append(pod)
    heirs: dict[str, PodSeen] = {}
    for pod in lost:
        candidates = came[pod.owner, pod.shape] if pod.owner else []
        if pod.owner in _BY_NAME:
            candidates = [each for each in candidates if each.name == pod.name]
        elif pod.owner in _BY_NODE:
            candidates = [each for each in candidates if each.node == pod.node]
        if candidates:
            heirs[pod.uid] = candidates[0]
            came[pod.owner, pod.shape].remove(candidates[0])
    return heirs
