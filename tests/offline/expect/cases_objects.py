"""Examples of the facts about other objects and about what containers say."""

from __future__ import annotations

from typing import Any

from podvow.expect import (
    FAULT,
    accepted,
    never_said,
    new_pods_ran_inits,
    object_count,
    object_showed,
    old_pods_unaffected,
    quota_used,
    rejected_with,
    said,
    said_value_matches_status,
    same_value,
)
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import Story, disconnected, edited, gapped
from tests.offline.expect.cases_order import status_only, without_control
from tests.offline.expect.table import Case, Cases

FORBIDDEN = "Forbidden: may not be set for init containers without restartPolicy=Always"
PROBE = f"spec.initContainers[0].livenessProbe: {FORBIDDEN}"
HOOK = f"spec.initContainers[0].lifecycle: {FORBIDDEN}"


def refused(*causes: tuple[str, str], status: int = 422, message: str = "invalid") -> Timeline:
    body: dict[str, Any] = {"kind": "Status", "code": status, "message": message}
    if causes:
        listed = [{"field": field, "message": text, "reason": "FieldValueForbidden"} for field, text in causes]
        body["details"] = {"causes": listed}
    return (
        Story()
        .say(Kind.REJECTED, object={"kind": "Pod", "metadata": {"name": "main"}}, status=status, body=body)
        .timeline()
    )


def probe_refused() -> Timeline:
    return refused(("spec.initContainers[0].livenessProbe", FORBIDDEN))


def nothing() -> Timeline:
    return Story().say(Kind.MISSED, step=0, condition="x", waited_s=1, last="x").timeline()


def taken() -> Timeline:
    return Story().say(Kind.APPLIED, object={"kind": "Pod", "metadata": {"name": "main"}}).timeline()


def quota(*used: str, asked_again: bool = False) -> Timeline:
    story = Story()
    made = {"kind": "Pod", "metadata": {"name": "main"}}
    story.add(Source.HARNESS, Kind.APPLIED, data={"object": made, "asked_again": asked_again})
    for value in used:
        story.object("ResourceQuota", status={"used": {"requests.cpu": value}})
    return story.reach().hold().timeline()


def rollout(
    *, new_order: bool = True, new_ready: bool = True, old_restarts: bool = False, hold: bool = True
) -> Timeline:
    """Tell of a Deployment whose template is changed: new Pods come, old ones go."""
    story = Story(main="")
    old = [story.pod(f"web-a-{n}", f"uid-a{n}").initialise() for n in (1, 2)]
    story.object("ReplicaSet", "rs-a").object("Deployment", "d-1", status={"updatedReplicas": 0})
    story.fault("set_template_image", "web → green")
    if old_restarts:
        old[1].run_init("init-1")
    new = story.pod("web-b-1", "uid-b1")
    story.object("ReplicaSet", "rs-b")
    if new_ready:
        new.initialise() if new_order else new.initialise(inits=("init-2", "init-1"))
    old[0].delete()
    story.object("Deployment", "d-1", status={"updatedReplicas": 1})
    return (story.reach("1 new Pods ready").hold() if hold else story).timeline()


def talking(**lines: str) -> Timeline:
    """Tell of containers that say `key=value` lines."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox()
    for name in (*pod.inits, *pod.apps):
        pod.start(name)
        for line in lines.get(name.replace("-", "_"), "").split(";"):
            pod.say(name, line)
        if name in pod.inits:
            pod.end(name)
    return story.hold().timeline()


def moved(address: str) -> Timeline:
    """Tell of a Pod whose status shows another address from the moment on when init-1 has told its own."""
    said = next(r.t_ns for r in TALK.records if r.kind is Kind.SAID)

    def change(data: dict[str, Any]) -> None:
        data["object"]["status"]["podIP"] = address

    return edited(TALK, lambda r: r.kind is Kind.SNAPSHOT and r.t_ns >= said, change)


def repeated() -> Timeline:
    story = Story()
    pod = story.pod()
    pod.new_sandbox().start("init-1").say("init-1", "first").end("init-1", 1)
    pod.restart("init-1").say("init-1", "second").end("init-1")
    return story.hold().timeline()


def unread() -> Timeline:
    """Tell of an app whose log had not been read when the scenario ended."""
    story = Story(sources=(Source.TRACE, Source.STATUS))
    pod = story.pod()
    pod.new_sandbox().run_init("init-1").run_init("init-2").start("app", first_line=False)
    return story.hold().timeline()


TALK = talking(init_1="ip=10.0.5.1;uid=0", app="uid=1000;page=hello;ip=10.0.5.1")

CASES: Cases = {
    "rejected_with": Case(
        accept=[
            (rejected_with(422, PROBE), probe_refused()),
            (
                rejected_with(422, PROBE, HOOK),
                refused(
                    ("spec.initContainers[0].lifecycle", FORBIDDEN),
                    ("spec.initContainers[0].livenessProbe", FORBIDDEN),
                ),
            ),
            (
                rejected_with(403, "must specify requests.cpu for: init"),
                refused(status=403, message="failed quota: must specify requests.cpu for: init"),
            ),
            (rejected_with(422), probe_refused()),
        ],
        reject=[
            (rejected_with(422, PROBE), taken()),
            (rejected_with(403, PROBE), probe_refused()),
            (rejected_with(422, HOOK), probe_refused()),
            (rejected_with(422, PROBE, HOOK), probe_refused()),
            (rejected_with(422, PROBE), refused(("spec.initContainers[0].livenessProbe", f"{FORBIDDEN}!"))),
            (rejected_with(403, "must specify"), refused(status=403, message="no")),
        ],
        open=[(rejected_with(422, PROBE), nothing())],
    ),
    "accepted": Case(
        accept=[(accepted(), taken())],
        reject=[(accepted(), probe_refused())],
        open=[(accepted(), nothing())],
    ),
    "quota_used": Case(
        accept=[
            (quota_used("requests.cpu", "150m"), quota("0", "150m")),
            (quota_used("requests.cpu", "0.15"), quota("0", "150m", "0")),
            (quota_used("requests.cpu", "1"), quota("1000m")),
            (quota_used("requests.cpu", "150m"), quota("150m", asked_again=True)),
        ],
        reject=[
            (quota_used("requests.cpu", "150m"), quota("0", "250m")),
            (quota_used("requests.cpu", "150m"), quota("0", "149m")),
            (quota_used("requests.cpu", "150m"), quota("151m", "150m")),
        ],
        open=[
            (quota_used("requests.cpu", "150m"), gapped(quota("0"))),
            (quota_used("requests.memory", "1Gi"), quota("1")),
            (quota_used("requests.cpu", "150m"), quota("300m", asked_again=True)),
        ],
    ),
    "object_count": Case(
        accept=[
            (object_count("ReplicaSet", 2), rollout()),
            (object_count("ReplicaSet", 1, after=FAULT), rollout()),
        ],
        reject=[(object_count("ReplicaSet", 1), rollout()), (object_count("ReplicaSet", 3), rollout())],
        open=[(object_count("ReplicaSet", 3), gapped(rollout()))],
    ),
    "object_showed": Case(
        accept=[(object_showed("Deployment", "status/updatedReplicas", 1), rollout())],
        reject=[(object_showed("Deployment", "status/updatedReplicas", 2), rollout())],
        open=[
            (object_showed("Deployment", "status/updatedReplicas", 2), gapped(rollout())),
            (object_showed("Job", "status/failed", 2), rollout()),
        ],
    ),
    "new_pods_ran_inits": Case(
        accept=[
            (new_pods_ran_inits("init-1", "init-2"), rollout()),
            (new_pods_ran_inits("init-1", "init-2"), disconnected(rollout(), Source.RUNTIME)),
        ],
        reject=[
            (new_pods_ran_inits("init-1", "init-2"), rollout(new_order=False)),
            (new_pods_ran_inits("init-1", "init-2"), status_only(rollout(new_order=False))),
            (new_pods_ran_inits("init-1", "init-2"), rollout(new_ready=False)),
            (new_pods_ran_inits("init-1", "init-2", count=2), rollout()),
        ],
        open=[
            (new_pods_ran_inits("init-1", "init-2"), gapped(rollout(new_ready=False))),
            (new_pods_ran_inits("init-1", "init-2"), status_only(rollout())),
        ],
    ),
    "old_pods_unaffected": Case(
        accept=[(old_pods_unaffected(), rollout())],
        reject=[(old_pods_unaffected(), rollout(old_restarts=True))],
        open=[
            (old_pods_unaffected(), gapped(rollout())),
            (old_pods_unaffected(), status_only(rollout())),
            (old_pods_unaffected(), without_control(rollout())),
            (old_pods_unaffected(), Story().fault().reach().hold().timeline()),
        ],
    ),
    "said": Case(
        accept=[
            (said("app", "page=hel+o"), TALK),
            (said("init-1", "second", run=2), repeated()),
            (said("init-1", "second", run=-1), repeated()),
        ],
        reject=[
            (said("app", "page=hel"), TALK),
            (said("init-2", "page=.*"), TALK),
            (said("init-1", "first", run=-1), repeated()),
        ],
        open=[
            (said("app", "bye"), gapped(TALK)),
            (said("app", "bye"), disconnected(TALK, Source.TRACE)),
            (said("nginx", "bye"), TALK),
            (said("app", "page=hello"), unread()),
        ],
    ),
    "never_said": Case(
        accept=[(never_said("app", "bye"), TALK), (never_said("app", "hello"), TALK)],
        reject=[(never_said("app", "page=.*"), TALK)],
        open=[
            (never_said("app", "bye"), gapped(TALK)),
            (never_said("app", "bye"), disconnected(TALK, Source.TRACE)),
            (never_said("app", "page=hello"), unread()),
            (never_said("nginx", "bye"), TALK),
        ],
    ),
    "same_value": Case(
        accept=[(same_value("init-1", "ip", "app"), TALK), (same_value("init-1", "ip", "app", "ip"), TALK)],
        reject=[(same_value("init-1", "uid", "app"), TALK)],
        open=[
            (same_value("init-1", "page", "app"), TALK),
            (same_value("init-1", "ip", "app"), disconnected(TALK, Source.TRACE)),
        ],
    ),
    "said_value_matches_status": Case(
        accept=[(said_value_matches_status("init-1", "ip", "podIP"), TALK)],
        reject=[
            (said_value_matches_status("init-1", "ip", "podIP"), talking(init_1="ip=10.9.9.9")),
            (said_value_matches_status("init-1", "ip", "podIP"), moved("10.9.9.9")),
        ],
        open=[
            (said_value_matches_status("init-2", "ip", "podIP"), TALK),
            (said_value_matches_status("init-1", "ip", "hostIP"), TALK),
            (said_value_matches_status("init-1", "ip"), disconnected(TALK, Source.STATUS)),
        ],
    ),
}
