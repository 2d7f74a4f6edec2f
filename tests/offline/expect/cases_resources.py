"""Examples of the facts about resources, the scheduler and a Pod's deadline."""

from __future__ import annotations

from typing import Any

from podvow.expect import (
    FAULT,
    all_runs_in_one_sandbox,
    applied_resources,
    cgroup_had,
    deadline_ended,
    deadline_noticed,
    each_run_in_new_sandbox,
    resources_became,
    resources_kept,
    scheduled,
    spec_resources,
    stayed_unschedulable,
)
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import Story, disconnected, edited, gapped, with_event, without
from tests.offline.expect.cases_order import without_control
from tests.offline.expect.table import Case, Cases, quiet, steady

OLD: dict[str, Any] = {"requests": {"cpu": "20m"}, "limits": {"cpu": "60m", "memory": "32Mi"}}
NEW: dict[str, Any] = {"requests": {"cpu": "30m"}, "limits": {"cpu": "90m", "memory": "32Mi"}}


def resized(*, status: bool = True, allocated: bool = True) -> Timeline:
    """Tell of an app that is resized; the status and the allocation follow, or not."""
    story, pod = steady()
    story.fault("resize", "app → cpu=30m/90m")
    pod.own_spec["app"] = {"resources": NEW}
    pod.generation += 1
    pod.observed = pod.generation
    pod.snap()
    begin = next(r.t_ns for r in story.records if r.kind is Kind.FAULT)
    timeline = quiet(story)

    def show(data: dict[str, Any], *, after: bool) -> None:
        for raw in data["object"]["status"].get("containerStatuses", ()):
            raw["resources"] = NEW if after and status else OLD
            raw["allocatedResources"] = (NEW if after and allocated else OLD)["requests"]

    told = edited(timeline, lambda r: r.kind is Kind.SNAPSHOT and r.t_ns < begin, lambda d: show(d, after=False))
    return edited(told, lambda r: r.kind is Kind.SNAPSHOT and r.t_ns >= begin, lambda d: show(d, after=True))


def stored(resources: dict[str, Any] | None, *, refused: bool = False) -> Timeline:
    """Tell of a Pod that the API server took, or did not take."""
    app = {"name": "app"} if resources is None else {"name": "app", "resources": resources}
    raw = {"kind": "Pod", "metadata": {"name": "main"}, "spec": {"containers": [app]}}
    story = Story()
    if refused:
        return story.say(Kind.REJECTED, object=raw, status=403, body={}).timeline()
    return story.say(Kind.APPLIED, object=raw).timeline()


def cgroup(**facts: Any) -> Timeline:
    """Tell of a Pod whose cgroup was read."""
    known = {"version": 1, "cpu_quota_us": 6000, "cpu_period_us": 100000, "cpu_shares": 20, "cpu_weight": None}
    return Story().look("cgroup of the Pod", facts={**known, "memory_bytes": 32 << 20, **facts}).timeline()


def unplaced(*, message: str = "0/3 nodes: 3 Insufficient cpu.", node_after: bool = False) -> Timeline:
    """Tell of a Pod that the scheduler finds no node for, before a fault and after it."""
    story = Story()
    pod = story.pod()
    pod.node = ""
    story.fault("offer_resource", "cpu = 4").wait(0.5)
    if node_after:
        pod.node = "worker"
    pod.snap(kubelet=False)
    timeline = story.reach("witness running").hold().timeline()
    refusal = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}

    def refuse(data: dict[str, Any]) -> None:
        spec = data["object"]["spec"]
        if not (node_after and spec.get("nodeName")):
            data["object"]["status"]["conditions"] = [refusal] if message else []

    def unbind(data: dict[str, Any]) -> None:
        data["object"]["spec"].pop("nodeName", None)
        refuse(data)

    begin = next(r.t_ns for r in timeline.records if r.kind is Kind.FAULT)
    told = edited(timeline, lambda r: r.kind is Kind.SNAPSHOT and r.t_ns < begin, unbind)
    return edited(told, lambda r: r.kind is Kind.SNAPSHOT and r.t_ns >= begin, refuse)


def deadline(lasts: float, *, ends: bool = True, starts: bool = True, told: float | None = None) -> Timeline:
    """Tell of an init container that is ended so long after the Pod was taken on, to about a second.

    Args:
        lasts: after how many seconds it ends.
        ends: whether it does.
        starts: whether it ever began.
        told: after how many seconds an event says that the deadline has passed.
    """
    story = Story()
    pod = story.pod()
    pod.new_sandbox().snap()
    if starts:
        pod.start("init-1")
        story.wait(lasts)
        if ends:
            pod.kill("init-1")
    pod.finish("Failed", "DeadlineExceeded")
    timeline = story.timeline()
    if told is None:
        return timeline
    second_ns = (timeline.start_ns // 10**9 + int(told)) * 10**9
    return with_event(timeline, second_ns, "DeadlineExceeded")


def retried(*, anew: bool, times: int = 2) -> Timeline:
    """Tell of an init container that is retried, each time in a new sandbox or always in the old one."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().snap()
    for number in range(times):
        if number and anew:
            pod.end_sandbox().new_sandbox().snap()
        pod.run_init("init-1", 1)
    return story.reach("init-1 started again").timeline()


LIMITED = cgroup()
FREE = cgroup(version=2, cpu_quota_us=None, cpu_shares=None, cpu_weight=1, memory_bytes=None)

CASES: Cases = {
    "applied_resources": Case(
        accept=[
            (applied_resources("app", "cpu=20m/60m", "memory=/32Mi"), stored(OLD)),
            (applied_resources("app", "cpu=0.02/0.06", "memory=none/33554432"), stored(OLD)),
            (applied_resources("app", "cpu=none"), stored(None)),
        ],
        reject=[
            (applied_resources("app", "cpu=20m/61m"), stored(OLD)),
            (applied_resources("app", "memory=32Mi"), stored(OLD)),
            (applied_resources("app", "cpu=none/60m"), stored(OLD)),
            (applied_resources("app", "cpu=20m/"), stored(None)),
        ],
        open=[
            (applied_resources("app", "cpu=20m/"), stored(OLD, refused=True)),
            (applied_resources("init-1", "cpu=20m/"), stored(OLD)),
            (applied_resources("app", "cpu=20m/"), Story().reach().timeline()),
        ],
    ),
    "resources_became": Case(
        accept=[(resources_became("app", "cpu=30m/90m"), resized())],
        reject=[
            (resources_became("app", "cpu=30m/90m"), resized(status=False)),
            (resources_became("app", "cpu=30m/90m"), resized(allocated=False)),
            (resources_became("app", "cpu=20m/60m"), resized()),
        ],
        open=[
            (resources_became("app", "cpu=30m/90m"), gapped(resized(status=False))),
            (resources_became("app", "cpu=30m/90m"), disconnected(resized(), Source.STATUS)),
        ],
    ),
    "resources_kept": Case(
        accept=[(resources_kept("app", "cpu=20m/60m"), resized(status=False))],
        reject=[(resources_kept("app", "cpu=20m/60m"), resized())],
        open=[
            (resources_kept("app", "cpu=20m/60m"), gapped(resized(status=False))),
            (resources_kept("app", "cpu=20m/60m"), without_control(resized(status=False))),
        ],
    ),
    "spec_resources": Case(
        accept=[(spec_resources("app", "cpu=30m/90m"), resized())],
        reject=[(spec_resources("app", "cpu=20m/60m"), resized())],
        open=[
            (spec_resources("app", "cpu=30m/90m"), gapped(resized())),
            (spec_resources("nobody", "cpu=30m/90m"), resized()),
        ],
    ),
    "cgroup_had": Case(
        accept=[
            (cgroup_had("cpu=20m/60m", "memory=/32Mi"), LIMITED),
            (cgroup_had("cpu=0/1m"), cgroup(cpu_shares=2, cpu_quota_us=1000)),
            (cgroup_had("cpu=20m/none", "memory=/none"), FREE),
            (cgroup_had("cpu=1/"), cgroup(version=2, cpu_shares=None, cpu_weight=39)),
            (cgroup_had("cpu=1/"), cgroup(version=2, cpu_shares=None, cpu_weight=100)),
        ],
        reject=[
            (cgroup_had("cpu=20m/61m"), LIMITED),
            (cgroup_had("cpu=30m/60m"), LIMITED),
            (cgroup_had("cpu=20m/none"), LIMITED),
            (cgroup_had("memory=/33Mi"), LIMITED),
            (cgroup_had("memory=/32Mi"), FREE),
            (cgroup_had("cpu=1/"), cgroup(version=2, cpu_shares=None, cpu_weight=50)),
        ],
        open=[
            (cgroup_had("cpu=20m/60m", of="app"), LIMITED),
            (cgroup_had("memory=32Mi"), LIMITED),
            (cgroup_had("cpu=20m/60m"), Story().look("cgroup of the Pod", error="gone").timeline()),
        ],
    ),
    "stayed_unschedulable": Case(
        accept=[(stayed_unschedulable("Insufficient cpu", after=FAULT), unplaced())],
        reject=[
            (stayed_unschedulable("Insufficient memory", after=FAULT), unplaced()),
            (stayed_unschedulable("Insufficient cpu", after=FAULT), unplaced(message="")),
            (stayed_unschedulable("Insufficient cpu", after=FAULT), unplaced(node_after=True)),
        ],
        open=[
            (stayed_unschedulable("Insufficient cpu", after=FAULT), gapped(unplaced())),
            (stayed_unschedulable("Insufficient cpu", after=FAULT), without_control(unplaced())),
            (stayed_unschedulable("Insufficient cpu", pod="nobody"), unplaced()),
        ],
    ),
    "scheduled": Case(
        accept=[(scheduled(), unplaced(node_after=True))],
        reject=[(scheduled(), unplaced()), (scheduled(), resized())],
        open=[(scheduled(), gapped(unplaced())), (scheduled(), disconnected(unplaced(), Source.STATUS))],
    ),
    "each_run_in_new_sandbox": Case(
        accept=[(each_run_in_new_sandbox("init-1"), retried(anew=True, times=3))],
        reject=[(each_run_in_new_sandbox("init-1"), retried(anew=False))],
        open=[
            (each_run_in_new_sandbox("init-1"), retried(anew=True, times=1)),
            (each_run_in_new_sandbox("init-1"), disconnected(retried(anew=True), Source.RUNTIME)),
        ],
    ),
    "all_runs_in_one_sandbox": Case(
        accept=[(all_runs_in_one_sandbox("init-1"), retried(anew=False, times=3))],
        reject=[(all_runs_in_one_sandbox("init-1"), retried(anew=True))],
        open=[
            (all_runs_in_one_sandbox("init-1"), retried(anew=False, times=1)),
            (all_runs_in_one_sandbox("init-1"), disconnected(retried(anew=True), Source.RUNTIME)),
        ],
    ),
    "deadline_ended": Case(
        accept=[(deadline_ended("init-1", 20, "terminal"), deadline(22))],
        reject=[
            (deadline_ended("init-1", 20, "terminal"), deadline(15)),
            (deadline_ended("init-1", 20, "terminal"), deadline(40)),
            (deadline_ended("init-1", 20, "terminal"), deadline(25, ends=False)),
        ],
        open=[
            (deadline_ended("init-1", 20, "terminal"), deadline(25, starts=False)),
            (deadline_ended("init-1", 20, "terminal"), gapped(deadline(25, ends=False))),
            (deadline_ended("init-1", 20, "no-window"), deadline(22)),
        ],
    ),
    "deadline_noticed": Case(
        accept=[
            (deadline_noticed(20), deadline(30, told=21)),
            # the event was lost
            (deadline_noticed(20), deadline(22)),
        ],
        reject=[
            (deadline_noticed(20), deadline(30, told=15)),
            (deadline_noticed(20), deadline(45, told=40)),
            (deadline_noticed(20), deadline(45)),
        ],
        open=[
            (deadline_noticed(20), deadline(25, ends=False)),
            (deadline_noticed(20), deadline(25, starts=False)),
            (deadline_noticed(20, "no-window"), deadline(22)),
            (deadline_noticed(20), without(deadline(22), lambda r: r.kind is Kind.SNAPSHOT)),
        ],
    ),
}
