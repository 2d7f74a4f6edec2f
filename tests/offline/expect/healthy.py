"""Stories of a cluster that keeps every promise, with the traps of real evidence: no invariant may object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import MS, PodLife, Story, without
from tests.offline.expect.cases_objects import TALK, repeated, rollout
from tests.offline.expect.cases_order import QUIET, app_killed, crashing, failing, healthy, two_apps
from tests.offline.expect.cases_state import (
    app_patched,
    completed,
    crash_looping,
    deleted,
    initialising,
    unpullable,
)
from tests.offline.expect.table import lost_sandbox, patched, quiet, reinitialised, steady

THREE = ("init-1", "init-2", "init-3")


def lost_during_init() -> Timeline:
    """The sandbox is lost while init-2 runs; an old status goes on showing it running."""
    story = Story()
    pod = story.pod(inits=THREE)
    pod.new_sandbox().run_init("init-1").start("init-2")
    story.fault("kill_pause")
    stale = pod.raw()
    pod.end_sandbox()
    story.wait(0.4)
    pod.kill("init-2", snap=False)
    pod.new_sandbox().start("init-1", snap=False)
    stale["status"]["initContainerStatuses"][0] = pod.all["init-1"].status(init=True)
    story.add(Source.STATUS, Kind.SNAPSHOT, pod=pod.name, uid=pod.uid, data={"object": stale})
    story.wait(1)
    pod.end("init-1").run_init("init-2").run_init("init-3").start_apps()
    return story.reach().timeline()


def flaky(policy: str = "OnFailure") -> Timeline:
    """init-2 fails twice, then succeeds."""
    story = Story()
    pod = story.pod(inits=THREE, policy=policy)
    pod.new_sandbox().run_init("init-1").run_init("init-2", 1)
    for code in (1, 0):
        pod.await_restart("init-2").restart("init-2").end("init-2", code)
    pod.run_init("init-3").start_apps()
    return quiet(story)


def silent_runs() -> Timeline:
    """Containers that are killed before their first line, start errors, and one that lives for an instant only."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1")
    pod.start("init-2", first_line=False).kill("init-2")
    story.wait(3)
    pod.start("init-2", first_line=False)
    story.wait(4)
    pod.kill("init-2").await_restart("init-2")
    container = pod.all["init-2"]
    container.cid = "never-started"
    container.state = {"terminated": {"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z"}}
    pod.snap()
    story.wait(11)
    pod.restart("init-2").end("init-2").start_apps()
    pod.end("app").start("app", first_line=False).end("app", last_line=False).restart("app")
    return quiet(story)


def with_sidecars() -> Timeline:
    """A sidecar starts before the inits, dies, comes back, and the inits run on."""
    story = Story()
    pod = story.pod(sidecars=("proxy",), policy="Never")
    pod.new_sandbox().start("proxy").start("init-1").kill("proxy").restart("proxy")
    story.wait(1)
    pod.end("init-1").run_init("init-2").start_apps().kill("proxy").restart("proxy")
    return quiet(story)


def never_app_patched() -> Timeline:
    """Policy Never does not keep a container with a changed image from being replaced."""
    story = Story()
    pod = story.pod(policy="Never")
    pod.initialise()
    story.fault("set_image", "app → green")
    pod.patch_image("app").kill("app").restart("app")
    return quiet(story)


def never_record_lost() -> Timeline:
    """The record of a finished init is removed while the next one waits: it runs again, even under Never."""
    story = Story()
    pod = story.pod(policy="Never")
    pod.new_sandbox().run_init("init-1").await_restart("init-2", "ImagePullBackOff")
    story.fault("remove_record", "init-1")
    story.add(
        Source.RUNTIME,
        Kind.CONTAINER_DELETED,
        pod=pod.name,
        uid=pod.uid,
        container="init-1",
        data={"id": pod.all["init-1"].cid},
    )
    pod.run_init("init-1").run_init("init-2").start_apps()
    return story.reach().timeline()


def never_with_rules() -> Timeline:
    """Restart rules of a container are its own policy."""
    story = Story()
    pod = story.pod(policy="Never")
    pod.own_spec["app"] = {"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]}
    pod.snap(kubelet=False).initialise().end("app", 42).restart("app")
    return quiet(story)


def power_lost() -> Timeline:
    """The node dies with everything on it: nobody sees the ends, the sources tell of the hole."""
    story, pod = steady(inits=THREE)
    story.fault("power_off", "worker")
    story.gap(Source.RUNTIME, 8).gap(Source.TRACE, 8)
    for container in pod.all.values():
        if container.alive:
            pod.end(container.name, 255, snap=False, last_line=False, seen=False)
    pod.sandbox = ""
    story.wait(9)
    pod.initialise()
    return story.reach().timeline()


def power_lost_during_init() -> Timeline:
    """As above, with init-2 running."""
    story = Story()
    pod = story.pod(inits=THREE)
    pod.new_sandbox().run_init("init-1").start("init-2")
    story.fault("power_off", "worker")
    story.gap(Source.RUNTIME, 8).gap(Source.TRACE, 8).wait(9)
    pod.initialise()
    return story.reach().timeline()


def deleted_during_init() -> Timeline:
    story = Story()
    pod = story.pod(policy="Never")
    pod.new_sandbox().start("init-1")
    story.fault("delete_pod", "main")
    pod.deleting = True
    pod.snap().end("init-1", 143).finish("Failed").delete()
    return story.reach("Pod gone").hold().timeline()


def onfailure_frozen() -> Timeline:
    """An OnFailure Pod re-initialises; its app had succeeded and stays down; the status stands still."""
    story = Story()
    pod = story.pod(apps=("job", "app"), policy="OnFailure")
    pod.initialise()
    pod.end("job")
    story.fault("stop_sandbox")
    pod.lose_sandbox(snap=False).new_sandbox()
    for init in pod.inits:
        pod.start(init, snap=False)
        story.wait(1)
        pod.end(init, snap=False)
    pod.start("app")
    return story.reach().timeline()


def restart_all() -> Timeline:
    """RestartAllContainers: everything runs again in the same sandbox, in a Never Pod."""
    story = Story()
    pod = story.pod(policy="Never")
    rules = {"restartPolicyRules": [{"action": "RestartAllContainers"}]}
    pod.own_spec["app"] = rules
    pod.snap(kubelet=False).initialise().end("app", 88)
    pod.initialise()
    return quiet(story)


def patched_before_start() -> Timeline:
    """An init that cannot be pulled gets a good image; a later one is patched too."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().await_restart("init-1", "ImagePullBackOff")
    story.fault("set_image", "init-1 → blue")
    pod.patch_image("init-1").patch_image("init-2").run_init("init-1").run_init("init-2").start_apps()
    return quiet(story)


def same_name_other_shape() -> Timeline:
    """A Pod is created again under its name with other containers."""
    story, pod = steady()
    story.fault("recreate_pod", "main")
    pod.finish("Running").delete()
    story.pod(uid="uid-2", inits=("fetch",), apps=("web",)).initialise()
    return story.reach().timeline()


def connected_late() -> Timeline:
    """The runtime source came when the sandbox and init-1 had been there for a while."""
    timeline = healthy()
    sandbox = timeline.sandboxes()[0]
    init = timeline.runs("init-1")[0].container_id
    ids = {sandbox.id, init}
    return without(timeline, lambda r: r.source is Source.RUNTIME and r.data["id"] in ids)


def skewed(source: Source, by_ms: int) -> Timeline:
    """Shift one source's clock a little against the others."""
    timeline = reinitialised()
    records = [replace(r, t_ns=r.t_ns + by_ms * MS) if r.source is source else r for r in timeline.records]
    return Timeline(timeline.meta, records)


def nothing_deployed() -> Timeline:
    return (
        Story()
        .say(Kind.REJECTED, object={"kind": "Pod", "metadata": {"name": "main"}}, status=422, body={})
        .timeline()
    )


def _pods_side_by_side() -> Timeline:
    story = Story()
    pods: list[PodLife] = [story.pod(f"web-{n}", f"uid-{n}") for n in range(2)]
    for pod in pods:
        pod.new_sandbox()
    for init in pods[0].inits:
        for pod in pods:
            pod.start(init)
        story.wait(1)
        for pod in pods:
            pod.end(init)
    for pod in pods:
        pod.start_apps()
    return quiet(story)


def _reboot_after_patch() -> Timeline:
    story, pod = patched()
    story.reach().hold().fault("kill_pause")
    pod.lose_sandbox().initialise()
    return story.reach().timeline()


def _sandbox_lost_twice() -> Timeline:
    story, pod = lost_sandbox()
    pod.new_sandbox().run_init("init-1").lose_sandbox().initialise()
    return story.reach().timeline()


STORIES: dict[str, Callable[[], Timeline]] = {
    "healthy": healthy,
    "patched": lambda: QUIET,
    "app-patched": app_patched,
    "app-killed": lambda: app_killed(2),
    "never-app-patched": never_app_patched,
    "never-record-lost": never_record_lost,
    "never-with-rules": never_with_rules,
    "never-completed": completed,
    "never-failed": failing,
    "reinitialised": reinitialised,
    "lost-twice": _sandbox_lost_twice,
    "lost-during-init": lost_during_init,
    "reboot-after-patch": _reboot_after_patch,
    "flaky": flaky,
    "flaky-always": lambda: flaky("Always"),
    "crashing": lambda: crashing(0.3, 10.4),
    "crash-looping": crash_looping,
    "silent-runs": silent_runs,
    "sidecars": with_sidecars,
    "two-apps": lambda: two_apps(parallel=True),
    "power-lost": power_lost,
    "power-lost-during-init": power_lost_during_init,
    "deleted": deleted,
    "recreated": lambda: deleted(again=True),
    "recreated-other-shape": same_name_other_shape,
    "deleted-during-init": deleted_during_init,
    "onfailure-frozen": onfailure_frozen,
    "restart-all": restart_all,
    "patched-before-start": patched_before_start,
    "connected-late": connected_late,
    "trace-early": lambda: skewed(Source.TRACE, -40),
    "trace-late": lambda: skewed(Source.TRACE, 40),
    "status-late": lambda: skewed(Source.STATUS, 900),
    "initialising-with-sidecar": lambda: initialising(sidecars=("proxy",)),
    "rollout": rollout,
    "side-by-side": _pods_side_by_side,
    "talking": lambda: TALK,
    "repeated": repeated,
    "unpullable": unpullable,
    "nothing-deployed": nothing_deployed,
}


@cache
def told(story: str) -> Timeline:
    """Tell a story, once."""
    return STORIES[story]()
