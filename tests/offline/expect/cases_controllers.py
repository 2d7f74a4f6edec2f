"""Examples of the facts about a workload's Pods, the conditions of objects, and the endpoints of a Service."""

from __future__ import annotations

from typing import Any

from podvow.expect import (
    FAULT,
    created_before_ready,
    created_only_after_ready,
    each_new_pod,
    each_old_pod,
    each_pod,
    endpoint_never,
    endpoint_ports,
    endpoint_shown,
    endpoint_while_initialising,
    endpoint_withdrawn_until_reinitialised,
    never_created,
    never_ran,
    not_rerun,
    object_condition,
    object_kept,
    phase_reached,
    pod_gone,
    ran,
    ran_in_order,
)
from podvow.timeline import Source, Timeline
from tests.offline.expect.builder import PodLife, Story, disconnected, gapped
from tests.offline.expect.cases_objects import rollout
from tests.offline.expect.cases_order import without_control
from tests.offline.expect.table import Case, Cases

ONCE = (ran("init-1", times=1), ran("init-2", times=1))
IN_ORDER = ran_in_order("init-1", "init-2", "app")


def failing_job(*, pods: int = 2, app_starts: bool = False, control: bool = True) -> Timeline:
    """Tell of a Job whose Pods fail in init-1, one after the other."""
    story = Story(main="")
    story.object("Job", status={})
    for n in range(pods):
        pod = story.pod(f"work-{n}", f"uid-{n}", policy="Never")
        pod.new_sandbox().run_init("init-1", 3)
        if app_starts:
            pod.start_apps()
        pod.finish("Failed")
        story.object("Job", status={"failed": n + 1})
    failed = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
    story.object("Job", status={"failed": pods, "conditions": failed})
    return story.reach("Job failed", control=control).timeline()


def replaced(*, rerun: bool = True) -> Timeline:
    """Tell of a Pod that is deleted and created again under its name."""
    story = Story(main="")
    story.pod("db-0", "uid-a").initialise().delete()
    story.fault("delete_pod")
    again = story.pod("db-0", "uid-b").new_sandbox()
    if rerun:
        again.initialise()
    else:
        again.start_apps()
    return story.reach().timeline()


def ordinals(*, waits: bool = True, second: bool = True, gap: bool = False) -> Timeline:
    """Tell of a StatefulSet's two Pods."""
    story = Story(main="")
    first = story.pod("db-0", "uid-0")
    if waits:
        first.initialise()
    if gap:
        story.gap(Source.STATUS)
    if second:
        story.pod("db-1", "uid-1").initialise()
    if not waits:
        first.initialise()
    return story.reach("2 Pods ready").hold().timeline()


def deployment(*available: int, late: bool = True) -> Timeline:
    """Tell of a Deployment's status after a fault."""
    story = Story(main="")
    story.object("Deployment", status={"availableReplicas": 2})
    story.fault("set_template_image")
    for number in available:
        story.object("Deployment", status={"availableReplicas": number} if number else {})
    listed = [{"type": "Progressing", "status": "False" if late else "True", "reason": "ProgressDeadlineExceeded"}]
    story.object("Deployment", status={"availableReplicas": 2, "conditions": listed})
    return story.reach("Progressing=False").hold().timeline()


def list_in_slice(story: Story, pod: PodLife, *, ports: tuple[int, ...] = (8080,), **conditions: bool) -> None:
    """Let an EndpointSlice be seen that lists the Pod."""
    entry: dict[str, Any] = {"targetRef": {"kind": "Pod", "name": pod.name}, "conditions": conditions}
    story.object("EndpointSlice", "es-1", endpoints=[entry], ports=[{"port": p} for p in ports])


def served(
    *,
    early_ready: bool = False,
    late_ready: bool = True,
    ports: tuple[int, ...] = (8080,),
    listed: bool = True,
    lasts: float = 4.0,
) -> Timeline:
    """Tell of a Pod behind a Service that initialises and gets ready."""
    story = Story()
    pod = story.pod(lasts=lasts)
    story.object("EndpointSlice", "es-1")
    pod.new_sandbox().snap().run_init("init-1")
    if listed:
        list_in_slice(story, pod, ports=ports, ready=early_ready, serving=False)
    pod.run_init("init-2").start_apps()
    if late_ready:
        list_in_slice(story, pod, ports=ports, ready=True, serving=True)
    return story.reach("endpoint ready").hold().timeline()


def withdrawn(*, away: bool = True, early_back: bool = False, back: bool = True) -> Timeline:
    """Tell of a Pod behind a Service that loses its sandbox."""
    story = Story()
    pod = story.pod(lasts=4.0).initialise()
    list_in_slice(story, pod, ready=True)
    story.fault("kill_pause")
    pod.lose_sandbox()
    if away:
        list_in_slice(story, pod, ready=False)
    pod.new_sandbox().run_init("init-1")
    if early_back:
        list_in_slice(story, pod, ready=True)
    pod.run_init("init-2").start_apps()
    if back:
        list_in_slice(story, pod, ready=True)
    return story.reach("endpoint ready").timeline()


CASES: Cases = {
    "each_pod": Case(
        accept=[
            (each_pod(ran("init-1", times=1), phase_reached("Failed"), never_ran("app"), count=2), failing_job()),
            (each_pod(ran("init-1", times=1)), failing_job()),
            (each_pod(*ONCE, IN_ORDER, count=2), replaced()),
        ],
        reject=[
            (each_pod(count=2), failing_job(pods=3)),
            (each_pod(count=2), failing_job(pods=1)),
            (each_pod(), failing_job(pods=0)),
            (each_pod(never_ran("app"), count=2), failing_job(app_starts=True)),
            (each_pod(*ONCE, IN_ORDER, count=2), replaced(rerun=False)),
        ],
        open=[
            (each_pod(count=2), gapped(failing_job())),
            (each_pod(count=2), gapped(failing_job(pods=1))),
            (each_pod(count=2), disconnected(failing_job(), Source.STATUS)),
            (each_pod(ran("init-2", times=1), count=2), gapped(ordinals())),
        ],
    ),
    "each_new_pod": Case(
        accept=[
            (each_new_pod(*ONCE, IN_ORDER, count=1), rollout()),
            (each_new_pod(*ONCE, count=1), replaced()),
            (each_new_pod(count=0), deployment(2)),
        ],
        reject=[
            (each_new_pod(IN_ORDER, count=1), rollout(new_order=False)),
            (each_new_pod(IN_ORDER, count=1), rollout(new_ready=False)),
            (each_new_pod(count=0), rollout()),
            (each_new_pod(count=2), rollout()),
            (each_new_pod(*ONCE, count=1), replaced(rerun=False)),
        ],
        open=[
            (each_new_pod(*ONCE, count=1), gapped(rollout())),
            (each_new_pod(count=0), gapped(rollout())),
            (each_new_pod(*ONCE, count=1), without_control(rollout())),
            (each_new_pod(*ONCE, count=1), failing_job()),
        ],
    ),
    "each_old_pod": Case(
        accept=[
            (each_old_pod(*ONCE, count=2), rollout()),
            (each_old_pod(not_rerun("init-1")), rollout()),
            (each_old_pod(*ONCE, pod_gone(), count=1), replaced()),
        ],
        reject=[
            (each_old_pod(not_rerun("init-1"), count=2), rollout(old_restarts=True)),
            (each_old_pod(pod_gone(), count=2), rollout()),
            (each_old_pod(count=1), rollout()),
            (each_old_pod(), deployment(2)),
        ],
        open=[
            (each_old_pod(*ONCE, count=2), gapped(rollout())),
            (each_old_pod(not_rerun("init-1"), count=2), without_control(rollout())),
        ],
    ),
    "created_only_after_ready": Case(
        accept=[(created_only_after_ready("db-1", "db-0"), ordinals())],
        reject=[
            (created_only_after_ready("db-1", "db-0"), ordinals(waits=False)),
            (created_only_after_ready("db-1", "db-0"), ordinals(second=False)),
        ],
        open=[
            (created_only_after_ready("db-1", "db-0"), ordinals(gap=True)),
            (created_only_after_ready("db-1", "db-0"), disconnected(ordinals(), Source.STATUS)),
        ],
    ),
    "created_before_ready": Case(
        accept=[(created_before_ready("db-1", "db-0"), ordinals(waits=False))],
        reject=[
            (created_before_ready("db-1", "db-0"), ordinals()),
            (created_before_ready("db-1", "db-0"), ordinals(second=False)),
        ],
        open=[(created_before_ready("db-1", "db-0"), ordinals(waits=False, gap=True))],
    ),
    "never_created": Case(
        accept=[(never_created("db-1"), ordinals(second=False))],
        reject=[(never_created("db-1"), ordinals()), (never_created("db-0", after=FAULT), replaced())],
        open=[
            (never_created("db-1"), gapped(ordinals(second=False))),
            (never_created("db-9"), failing_job(pods=0, control=False)),
        ],
    ),
    "object_condition": Case(
        accept=[
            (object_condition("Job", "Failed", reason="BackoffLimitExceeded"), failing_job()),
            (object_condition("Job", "Failed"), failing_job()),
            (object_condition("Deployment", "Progressing", "False", after=FAULT), deployment()),
        ],
        reject=[
            (object_condition("Job", "Failed", reason="PodFailurePolicy"), failing_job()),
            (object_condition("Job", "Complete"), failing_job()),
            (object_condition("Deployment", "Progressing", "False"), deployment(late=False)),
        ],
        open=[
            (object_condition("Job", "Complete"), gapped(failing_job())),
            (object_condition("DaemonSet", "Ready"), failing_job()),
            (object_condition("Job", "Failed", after=FAULT), failing_job()),
        ],
    ),
    "object_kept": Case(
        accept=[(object_kept("Deployment", "status/availableReplicas", 2), deployment(2, 2))],
        reject=[
            (object_kept("Deployment", "status/availableReplicas", 2), deployment(2, 1)),
            (object_kept("Deployment", "status/availableReplicas", 2), deployment(0)),
        ],
        open=[
            (object_kept("Deployment", "status/availableReplicas", 2), gapped(deployment(2))),
            (object_kept("Deployment", "status/availableReplicas", 2), without_control(deployment(2))),
            (object_kept("Job", "status/failed", 0), deployment(2)),
        ],
    ),
    "endpoint_shown": Case(
        accept=[
            (endpoint_shown(ready=True, serving=True), served()),
            (endpoint_shown(ready=False, serving=False), served()),
        ],
        reject=[
            (endpoint_shown(ready=True), served(late_ready=False)),
            (endpoint_shown(ready=True), served(listed=False, late_ready=False)),
        ],
        open=[
            (endpoint_shown(ready=True), gapped(served(late_ready=False))),
            (endpoint_shown(ready=True), failing_job()),
        ],
    ),
    "endpoint_never": Case(
        accept=[(endpoint_never(ready=True), served(late_ready=False))],
        reject=[(endpoint_never(ready=True), served()), (endpoint_never(ready=False), served())],
        open=[
            (endpoint_never(ready=True), gapped(served(late_ready=False))),
            (endpoint_never(ready=True), failing_job()),
        ],
    ),
    "endpoint_while_initialising": Case(
        accept=[
            (endpoint_while_initialising(ready=False, serving=False), served()),
            (endpoint_while_initialising(ready=True, serving=False), served(early_ready=True)),
        ],
        reject=[
            (endpoint_while_initialising(ready=False), served(early_ready=True)),
            (endpoint_while_initialising(ready=True), served()),
            (endpoint_while_initialising(ready=False), served(listed=False)),
        ],
        open=[
            (endpoint_while_initialising(ready=False), gapped(served())),
            (endpoint_while_initialising(ready=False), gapped(served(listed=False))),
            (endpoint_while_initialising(ready=False), served(listed=False, lasts=0.5)),
            (endpoint_while_initialising(ready=False), failing_job()),
        ],
    ),
    "endpoint_withdrawn_until_reinitialised": Case(
        accept=[(endpoint_withdrawn_until_reinitialised(), withdrawn())],
        reject=[
            (endpoint_withdrawn_until_reinitialised(), withdrawn(away=False)),
            (endpoint_withdrawn_until_reinitialised(), withdrawn(early_back=True)),
            (endpoint_withdrawn_until_reinitialised(), withdrawn(back=False)),
        ],
        open=[
            (endpoint_withdrawn_until_reinitialised(), gapped(withdrawn())),
            (endpoint_withdrawn_until_reinitialised(), served()),
        ],
    ),
    "endpoint_ports": Case(
        accept=[(endpoint_ports(8080), served()), (endpoint_ports(), served(ports=()))],
        reject=[(endpoint_ports(8001), served()), (endpoint_ports(), served())],
        open=[
            (endpoint_ports(8080), gapped(served())),
            (endpoint_ports(8080), served(listed=False, late_ready=False)),
        ],
    ),
}
