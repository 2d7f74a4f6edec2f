"""Facts about the Pod's conditions: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions."""

from __future__ import annotations

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words
from podvow.expect.evidence import (
    TERMINAL,
    Stretch,
    at,
    gap_in,
    need_status,
    snapshot_before,
    snapshots_in,
    stretch_of,
    unseen,
)
from podvow.timeline import Snapshot, Source, Timeline


def condition_became(
    kind: str, status: str, after: After | None = None, *, reason: str = "", pod: str = ""
) -> Fact:
    """A snapshot shows the condition with this status (and reason)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = snapshots_in(timeline, stretch, pod)
        found = [shot for shot in shown if shot.has_condition(kind, status)]
        for shot in found:
            if reason in {"", shot.condition(kind).get("reason")}:
                return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
        if gap := gap_in(timeline, stretch, Source.STATUS):
            return inconclusive(gap)
        if found:
            told = found[0].condition(kind).get("reason", "without a reason")
            return violated(f"{kind}={status} {told} at {at(timeline, found[0].t_ns)}", found[0].t_ns)
        known = [s for s in timeline.snapshots(pod) if s.t_ns < stretch.begin_ns][-1:] + list(shown)
        if not known:
            return inconclusive("no status of the Pod")
        last = known[-1]
        # a flip between two snapshots leaves a newer transition time behind
        stamps = {s.condition(kind).get("lastTransitionTime") for s in known if s.condition(kind)}
        now = (
            f"{kind}={last.condition(kind).get('status', 'unset')} {last.condition(kind).get('reason', '')}".strip()
        )
        if len(stamps) > 1 and not last.has_condition(kind, status):
            return inconclusive(f"not shown, but the condition has flipped between snapshots; {now} in the end")
        return violated(f"{now} in the end", last.t_ns)

    text = f"condition {kind} became {status}{f' ({reason})' if reason else ''}{words(after)}"
    return Fact(text, "condition_became", find)


def condition_stayed(kind: str, status: str, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """Every snapshot shows the condition with this status, from the one that the fault found."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shown = list(snapshots_in(timeline, stretch, pod))
        if after is not None:
            shown.insert(0, snapshot_before(timeline, stretch, pod))
        for shot in shown:
            if not shot.has_condition(kind, status):
                now = shot.condition(kind).get("status", "unset")
                return violated(f"{kind}={now} at {at(timeline, shot.t_ns)}", shot.t_ns)
        if reason := unseen(timeline, stretch, Source.STATUS):
            return inconclusive(reason)
        return holds(f"{len(shown)} snapshots") if shown else inconclusive("no status of the Pod")

    return Fact(f"condition {kind} {status} all the time{words(after)}", "condition_stayed", find)


def _incomplete(shot: Snapshot) -> list[str]:
    """Return the init containers that this snapshot's own statuses show incomplete, in spec order."""
    missing = []
    for container in shot.object["spec"].get("initContainers") or ():
        name = container["name"]
        raw = shot.containers.get(name, {})
        if container.get("restartPolicy") == "Always":
            done = bool(raw.get("started"))
        else:
            state, details = shot.state(name)
            done = state == "terminated" and details.get("exitCode") == 0 and details.get("reason") != "OOMKilled"
        if not done:
            missing.append(name)
    return missing


def _wrong(shot: Snapshot, missing: list[str], late: list[str]) -> str:
    if shot.phase != "Pending":
        return f"phase {shot.phase}"
    initialized = shot.condition("Initialized")
    if initialized.get("status") != "False":
        return f"Initialized={initialized.get('status', 'unset')} with {missing} incomplete"
    if initialized.get("reason") != "ContainersNotInitialized":
        return f"Initialized reason {initialized.get('reason')!r}"
    expected = [f"containers with incomplete status: [{' '.join(names)}]" for names in (missing, late)]
    if initialized.get("message") not in expected:
        return f"Initialized message {initialized.get('message')!r}, the statuses say {expected[0]!r}"
    for kind in ("Ready", "ContainersReady"):
        if shot.condition(kind).get("status") != "False":
            return f"{kind}={shot.condition(kind).get('status', 'unset')}"
    return ""


def conditions_while_initialising(*, pod: str = "") -> Fact:
    """While the Pod initialised for the first time, phase and conditions said so, and named what was incomplete.

    Source: "A Pod that is initializing is in the Pending state but should have a condition Initialized set to
    false"; "A Pod cannot be Ready until all init containers have succeeded" (init-containers#detailed-behavior).
    At least one snapshot of each stage (none, one, … inits completed) must have been seen. That a startup probe has
    succeeded is in the status at once (SetContainerStartup in pkg/kubelet/status), and in the condition with the
    next sync: the one snapshot that shows it first may name what the one before it had to.
    """

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        inits, sidecars = timeline.inits(pod), timeline.sidecars(pod)
        stages: set[int] = set()
        until_ns = timeline.end_ns
        before: list[str] = []
        for shot in timeline.snapshots(pod):
            terminating = shot.object["metadata"].get("deletionTimestamp")
            if not shot.status.get("initContainerStatuses"):
                continue  # the kubelet has not spoken yet
            missing = _incomplete(shot)
            if not missing or terminating or shot.phase in TERMINAL:
                until_ns = shot.t_ns
                break
            late = [name for name in before if name in missing or name in sidecars]
            if wrong := _wrong(shot, missing, late):
                return violated(f"{wrong} at {at(timeline, shot.t_ns)}", shot.t_ns)
            before = missing
            stages.add(sum(init not in missing for init in inits))
        if gap := gap_in(timeline, Stretch(0, until_ns, None), Source.STATUS):
            return inconclusive(gap)
        unseen_stages = [stage for stage in range(len(inits)) if stage not in stages]
        if unseen_stages or not inits:
            return inconclusive(f"no snapshot with {unseen_stages} of {len(inits)} inits completed")
        return holds(f"all {len(inits)} stages seen")

    return Fact(
        "Pending, not initialised and not ready until every init had completed",
        "conditions_while_initialising",
        find,
    )
