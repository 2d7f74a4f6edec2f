"""Examples of the facts about ends of containers and Pods, and about fields that the status shows."""

from __future__ import annotations

from typing import Any

from podvow.expect import (
    condition_true_before,
    conditions_came_in_order,
    ended_after,
    ended_with_the_same,
    never_signalled,
    pod_gone_within,
    pod_showed,
    pod_showed_last,
    pod_showed_text,
    was_signalled,
)
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind, Record
from tests.offline.expect.builder import Story, busy, disconnected, edited, gapped
from tests.offline.expect.table import Case, Cases, patched, quiet, steady

PATH = "status/initContainerStatuses/init-1/state/terminated"
ORDER = ("PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready")


def failed_in_the_end(other: str = "") -> Timeline:
    """Tell of a Pod that ends after a fault, in the last snapshots with another container if one is named."""
    story, _ = patched()

    def end(data: dict[str, Any]) -> None:
        status = data["object"]["status"]
        status["phase"] = "Failed"
        for shown in status["initContainerStatuses"]:
            if shown["name"] == other:
                shown["containerID"] = "containerd://another"

    fault_ns = story.timeline().faults[0].begin.t_ns
    return edited(quiet(story), lambda r: r.kind is Kind.SNAPSHOT and r.t_ns > fault_ns, end)


def deleted(*, lasts: float = 4.0, ends: bool = True, leaves: bool = True, watched: float = 0.0) -> Timeline:
    """Tell of a Pod that is deleted while its init runs, and of how long that takes to end."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().start("init-1")
    story.wait(2).fault("delete_pod", "grace period 4 s")
    pod.deleting = True
    pod.snap()
    pod._trace(Kind.SIGNALLED, "init-1", signal="TERM")
    story.wait(lasts)
    if ends:
        pod.kill("init-1")
    if leaves:
        pod.end_sandbox().snap(deleted=True)
    story.reach("Pod gone")
    return (story.hold(watched) if watched else story).timeline()


def conditions(field: str, **values: str) -> Timeline:
    """Tell of a Pod that came up, with a field of conditions changed."""

    def change(data: dict[str, Any]) -> None:
        for condition in data["object"]["status"].get("conditions") or ():
            if condition["type"] in values:
                condition[field] = values[condition["type"]]

    return edited(quiet(steady()[0]), lambda r: r.kind is Kind.SNAPSHOT, change)


def times(**since: str) -> Timeline:
    """Tell of a Pod that came up, with the transition times of conditions changed."""
    return conditions("lastTransitionTime", **since)


def never_true(kind: str) -> Timeline:
    """Tell of a Pod that came up, with a condition that never became True."""
    return conditions("status", **{kind: "False"})


def _message(record: Record) -> bool:
    return record.kind is Kind.SNAPSHOT and bool(record.data["object"]["status"].get("initContainerStatuses"))


def message(text: str) -> Timeline:
    """Tell of an init container that left a message."""

    def change(data: dict[str, Any]) -> None:
        for status in data["object"]["status"]["initContainerStatuses"]:
            if "terminated" in status["state"]:
                status["state"]["terminated"]["message"] = text

    return edited(quiet(steady()[0]), _message, change)


def unsignalled() -> Timeline:
    story, _ = patched()
    return quiet(story)


DELETED = deleted()
UP = quiet(steady()[0])
TOLD = message("two rows loaded")


CASES: Cases = {
    "ended_after": Case(
        accept=[(ended_after("init-1", at_least_s=4), DELETED), (ended_after("init-1", at_least_s=0), DELETED)],
        reject=[
            (ended_after("init-1", at_least_s=4), deleted(lasts=1)),
            (ended_after("init-1", at_least_s=4), deleted(lasts=30)),
            (ended_after("init-1", at_least_s=4), deleted(ends=False, leaves=False, watched=30)),
        ],
        open=[
            (ended_after("init-1", at_least_s=4, window="none"), DELETED),
            (ended_after("init-2", at_least_s=4), DELETED),
            (ended_after("init-1", at_least_s=4), deleted(ends=False, leaves=False, watched=1)),
            (ended_after("init-1", at_least_s=4), gapped(deleted(ends=False, leaves=False, watched=30))),
            (ended_after("init-1", at_least_s=4), busy(deleted(lasts=30), 60.0)),
            (ended_after("init-1", at_least_s=4), busy(deleted(ends=False, leaves=False, watched=30), 60.0)),
        ],
    ),
    "was_signalled": Case(
        accept=[(was_signalled("init-1"), DELETED)],
        reject=[(was_signalled("init-1", "INT"), DELETED), (was_signalled("app"), unsignalled())],
        open=[
            (was_signalled("init-1"), disconnected(DELETED, Source.TRACE)),
            (was_signalled("app"), gapped(unsignalled(), Source.TRACE)),
        ],
    ),
    "never_signalled": Case(
        accept=[(never_signalled("init-1", "app"), unsignalled())],
        reject=[(never_signalled("app", "init-1"), DELETED)],
        open=[
            (never_signalled("init-1"), disconnected(unsignalled(), Source.TRACE)),
            (never_signalled("init-1"), gapped(unsignalled(), Source.TRACE)),
            (never_signalled("init-1"), patched()[0].timeline()),
        ],
    ),
    "pod_gone_within": Case(
        accept=[
            (pod_gone_within("terminal"), DELETED),
            (pod_gone_within("terminal", grace_s=20), deleted(lasts=25)),
            (pod_gone_within(30), deleted(lasts=25)),
        ],
        reject=[
            (pod_gone_within("terminal"), deleted(lasts=25)),
            (pod_gone_within("terminal"), deleted(leaves=False, watched=30)),
            (pod_gone_within(20), deleted(lasts=25)),
        ],
        open=[
            (pod_gone_within("terminal"), deleted(leaves=False, watched=1)),
            (pod_gone_within("terminal"), gapped(deleted(leaves=False, watched=30), Source.STATUS)),
            (pod_gone_within("none"), DELETED),
            (pod_gone_within("terminal"), disconnected(DELETED, Source.STATUS)),
            (pod_gone_within("terminal"), busy(deleted(lasts=25), 60.0)),
            (pod_gone_within("terminal"), busy(deleted(leaves=False, watched=30), 60.0)),
        ],
    ),
    "pod_showed": Case(
        accept=[
            (pod_showed("metadata/generation", 2), unsignalled()),
            (pod_showed("status/conditions/Ready/status", "True"), UP),
            (pod_showed(f"{PATH}/exitCode", 0), UP),
        ],
        reject=[(pod_showed("metadata/generation", 3), unsignalled()), (pod_showed(f"{PATH}/exitCode", 1), UP)],
        open=[
            (pod_showed("metadata/generation", 3), gapped(unsignalled(), Source.STATUS)),
            (pod_showed("metadata/generation", 2), disconnected(unsignalled(), Source.STATUS)),
        ],
    ),
    "pod_showed_text": Case(
        accept=[(pod_showed_text(f"{PATH}/message", "two rows"), TOLD)],
        reject=[(pod_showed_text(f"{PATH}/message", "three rows"), TOLD), (pod_showed_text(PATH, "two"), UP)],
        open=[(pod_showed_text(f"{PATH}/message", "three rows"), gapped(TOLD, Source.STATUS))],
    ),
    "pod_showed_last": Case(
        accept=[
            (pod_showed_last("metadata/generation", 2), unsignalled()),
            (pod_showed_last(f"{PATH}/message", None), UP),
        ],
        reject=[
            (pod_showed_last("metadata/generation", 1), unsignalled()),
            (pod_showed_last(f"{PATH}/message", None), TOLD),
        ],
        open=[
            (pod_showed_last("metadata/generation", 2), gapped(unsignalled(), Source.STATUS)),
            (pod_showed_last("metadata/generation", 2), disconnected(unsignalled(), Source.STATUS)),
        ],
    ),
    "ended_with_the_same": Case(
        accept=[(ended_with_the_same("init-1", "app"), failed_in_the_end())],
        reject=[(ended_with_the_same("init-1", "app"), failed_in_the_end(other="init-1"))],
        open=[
            (ended_with_the_same("init-1", "app"), unsignalled()),
            (ended_with_the_same("nobody"), failed_in_the_end()),
            (ended_with_the_same("init-1"), gapped(failed_in_the_end(), Source.STATUS)),
            (ended_with_the_same("init-1"), disconnected(failed_in_the_end(), Source.STATUS)),
        ],
    ),
    "conditions_came_in_order": Case(
        accept=[(conditions_came_in_order(*ORDER), UP)],
        reject=[
            (conditions_came_in_order(*ORDER), times(PodReadyToStartContainers="2027-01-01T00:00:00Z")),
            (conditions_came_in_order(*ORDER), times(Initialized="2026-01-01T00:00:00Z")),
            (conditions_came_in_order(*ORDER), never_true("Initialized")),
        ],
        open=[
            (conditions_came_in_order(*ORDER, "Tidy"), UP),
            (conditions_came_in_order(*ORDER), never_true("Ready")),
            (conditions_came_in_order(*ORDER), disconnected(UP, Source.STATUS)),
        ],
    ),
    "condition_true_before": Case(
        accept=[(condition_true_before("PodReadyToStartContainers", "init-1"), UP)],
        reject=[
            (
                condition_true_before("PodReadyToStartContainers", "init-1"),
                times(PodReadyToStartContainers="2027-01-01T00:00:00Z"),
            )
        ],
        open=[
            (condition_true_before("Tidy", "init-1"), UP),
            (condition_true_before("PodReadyToStartContainers", "init-9"), UP),
            (condition_true_before("PodReadyToStartContainers", "init-1"), disconnected(UP, Source.STATUS)),
        ],
    ),
}
