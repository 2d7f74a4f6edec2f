"""Facts about container statuses: reasons, exit codes, images, shape.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states and
https://kubernetes.io/docs/tasks/debug/debug-application/debug-init-containers/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podvow.expect.base import FAULT, After, Fact, Found, holds, inconclusive, violated, words, worst
from podvow.expect.evidence import (
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
from podvow.timeline.record import Kind
from podvow.verdict import Outcome


def _shown(
    timeline: Timeline, after: After | None, container: str, pod: str, test: Callable[[Snapshot], bool]
) -> Found:
    """Judge that a snapshot passes a test about a state that lasts for seconds when it is there."""
    stretch = stretch_of(timeline, after)
    shots = [s for s in snapshots_in(timeline, stretch, pod) if container in s.containers]
    for shot in shots:
        if test(shot):
            return holds(f"at {at(timeline, shot.t_ns)}", shot.t_ns)
    if gap := gap_in(timeline, stretch, Source.STATUS):
        return inconclusive(gap)
    if not shots:
        return inconclusive(f"no status of {container}{words(after)}")
    told = dict.fromkeys(_told(shot, container) for shot in shots)
    return violated(f"seen: {', '.join(told)}", shots[-1].t_ns)


def _told(shot: Snapshot, container: str) -> str:
    state, details = shot.state(container)
    more = details.get("reason", "")
    if state == "terminated":
        more = f"{more} {details.get('exitCode', '')}".strip()
    return f"{state} {more}".strip()


def waited_with(container: str, *reasons: str, after: After | None = None, pod: str = "") -> Fact:
    """The status shows the container waiting for one of the reasons (use it for reasons that last for seconds)."""

    def test(shot: Snapshot) -> bool:
        state, details = shot.state(container)
        return state == "waiting" and details.get("reason") in reasons

    return Fact(
        f"{container} waited with {' or '.join(reasons)}{words(after)}",
        "waited_with",
        lambda timeline: _shown(timeline, after, container, pod, test),
    )


def crash_looped(container: str, *, after: After | None = None, pod: str = "") -> Fact:
    """The kubelet says that it holds the container back: CrashLoopBackOff in the status, or its Event.

    The kubelet writes the reason into the status only when something makes it look at the Pod again before the
    back-off is over (SyncPod remembers it in its reason cache, pkg/kubelet/reason_cache.go): on a busy node a
    back-off of 10 or 20 s can pass without such a look. How long it held back is told by the runs' own times.
    """

    def test(shot: Snapshot) -> bool:
        state, details = shot.state(container)
        return state == "waiting" and details.get("reason") == "CrashLoopBackOff"

    def judge(timeline: Timeline) -> Found:
        found = _shown(timeline, after, container, pod, test)
        if found.outcome is not Outcome.VIOLATED:
            return found
        stretch, name = stretch_of(timeline, after), pod or timeline.meta.pod
        for record in timeline.of(Kind.EVENT):
            mine = record.pod == name and record.container == container
            if (
                mine
                and record.data["reason"] == "BackOff"
                and record.t_ns + record.precision_ns >= stretch.begin_ns
            ):
                return holds(f"an Event says so at {at(timeline, record.t_ns)}, no status does", record.t_ns)
        return found

    return Fact(f"{container} was held back with CrashLoopBackOff{words(after)}", "crash_looped", judge)


def message_names(container: str, text: str, *, after: After | None = None, pod: str = "") -> Fact:
    """The message of the container's waiting state names something."""

    def test(shot: Snapshot) -> bool:
        state, details = shot.state(container)
        return state == "waiting" and text in str(details.get("message", ""))

    return Fact(
        f"the message of waiting {container} names {text!r}{words(after)}",
        "message_names",
        lambda timeline: _shown(timeline, after, container, pod, test),
    )


def _terminations(shot: Snapshot, container: str) -> list[Mapping[str, Any]]:
    raw = shot.containers.get(container, {})
    states = (raw.get("state") or {}, raw.get("lastState") or {})
    return [state["terminated"] for state in states if state.get("terminated")]


def terminated_with(
    container: str, *, reason: str, code: int | None = None, after: After | None = None, pod: str = ""
) -> Fact:
    """The status shows a termination of the container with this reason (and exit code)."""

    def test(shot: Snapshot) -> bool:
        return any(
            ended.get("reason") == reason and code in {None, ended.get("exitCode")}
            for ended in _terminations(shot, container)
        )

    how = reason if code is None else f"{reason} ({code})"
    return Fact(
        f"{container} terminated with {how}{words(after)}",
        "terminated_with",
        lambda timeline: _shown(timeline, after, container, pod, test),
    )


def last_state_code(container: str, code: int, after: After | None = None, *, pod: str = "") -> Fact:
    """The status shows this exit code as the container's last state."""

    def test(shot: Snapshot) -> bool:
        last = (shot.containers[container].get("lastState") or {}).get("terminated") or {}
        return last.get("exitCode") == code

    return Fact(
        f"last state of {container} shows exit code {code}{words(after)}",
        "last_state_code",
        lambda timeline: _shown(timeline, after, container, pod, test),
    )


def restart_count_was(container: str, n: int, after: After | None = None, *, pod: str = "") -> Fact:
    """The last snapshot shows this `restartCount`; it counts restarts in place, not runs."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        shots = [s for s in snapshots_in(timeline, stretch, pod) if container in s.containers]
        if not shots:
            return inconclusive(f"no status of {container}{words(after)}")
        if gap := gap_in(timeline, Stretch(shots[-1].t_ns, stretch.end_ns, after), Source.STATUS):
            return inconclusive(gap)
        count = shots[-1].containers[container].get("restartCount")
        return holds() if count == n else violated(f"restartCount {count}", shots[-1].t_ns)

    return Fact(f"restartCount of {container} was {n}{words(after)}", "restart_count_was", find)


def _shape(shot: Snapshot) -> str:
    """Say what is wrong with the init container statuses of a snapshot, empty when nothing is."""
    names = [c["name"] for c in shot.object["spec"].get("initContainers") or ()]
    listed = shot.status.get("initContainerStatuses") or []
    if [c["name"] for c in listed] != names:
        return f"statuses of {[c['name'] for c in listed]}, the spec has {names}"
    for raw in listed:
        ended = (raw.get("state") or {}).get("terminated")
        if not ended or ended.get("exitCode") != 0 or ended.get("reason") == "OOMKilled":
            continue
        if ended.get("reason") != "Completed":
            return f"{raw['name']} exited 0 with reason {ended.get('reason')!r}"
        if raw.get("ready") is not True:
            return f"{raw['name']} completed but is not ready"
    return ""


def statuses_in_spec_order(*, pod: str = "") -> Fact:
    """Init container statuses came in spec order; a finished init was terminated, Completed, 0, ready.

    Source: "the status of the init containers is returned in the .status.initContainerStatuses field as an array"
    (init-containers#understanding-init-containers).
    """

    def find(timeline: Timeline) -> Found:
        need_status(timeline)
        inits = timeline.inits(pod)
        finished: set[str] = set()
        for shot in timeline.snapshots(pod):
            if not shot.status.get("initContainerStatuses"):
                continue
            if wrong := _shape(shot):
                return violated(f"{wrong} at {at(timeline, shot.t_ns)}", shot.t_ns)
            states = {init: shot.state(init) for init in inits}
            finished |= {i for i, (state, how) in states.items() if state == "terminated" and how["exitCode"] == 0}
        unfinished = [init for init in inits if init not in finished]
        if unfinished:
            return inconclusive(f"never shown finished: {', '.join(unfinished)}")
        return holds(f"{len(inits)} inits") if inits else inconclusive("the Pod has no init containers")

    return Fact(
        "init container statuses in spec order, finished ones Completed and ready", "statuses_in_spec_order", find
    )


def _plain(image: str) -> str:
    return image.removeprefix("docker.io/").removeprefix("library/")


def _last_images(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> tuple[int, set[str]]:
    """Return when the last run of a stretch was noticed, and the names that runtime and status give its image."""
    created = [
        r
        for r in timeline.of(Kind.CONTAINER_CREATED, pod=pod or timeline.meta.pod, container=container)
        if r.t_ns in stretch and r.data.get("image")
    ]
    shots = snapshots_in(timeline, stretch, pod) if timeline.has(Source.STATUS) else ()
    shown = [s for s in shots if s.state(container)[0] in {"running", "terminated"}][-1:]
    if created:
        last = created[-1]
        shown = [s for s in shown if s.container_id(container) == last.data["id"]]
        names = {str(last.data["image"]), *(str(s.containers[container].get("image", "")) for s in shown)}
        return last.t_ns, {_plain(name) for name in names}
    return (
        (shown[0].t_ns, {_plain(str(s.containers[container].get("image", ""))) for s in shown})
        if shown
        else (0, set())
    )


def image_is(container: str, alias_or_ref: str, after: After | None = None, *, pod: str = "") -> Fact:
    """The container's last run used this image (an alias of `Meta.images` or a reference)."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        wanted = _plain(timeline.meta.images.get(alias_or_ref, alias_or_ref))
        t_ns, names = _last_images(timeline, stretch, container, pod)
        if not names:
            return inconclusive(f"no run of {container} was seen with its image")
        # a later run, with another image, could hide behind a gap
        witness = Source.RUNTIME if timeline.has(Source.RUNTIME) else Source.STATUS
        if gap := gap_in(timeline, Stretch(t_ns, stretch.end_ns, after), witness):
            return inconclusive(gap)
        return holds(wanted) if wanted in names else violated(f"image {', '.join(sorted(names))}", t_ns)

    return Fact(f"{container} used image {alias_or_ref}{words(after)}", "image_is", find)


def _image_ids(timeline: Timeline, stretch: Stretch, container: str, pod: str) -> tuple[str, list[tuple[int, str]]]:
    """Return the image id before a stretch and those shown in it."""
    old = str(snapshot_before(timeline, stretch, pod).containers.get(container, {}).get("imageID") or "")
    shots = snapshots_in(timeline, stretch, pod)
    shown = [(s.t_ns, str(s.containers.get(container, {}).get("imageID") or "")) for s in shots]
    return old, [(t_ns, image) for t_ns, image in shown if image]


def image_changed(container: str, after: After | None = FAULT, *, pod: str = "") -> Fact:
    """The status names another imageID than before the fault."""

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        old, shown = _image_ids(timeline, stretch, container, pod)
        if not old:
            return inconclusive(f"no imageID of {container} before the fault")
        for t_ns, image in shown:
            if image != old:
                return holds(f"at {at(timeline, t_ns)}", t_ns)
        gap = gap_in(timeline, stretch, Source.STATUS)
        return inconclusive(gap) if gap else violated("same imageID")

    return Fact(f"image of {container} changed{words(after)}", "image_changed", find)


def image_unchanged(*containers: str, after: After | None = FAULT, pod: str = "") -> Fact:
    """The status goes on naming the imageID that each container had before the fault."""

    def one(timeline: Timeline, stretch: Stretch, container: str) -> Found:
        old, shown = _image_ids(timeline, stretch, container, pod)
        for t_ns, image in shown:
            if image != old:
                return violated(f"imageID of {container} changed at {at(timeline, t_ns)}", t_ns)
        if not old:
            return inconclusive(f"no imageID of {container} before the fault")
        reason = unseen(timeline, stretch, Source.STATUS)
        return inconclusive(reason) if reason else holds()

    def find(timeline: Timeline) -> Found:
        stretch = stretch_of(timeline, after)
        return worst([one(timeline, stretch, container) for container in containers])

    return Fact(f"image of {', '.join(containers)} unchanged{words(after)}", "image_unchanged", find)
