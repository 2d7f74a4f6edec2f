"""Examples of the facts about sidecars: how they come up, what is shown of them, in which order all is stopped."""

from __future__ import annotations

from collections.abc import Sequence

from podvow.expect import (
    FAULT,
    backed_off,
    condition_never,
    condition_only_after_said,
    initialised_in_order,
    not_held_back,
    shown_running,
    signalled_only_after_said,
    signalled_while_running,
    started_only_after_said,
    stopped_in_order,
    stopped_within,
)
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import PodLife, Story, disconnected, gapped, without
from tests.offline.expect.table import Case, Cases, quiet

ORDER = ("side-1", "init-1", "side-2", "app")
STOP = ("app", "side-2", "side-1")


def came_up(order: Sequence[str] = ORDER, *, says: str = "side-2", early: str = "") -> tuple[Story, PodLife]:
    """Tell of a Pod whose containers come up in an order; a sidecar says "up" right after it (or `early` did)."""
    story = Story()
    pod = story.pod(inits=("init-1",), sidecars=("side-1", "side-2"))
    pod.new_sandbox()
    for name in order:
        if name == "init-1":
            pod.run_init(name)
        else:
            pod.start(name)
        if says == name and not early:
            pod.say(says, "up")
        if early == name:
            story.wait(2)
            pod.say(says, "up")
    return story, pod


def both_at_once() -> Timeline:
    """Tell of a kubelet that does not wait until the sidecar has started."""
    story = Story()
    pod = story.pod(inits=("init-1",), sidecars=("side-1", "side-2"))
    pod.new_sandbox().run_init("init-1").start("side-1").start("side-2").start("app")
    return quiet(story)


def waited_for_exit() -> Timeline:
    """Tell of a kubelet that starts what follows a sidecar only when the sidecar ends: never."""
    story = Story()
    pod = story.pod(inits=("init-1",), sidecars=("side-1", "side-2"))
    pod.new_sandbox().start("side-1")
    return quiet(story)


def told(pod: PodLife, name: str) -> None:
    """Let a container get TERM."""
    pod._trace(Kind.SIGNALLED, name, signal="TERM")
    pod.story.wait(0.02)


def stopped(order: Sequence[str] = STOP, *, silent: str = "", lasts: float = 1.0, ends: bool = True) -> Timeline:
    """Tell of a deleted Pod whose containers are told to stop and end, one after the other."""
    story, pod = came_up()
    story.fault("delete_pod", "grace period 8 s")
    for name in order:
        if name == silent:
            pod.kill(name, snap=False)
            story.wait(0.1)
            continue
        told(pod, name)
        pod.say(name, "closing")
        story.wait(lasts)
        if ends or name != order[-1]:
            pod.end(name, 143, snap=False)
    return story.reach("Pod gone").timeline()


def expired() -> Timeline:
    """Tell of a deleted Pod whose grace period is over when the second container is told: so is the third one."""
    story, pod = came_up()
    story.fault("delete_pod", "grace period 0 s")
    told(pod, "app")
    pod.end("app", 143, snap=False)
    pod.deleting = True
    pod.snap()
    story.wait(1)
    for name in ("side-2", "side-1"):
        told(pod, name)
    for name in ("side-2", "side-1"):
        pod.end(name, 137, snap=False)
    return story.reach("Pod gone").timeline()


def all_at_once() -> Timeline:
    """Tell of a kubelet that tells all containers to stop at the same time."""
    story, pod = came_up()
    story.fault("delete_pod", "grace period 8 s")
    for name in STOP:
        told(pod, name)
    story.wait(1)
    for name in STOP:
        pod.end(name, 143, snap=False)
    return story.reach("Pod gone").timeline()


def said_too_late() -> Timeline:
    """Tell of a container that gets TERM, and only then says something."""
    story, pod = came_up()
    story.fault("delete_pod", "grace period 8 s")
    told(pod, "side-1")
    pod.say("side-1", "closing")
    return story.reach("Pod gone").timeline()


def said_before() -> Timeline:
    """Tell of a container whose hook speaks before it gets TERM."""
    story, pod = came_up()
    story.fault("delete_pod", "grace period 8 s")
    pod.say("side-1", "closing")
    story.wait(0.5)
    told(pod, "side-1")
    pod.end("side-1", 143, snap=False)
    return story.reach("Pod gone").timeline()


def ready_after(seconds: float, *, speaks: bool = True) -> Timeline:
    """Tell of a Pod whose sidecar says "up" that long after the Pod was shown ready; negative: before."""
    story = Story()
    pod = story.pod(inits=("init-1",), sidecars=("side-1",))
    pod.new_sandbox().start("side-1").run_init("init-1")
    if seconds < 0:
        pod.say("side-1", "up")
        story.wait(-seconds)
    pod.start_apps()
    story.wait(max(seconds, 0))
    if speaks and seconds >= 0:
        pod.say("side-1", "up")
    return quiet(story)


UP = quiet(came_up()[0])
UNORDERED = quiet(came_up(("side-1", "side-2", "init-1", "app"))[0])
LATE = quiet(came_up(early="app")[0])
STOPPED = stopped()
AT_ONCE = all_at_once()


def crashing(*gaps_s: float) -> Timeline:
    """Tell of a sidecar that crashes, and of the time until it runs again."""
    story, pod = came_up()
    for gap_s in gaps_s:
        pod.end("side-2", 1)
        story.wait(gap_s)
        pod.restart("side-2")
    return quiet(story)


def crashed(wait_s: float) -> Timeline:
    """Tell of a sidecar that crashes and is not started again for as long as is looked."""
    story, pod = came_up()
    pod.end("side-2", 1)
    story.wait(wait_s)
    return quiet(story)


def no_trace(timeline: Timeline) -> Timeline:
    return disconnected(timeline, Source.TRACE)


CASES: Cases = {
    "backed_off": Case(
        accept=[(backed_off("side-2", 0, 10), crashing(0, 12)), (backed_off("side-2", 0), crashing(20, 12))],
        reject=[(backed_off("side-2", 0, 10), crashing(0, 2)), (backed_off("side-2", 0, 10), crashing(0))],
        open=[(backed_off("side-2", 0, 10), gapped(crashing(0, 12), Source.TRACE, Source.RUNTIME))],
    ),
    "not_held_back": Case(
        accept=[(not_held_back("side-2", run=2, at_most_s=5), crashing(0, 12))],
        reject=[
            (not_held_back("side-2", run=3, at_most_s=5), crashing(0, 12)),
            (not_held_back("side-2", run=2, at_most_s=5), crashing(20, 12)),
            (not_held_back("side-2", run=2, at_most_s=5), crashed(20)),
        ],
        open=[
            (not_held_back("side-2", run=4, at_most_s=5), crashing(0, 12)),
            (not_held_back("side-2", run=2, at_most_s=500), crashed(20)),
            (not_held_back("side-2", run=2, at_most_s=5), gapped(crashing(20, 12), Source.TRACE, Source.RUNTIME)),
        ],
    ),
    "initialised_in_order": Case(
        accept=[(initialised_in_order(*ORDER), UP), (initialised_in_order(*ORDER), no_trace(UP))],
        reject=[
            (initialised_in_order(*ORDER), UNORDERED),
            (initialised_in_order("side-1", "side-2", "init-1", "app"), UP),
            (initialised_in_order(*ORDER), both_at_once()),
            (initialised_in_order(*ORDER), waited_for_exit()),
        ],
        open=[
            (initialised_in_order(*ORDER), gapped(waited_for_exit())),
            (initialised_in_order(*ORDER, after=FAULT), UP),
        ],
    ),
    "started_only_after_said": Case(
        accept=[(started_only_after_said("app", "side-2", "up"), UP)],
        reject=[
            (started_only_after_said("app", "side-2", "up"), LATE),
            (started_only_after_said("app", "side-1", "up"), UP),
            (started_only_after_said("app", "side-1", "up"), waited_for_exit()),
        ],
        open=[
            (started_only_after_said("app", "side-2", "up"), no_trace(UP)),
            (started_only_after_said("app", "side-1", "up"), gapped(UP)),
        ],
    ),
    "shown_running": Case(
        accept=[
            (shown_running("side-1", started=True, restartCount=0), UP),
            (shown_running("app", restartCount=0), UP),
        ],
        reject=[
            (shown_running("side-1", started=False), UP),
            (shown_running("app", restartCount=1), UP),
            (shown_running("side-2", started=True), waited_for_exit()),
        ],
        open=[(shown_running("side-1", started=False), gapped(UP, Source.STATUS))],
    ),
    "condition_never": Case(
        accept=[(condition_never("Ready", "True"), waited_for_exit())],
        reject=[(condition_never("Ready", "True"), UP)],
        open=[
            (condition_never("Ready", "True"), gapped(waited_for_exit())),
            (condition_never("Ready", "True"), came_up(("side-1", "init-1"))[0].timeline()),
        ],
    ),
    "condition_only_after_said": Case(
        accept=[
            (condition_only_after_said("Ready", "side-1", "up"), ready_after(-3)),
            # within the second that the stamp counts
            (condition_only_after_said("Ready", "side-1", "up"), ready_after(0)),
        ],
        reject=[
            (condition_only_after_said("Ready", "side-1", "up"), ready_after(3)),
            (condition_only_after_said("Ready", "side-1", "up"), ready_after(3, speaks=False)),
            (condition_only_after_said("Ready", "side-1", "up"), waited_for_exit()),
        ],
        open=[
            (condition_only_after_said("Ready", "side-1", "up"), no_trace(ready_after(-3))),
            (condition_only_after_said("Ready", "side-1", "up"), gapped(waited_for_exit(), Source.STATUS)),
        ],
    ),
    "stopped_in_order": Case(
        accept=[
            (stopped_in_order(*STOP), STOPPED),
            (stopped_in_order(("app",), "side-2", "side-1", after=None), STOPPED),
            (stopped_in_order(*STOP), stopped(silent="app")),
        ],
        reject=[
            (stopped_in_order(*STOP), AT_ONCE),
            (stopped_in_order(*STOP), stopped(("app", "side-1", "side-2"))),
            (stopped_in_order(*STOP), stopped(("side-2", "side-1", "app"))),
            (stopped_in_order(*STOP), stopped(silent="side-1")),
            (stopped_in_order(*STOP), stopped(ends=False)),
        ],
        open=[
            (stopped_in_order(*STOP), no_trace(STOPPED)),
            (stopped_in_order(*STOP), gapped(stopped(silent="side-1"))),
            (stopped_in_order("sidecar", "side-1"), STOPPED),
            (stopped_in_order(*STOP), expired()),
            (stopped_in_order(*STOP), UP),
        ],
    ),
    "signalled_while_running": Case(
        accept=[(signalled_while_running("side-1", "app"), AT_ONCE)],
        reject=[
            (signalled_while_running("side-1", "app"), STOPPED),
            (signalled_while_running("side-1", "app"), stopped(silent="side-1")),
        ],
        open=[
            (signalled_while_running("side-1", "app"), no_trace(AT_ONCE)),
            (
                signalled_while_running("side-1", "app"),
                gapped(without(AT_ONCE, lambda r: r.kind in {Kind.EXITED, Kind.CONTAINER_EXITED})),
            ),
        ],
    ),
    "signalled_only_after_said": Case(
        accept=[(signalled_only_after_said("side-1", "closing"), said_before())],
        reject=[
            (signalled_only_after_said("side-1", "closing"), said_too_late()),
            (signalled_only_after_said("side-1", "closing"), stopped(silent="side-1")),
        ],
        open=[
            (signalled_only_after_said("side-1", "closing"), no_trace(said_before())),
            (signalled_only_after_said("side-1", "closing"), gapped(said_too_late())),
        ],
    ),
    "stopped_within": Case(
        accept=[(stopped_within(4, *STOP), STOPPED)],
        reject=[
            (stopped_within(4, *STOP), stopped(lasts=8)),
            (stopped_within(4, *STOP), stopped(lasts=9, ends=False)),
            (stopped_within(1, *STOP), stopped(lasts=6)),
        ],
        open=[
            (stopped_within(4, *STOP), stopped(ends=False)),
            (stopped_within(4, *STOP), gapped(STOPPED)),
            (stopped_within(4, *STOP, window="none"), STOPPED),
            (stopped_within(4, *STOP), no_trace(STOPPED)),
        ],
    ),
}
