"""Examples of the facts about the Pod, its conditions and its container statuses."""

from __future__ import annotations

from typing import Any

from podvow.expect import (
    FAULT,
    condition_became,
    condition_stayed,
    conditions_while_initialising,
    crash_looped,
    generation_observed,
    image_changed,
    image_is,
    image_unchanged,
    kept_ip,
    kept_sandbox,
    kept_uid,
    last_state_code,
    message_names,
    new_sandbox,
    phase_never,
    phase_reached,
    phase_stayed,
    phase_while_initialising,
    pod_failed,
    pod_gone,
    qos,
    recreated_with_new_uid,
    restart_count_was,
    start_time_kept,
    statuses_in_spec_order,
    terminated_with,
    waited_with,
)
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind, Record
from tests.offline.expect.builder import Story, disconnected, edited, gapped, with_event, without
from tests.offline.expect.cases_order import QUIET, app_killed, failing, healthy, status_only, without_control
from tests.offline.expect.table import Case, Cases, lost_sandbox, patched, quiet, reinitialised, steady

THREE = ("init-1", "init-2", "init-3")


def no_status(timeline: Timeline) -> Timeline:
    return disconnected(timeline, Source.STATUS)


def _late(record: Record) -> bool:
    """Pick the last snapshots of a story."""
    return record.kind is Kind.SNAPSHOT and record.data["object"]["metadata"]["generation"] > 1


def late_status(timeline: Timeline, **status: Any) -> Timeline:
    """Change fields of the status in the snapshots after the patch."""
    return edited(timeline, _late, lambda data: data["object"]["status"].update(status))


def late_uid() -> Timeline:
    return edited(QUIET, _late, lambda data: data["object"]["metadata"].update(uid="uid-2"))


def sandbox_swapped() -> Timeline:
    """Tell of a patch to which the kubelet reacts with a new sandbox (what the seed says)."""
    story, pod = patched()
    pod.lose_sandbox()
    pod.initialise()
    return quiet(story)


def two_sandboxes() -> Timeline:
    story, pod = lost_sandbox()
    pod.new_sandbox().end_sandbox()
    pod.initialise()
    return story.reach().timeline()


def sandbox_died() -> Timeline:
    return quiet(lost_sandbox()[0])


def no_sandbox() -> Timeline:
    story = Story()
    story.pod().extra["podIP"] = "10.0.0.9"
    return story.hold().timeline()


def no_address() -> Timeline:
    """Tell of a fault that came before the Pod had an IP."""
    story = Story()
    pod = story.pod()
    story.fault("set_image", "init-1 → green")
    return quiet(pod.patch_image("init-1").story)


def nothing_seen() -> Timeline:
    """Tell of a Pod that was sent and never seen."""
    timeline = unpullable()
    return without(timeline, lambda r: r.source is not Source.HARNESS)


def deadline_exceeded() -> Timeline:
    story, pod = steady()
    pod.finish("Failed", "DeadlineExceeded")
    return quiet(story)


def completed() -> Timeline:
    """Tell of a Never Pod that is done after the fault: its sandbox is stopped, as it should be."""
    story = Story()
    pod = story.pod(policy="Never")
    pod.initialise()
    story.fault("set_image", "init-1 → green")
    pod.patch_image("init-1").end("app")
    story.wait(0.5)
    pod.end_sandbox().finish("Succeeded")
    return quiet(story)


def running_while_initialising() -> Timeline:
    """Tell of the phase bug of old kubelets: Running while the inits run again."""
    story, pod = lost_sandbox()
    pod.phase = "Running"
    pod.initialise()
    return story.reach().timeline()


def crash_looping(message: str = "back-off 10s restarting failed container") -> Timeline:
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1", 1).await_restart("init-1", message=message)
    story.wait(10)
    pod.restart("init-1")
    return story.timeline()


def back_off_event(
    timeline: Timeline, *, container: str = "init-1", reason: str = "BackOff", pod: str = "", late: bool = True
) -> Timeline:
    """Add an Event, at the end or at the very beginning."""
    t_ns = timeline.end_ns if late else timeline.start_ns - 5_000_000_000
    return with_event(timeline, t_ns, reason, message="Back-off restarting", container=container, pod=pod)


def deleted(*, again: bool = False, order: bool = True) -> Timeline:
    story, pod = steady()
    story.fault("recreate_pod" if again else "delete_pod", "main")
    pod.delete(gone=order)
    if again:
        story.pod(uid="uid-2").initialise()
    if not order:
        pod.snap(deleted=True)
    return story.reach("Pod gone").timeline()


def initialising(**options: Any) -> Timeline:
    story = Story()
    pod = story.pod(inits=THREE, **options)
    pod.initialise()
    return story.timeline()


def _condition(kind: str, **change: Any) -> Any:
    """Return a change of one condition of a snapshot."""

    def apply(data: dict[str, Any]) -> None:
        for condition in data["object"]["status"].get("conditions", ()):
            if condition["type"] == kind:
                condition.update(change)

    return apply


def wrong_condition(kind: str, **change: Any) -> Timeline:
    """Change a condition in one snapshot during init-2."""
    during = _during_init_2(initialising())
    return edited(
        initialising(), lambda r: r.seq == during and r.source is Source.STATUS, _condition(kind, **change)
    )


def beside_sidecar(*, most: int = 0, names: str = "side-1 init-1", started: bool = True) -> Timeline:
    """Tell of a Pod with a sidecar; the first so many snapshots that show it started name what is given.

    They say that it has started, or (`started`) not.
    """
    story = Story()
    story.pod(inits=("init-1",), sidecars=("side-1",)).new_sandbox().start("side-1").run_init("init-1").start("app")
    timeline = story.timeline()
    shots = [s for s in timeline.snapshots() if s.condition("Initialized").get("status") == "False"]
    assert len(shots) >= max(most, 2)
    chosen = {shot.record.seq for shot in shots[:most]}
    named = _condition("Initialized", message=f"containers with incomplete status: [{names}]")

    def change(data: dict[str, Any]) -> None:
        named(data)
        data["object"]["status"]["initContainerStatuses"][0]["started"] = started

    return edited(timeline, lambda r: r.seq in chosen and r.source is Source.STATUS, change)


def late_sidecar() -> Timeline:
    """Tell of a sidecar that is named as incomplete by the one snapshot that shows first that it has started."""
    before = beside_sidecar(most=1, started=False)
    shots = [s for s in before.snapshots() if s.condition("Initialized").get("status") == "False"]
    change = _condition("Initialized", message="containers with incomplete status: [side-1 init-1]")
    return edited(before, lambda r: r.seq == shots[1].record.seq and r.source is Source.STATUS, change)


def _during_init_2(timeline: Timeline) -> int:
    return next(s.record.seq for s in timeline.snapshots() if s.state("init-2")[0] == "running")


def wrong_phase() -> Timeline:
    during = _during_init_2(initialising())
    return edited(
        initialising(),
        lambda r: r.seq == during and r.source is Source.STATUS,
        lambda data: data["object"]["status"].update(phase="Running"),
    )


def sampled() -> Timeline:
    """Take away the snapshots of one stage: the watch coalesced them."""

    def second_stage(record: Record) -> bool:
        conditions = record.data["object"]["status"].get("conditions", ()) if record.kind is Kind.SNAPSHOT else ()
        return any(c.get("message", "").endswith("[init-2 init-3]") for c in conditions)

    return without(initialising(), second_stage)


def reordered(change: str) -> Timeline:
    """Spoil the init container statuses of every kubelet snapshot."""

    def apply(data: dict[str, Any]) -> None:
        statuses = data["object"]["status"].get("initContainerStatuses", [])
        if change == "order":
            statuses.reverse()
        for raw in statuses:
            if change == "reason" and "terminated" in raw["state"]:
                raw["state"]["terminated"]["reason"] = "Error"
            if change == "ready":
                raw["ready"] = False

    return edited(healthy(), lambda r: r.kind is Kind.SNAPSHOT, apply)


def flipped() -> Timeline:
    """Take away the snapshots between loss and new sandbox: only a transition time tells of the flip."""
    timeline = reinitialised()

    def dipped(record: Record) -> bool:
        if record.kind is not Kind.SNAPSHOT:
            return False
        conditions = record.data["object"]["status"].get("conditions", ())
        return any(c["type"] == "PodReadyToStartContainers" and c["status"] == "False" for c in conditions)

    return without(timeline, dipped)


def app_patched() -> Timeline:
    """Tell of an app whose image is changed, and which is replaced."""
    story, pod = patched("app")
    pod.kill("app").restart("app")
    return quiet(story)


def unobserved(*, told: bool = True) -> Timeline:
    story, pod = steady()
    story.fault("set_image", "app → green")
    pod.patch_image("app", observe=False)
    timeline = quiet(story)
    if told:
        return timeline
    return edited(
        timeline, lambda r: r.kind is Kind.SNAPSHOT, lambda d: d["object"]["status"].pop("observedGeneration", None)
    )


def unpullable() -> Timeline:
    story = Story()
    pod = story.pod(policy="Never")
    pod.new_sandbox().await_restart("init-1", "ErrImagePull", "pulling no/such:image")
    pod.await_restart("init-1", "ImagePullBackOff", "Back-off pulling image no/such:image")
    return story.hold().timeline()


CASES: Cases = {
    "kept_sandbox": Case(
        accept=[(kept_sandbox(), QUIET), (kept_sandbox(), completed()), (kept_sandbox(after=None), healthy())],
        reject=[
            (kept_sandbox(), sandbox_swapped()),
            (kept_sandbox(), sandbox_died()),
            (kept_sandbox(), disconnected(sandbox_swapped(), Source.RUNTIME)),
            (kept_sandbox(), late_status(QUIET, podIP="10.9.9.9")),
        ],
        open=[
            (kept_sandbox(), gapped(QUIET)),
            (kept_sandbox(), no_status(sandbox_died())),
            (kept_sandbox(None), no_sandbox()),
            (kept_sandbox(None), nothing_seen()),
            (kept_sandbox(), disconnected(QUIET, Source.RUNTIME)),
            (kept_sandbox(), without_control(QUIET)),
        ],
    ),
    "new_sandbox": Case(
        accept=[(new_sandbox(), reinitialised()), (new_sandbox(2), two_sandboxes())],
        reject=[(new_sandbox(), QUIET), (new_sandbox(), two_sandboxes())],
        open=[
            (new_sandbox(), gapped(QUIET)),
            (new_sandbox(), disconnected(reinitialised(), Source.RUNTIME)),
            (new_sandbox(), healthy()),
        ],
    ),
    "kept_uid": Case(
        accept=[(kept_uid(), QUIET), (kept_uid(), reinitialised())],
        reject=[(kept_uid(), deleted(again=True)), (kept_uid(), late_uid())],
        open=[(kept_uid(), gapped(QUIET)), (kept_uid(), no_status(QUIET))],
    ),
    "kept_ip": Case(
        accept=[(kept_ip(), QUIET)],
        reject=[(kept_ip(), reinitialised()), (kept_ip(None), reinitialised())],
        open=[(kept_ip(), gapped(QUIET)), (kept_ip(), no_status(QUIET)), (kept_ip(), no_address())],
    ),
    "start_time_kept": Case(
        accept=[(start_time_kept(), reinitialised())],
        reject=[(start_time_kept(), late_status(QUIET, startTime="2026-09-21T23:59:59Z"))],
        open=[(start_time_kept(), gapped(QUIET)), (start_time_kept(), no_status(QUIET))],
    ),
    "phase_reached": Case(
        accept=[
            (phase_reached("Running"), healthy()),
            (phase_reached("Failed"), failing()),
            (phase_reached("Pending", FAULT), reinitialised()),
        ],
        reject=[
            (phase_reached("Failed"), healthy()),
            (phase_reached("Running"), unpullable()),
            (phase_reached("Succeeded"), failing()),
        ],
        open=[
            (phase_reached("Failed"), gapped(healthy())),
            (phase_reached("Pending", FAULT), QUIET),
            (phase_reached("Running"), failing()),
            (phase_reached("Running"), no_status(healthy())),
        ],
    ),
    "phase_stayed": Case(
        accept=[(phase_stayed("Running"), QUIET), (phase_stayed("Pending", None), unpullable())],
        reject=[(phase_stayed("Running"), reinitialised()), (phase_stayed("Pending", None), healthy())],
        open=[
            (phase_stayed("Running"), gapped(QUIET)),
            (phase_stayed("Running"), without_control(QUIET)),
            (phase_stayed("Running"), no_status(QUIET)),
            (phase_stayed("Running", None), nothing_seen()),
        ],
    ),
    "phase_never": Case(
        accept=[(phase_never("Failed", "Succeeded"), unpullable()), (phase_never("Running"), failing())],
        reject=[(phase_never("Running"), healthy()), (phase_never("Failed"), failing())],
        open=[
            (phase_never("Failed"), gapped(unpullable())),
            (phase_never("Failed"), without(unpullable(), lambda r: r.kind is Kind.HOLD_END)),
        ],
    ),
    "phase_while_initialising": Case(
        accept=[
            (phase_while_initialising("Pending"), healthy()),
            (phase_while_initialising("Pending", FAULT), reinitialised()),
        ],
        reject=[(phase_while_initialising("Pending", FAULT), running_while_initialising())],
        open=[
            (phase_while_initialising("Pending", FAULT), QUIET),
            (phase_while_initialising("Pending"), no_status(healthy())),
        ],
    ),
    "pod_failed": Case(
        accept=[
            (pod_failed(), failing()),
            (pod_failed(), deadline_exceeded()),
            (pod_failed("DeadlineExceeded"), deadline_exceeded()),
        ],
        reject=[(pod_failed(), healthy()), (pod_failed("DeadlineExceeded"), failing())],
        open=[(pod_failed(), gapped(healthy())), (pod_failed(), no_status(failing()))],
    ),
    "pod_gone": Case(
        accept=[(pod_gone(), deleted()), (pod_gone(FAULT), deleted())],
        reject=[(pod_gone(), healthy())],
        open=[(pod_gone(), gapped(healthy())), (pod_gone(), no_status(deleted()))],
    ),
    "recreated_with_new_uid": Case(
        accept=[(recreated_with_new_uid(), deleted(again=True))],
        reject=[
            (recreated_with_new_uid(), healthy()),
            (recreated_with_new_uid(), deleted()),
            (recreated_with_new_uid(), deleted(again=True, order=False)),
        ],
        open=[
            (recreated_with_new_uid(), gapped(healthy())),
            (recreated_with_new_uid(), without(deleted(again=True), lambda r: r.kind is Kind.DELETED)),
        ],
    ),
    "generation_observed": Case(
        accept=[(generation_observed(), QUIET)],
        reject=[(generation_observed(), unobserved()), (generation_observed(), app_killed())],
        open=[
            (generation_observed(), gapped(unobserved())),
            (generation_observed(), unobserved(told=False)),
            (generation_observed(), no_status(QUIET)),
        ],
    ),
    "qos": Case(
        accept=[(qos("BestEffort"), healthy())],
        reject=[(qos("Guaranteed"), healthy())],
        open=[(qos("BestEffort"), no_status(healthy())), (qos("BestEffort"), nothing_seen())],
    ),
    "condition_became": Case(
        accept=[
            (condition_became("Ready", "True"), healthy()),
            (condition_became("Initialized", "False", reason="ContainersNotInitialized"), healthy()),
            (condition_became("PodReadyToStartContainers", "False", FAULT), reinitialised()),
        ],
        reject=[
            (condition_became("Ready", "True"), failing()),
            (condition_became("Ready", "False", FAULT), QUIET),
            (condition_became("Initialized", "False", reason="PodCompleted"), healthy()),
        ],
        open=[
            (condition_became("Ready", "True"), gapped(failing())),
            (condition_became("PodReadyToStartContainers", "False", FAULT), flipped()),
            (condition_became("Ready", "True"), no_status(healthy())),
            (condition_became("Ready", "True"), nothing_seen()),
        ],
    ),
    "condition_stayed": Case(
        accept=[(condition_stayed("Ready", "True"), QUIET)],
        reject=[
            (condition_stayed("Ready", "True"), app_killed()),
            (condition_stayed("PodReadyToStartContainers", "True"), reinitialised()),
        ],
        open=[
            (condition_stayed("Ready", "True"), gapped(QUIET)),
            (condition_stayed("Ready", "True"), without_control(QUIET)),
            (condition_stayed("Ready", "True", None), nothing_seen()),
        ],
    ),
    "conditions_while_initialising": Case(
        accept=[
            (conditions_while_initialising(), initialising()),
            (conditions_while_initialising(), status_only(healthy())),
            (conditions_while_initialising(), beside_sidecar()),
            (conditions_while_initialising(), beside_sidecar(most=1, started=False)),
            (conditions_while_initialising(), late_sidecar()),
        ],
        reject=[
            (conditions_while_initialising(), wrong_condition("Initialized", status="True")),
            (conditions_while_initialising(), wrong_condition("Initialized", reason="Other")),
            (
                conditions_while_initialising(),
                wrong_condition("Initialized", message="containers with incomplete status: [init-3 init-2]"),
            ),
            (
                conditions_while_initialising(),
                wrong_condition("Initialized", message="containers with incomplete status: [init-1 init-2 init-3]"),
            ),
            (conditions_while_initialising(), beside_sidecar(most=2)),
            (conditions_while_initialising(), beside_sidecar(most=1, names="init-1", started=False)),
            (conditions_while_initialising(), beside_sidecar(most=1, names="side-1")),
            (conditions_while_initialising(), wrong_condition("Ready", status="True")),
            (conditions_while_initialising(), wrong_condition("ContainersReady", status="True")),
            (conditions_while_initialising(), wrong_phase()),
        ],
        open=[
            (conditions_while_initialising(), sampled()),
            (conditions_while_initialising(), no_status(initialising())),
        ],
    ),
    "waited_with": Case(
        accept=[
            (waited_with("init-1", "CrashLoopBackOff"), crash_looping()),
            (waited_with("init-1", "ErrImagePull", "ImagePullBackOff"), unpullable()),
            (waited_with("app", "PodInitializing"), healthy()),
        ],
        reject=[
            (waited_with("init-1", "CrashLoopBackOff"), healthy()),
            (waited_with("init-1", "CrashLoopBackOff", after=FAULT), QUIET),
        ],
        open=[
            (waited_with("init-1", "CrashLoopBackOff"), gapped(healthy())),
            (waited_with("init-1", "CrashLoopBackOff"), no_status(crash_looping())),
        ],
    ),
    "crash_looped": Case(
        accept=[
            (crash_looped("init-1"), crash_looping()),
            (crash_looped("init-1"), back_off_event(healthy())),
        ],
        reject=[
            (crash_looped("init-1"), healthy()),
            (crash_looped("init-1"), back_off_event(healthy(), container="init-2")),
            (crash_looped("init-1"), back_off_event(healthy(), reason="Pulled")),
            (crash_looped("init-1"), back_off_event(healthy(), pod="other")),
            (crash_looped("init-1", after=FAULT), back_off_event(QUIET, late=False)),
        ],
        open=[
            (crash_looped("init-1"), gapped(healthy())),
            (crash_looped("init-1"), no_status(crash_looping())),
        ],
    ),
    "message_names": Case(
        accept=[(message_names("init-1", "no/such:image"), unpullable())],
        reject=[(message_names("init-1", "settings"), unpullable())],
        open=[(message_names("init-1", "settings"), gapped(unpullable()))],
    ),
    "terminated_with": Case(
        accept=[
            (terminated_with("init-1", reason="Error", code=1), failing()),
            (terminated_with("init-1", reason="Error", code=1), crash_looping()),
            (terminated_with("init-1", reason="Completed"), healthy()),
        ],
        reject=[
            (terminated_with("init-1", reason="OOMKilled"), failing()),
            (terminated_with("init-1", reason="Error", code=2), failing()),
        ],
        open=[(terminated_with("init-1", reason="Error"), gapped(healthy()))],
    ),
    "last_state_code": Case(
        accept=[(last_state_code("app", 137, FAULT), app_killed())],
        reject=[(last_state_code("app", 1, FAULT), app_killed()), (last_state_code("app", 137), healthy())],
        open=[(last_state_code("app", 137), gapped(healthy())), (last_state_code("nobody", 137), healthy())],
    ),
    "restart_count_was": Case(
        accept=[(restart_count_was("app", 1), app_killed()), (restart_count_was("app", 0), healthy())],
        reject=[(restart_count_was("app", 0), app_killed())],
        open=[(restart_count_was("app", 1), gapped(healthy())), (restart_count_was("nobody", 1), healthy())],
    ),
    "statuses_in_spec_order": Case(
        accept=[
            (statuses_in_spec_order(), healthy()),
            (statuses_in_spec_order(), initialising(sidecars=("proxy",))),
        ],
        reject=[(statuses_in_spec_order(), reordered(change)) for change in ("order", "reason", "ready")],
        open=[(statuses_in_spec_order(), failing()), (statuses_in_spec_order(), no_status(healthy()))],
    ),
    "image_is": Case(
        accept=[
            (image_is("app", "blue"), healthy()),
            (image_is("app", "green", FAULT), app_patched()),
            (image_is("app", "green", FAULT), status_only(app_patched())),
            (image_is("app", "podvow/busybox:green", FAULT), no_status(app_patched())),
            (image_is("init-1", "blue", FAULT), QUIET),
        ],
        reject=[
            (image_is("app", "green"), healthy()),
            (image_is("init-1", "green", FAULT), QUIET),
            (image_is("app", "blue", FAULT), app_patched()),
        ],
        open=[(image_is("app", "green"), gapped(healthy())), (image_is("nobody", "green"), healthy())],
    ),
    "image_changed": Case(
        accept=[(image_changed("app"), app_patched())],
        reject=[(image_changed("init-1"), QUIET)],
        open=[(image_changed("init-1"), gapped(QUIET)), (image_changed("nobody"), QUIET)],
    ),
    "image_unchanged": Case(
        accept=[(image_unchanged("init-1", "app"), QUIET)],
        reject=[(image_unchanged("init-1", "app"), app_patched())],
        open=[
            (image_unchanged("init-1"), gapped(QUIET)),
            (image_unchanged("init-1"), without_control(QUIET)),
            (image_unchanged("nobody"), QUIET),
        ],
    ),
}
