from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from podvow.scenario import conditions as c
from podvow.scenario.conditions import Condition
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import PodLife, Story

Told = Callable[[Story, PodLife], object]


def _timeline(*steps: Told, **options: Any) -> Timeline:
    story = Story()
    pod = story.pod(**options)
    for step in steps:
        step(story, pod)
    return story.timeline()


def _up(_: Story, pod: PodLife) -> object:
    return pod.initialise()


def _initialising(_: Story, pod: PodLife) -> object:
    return pod.new_sandbox().snap().start("init-1")


def _fault(story: Story, _: PodLife) -> object:
    return story.fault()


def _again(_: Story, pod: PodLife) -> object:
    return pod.end("app", 1).restart("app")


def _over(_: Story, pod: PodLife) -> object:
    return pod.end("app", 1).finish("Failed")


def _done(_: Story, pod: PodLife) -> object:
    return pod.end("app", 0).finish("Succeeded")


def _crashed(_: Story, pod: PodLife) -> object:
    return pod.end("app", 1).await_restart("app")


def _gone(_: Story, pod: PodLife) -> object:
    return pod.delete()


def _patched(_: Story, pod: PodLife) -> object:
    return pod.patch_image("app")


def _unseen_patch(_: Story, pod: PodLife) -> object:
    return pod.patch_image("app", observe=False)


def _spoken(_: Story, pod: PodLife) -> object:
    return pod.say("app", "served=the page")


def _quota(story: Story, _: PodLife) -> object:
    return story.object("ResourceQuota", status={"used": {"pods": "1"}})


def _refused(story: Story, _: PodLife) -> object:
    return story.say(Kind.REJECTED, object={}, status=422, body={})


YES: dict[str, tuple[Condition, list[Told]]] = {
    "running": (c.running("app"), [_up]),
    "running anew": (c.running("app", anew=True), [_up, _fault, _again]),
    "ready": (c.ready(), [_up]),
    "phase": (c.phase("Succeeded", "Failed"), [_up, _over]),
    "waiting": (c.waiting("app", "CrashLoopBackOff"), [_up, _crashed]),
    "waiting for anything": (c.waiting("app"), [_initialising]),
    "terminated": (c.terminated("init-1"), [_up]),
    "ended as": (c.ended_as("app", "Error"), [_up, _again]),
    "runs": (c.runs("app", 2), [_up, _again]),
    "started": (c.started("init-1"), [_initialising]),
    "started anew": (c.started_anew("app"), [_up, _fault, _again]),
    "exited": (c.exited("init-2"), [_up]),
    "generation observed": (c.generation_observed(), [_up, _fault, _patched]),
    "image changed": (
        c.image_id_changed("app"),
        [_up, _fault, _patched, lambda _, p: p.end("app", 1).restart("app")],
    ),
    "gone": (c.gone(), [_up, _gone]),
    "pods gone": (c.pods_gone(1), [_up, _gone]),
    "pods running": (c.pods_running(1), [_up]),
    "rejected": (c.rejected(), [_refused]),
    "applied": (c.applied(), []),
    "refused counts as sent": (c.applied(), [_refused]),
    "object shows": (c.object_shows("ResourceQuota", "status/used/pods", "1"), [_quota]),
    "said": (c.said("app", "served"), [_up, _spoken]),
}
NO: dict[str, tuple[Condition, list[Told]]] = {
    "running": (c.running("app", "init-1"), [_initialising]),
    "running of a container that is not there": (c.running("nosuch"), [_up]),
    "running anew without a new container": (c.running("app", anew=True), [_up, _fault]),
    "ready while initialising": (c.ready(), [_initialising]),
    "another phase": (c.phase("Succeeded"), [_up]),
    "another reason": (c.waiting("app", "ImagePullBackOff"), [_up, _crashed]),
    "terminated while running": (c.terminated("app"), [_up]),
    "ended for another reason": (c.ended_as("app", "OOMKilled"), [_up, _again]),
    "ended while running": (c.ended_as("app", "Error"), [_up]),
    "too few runs": (c.runs("app", 2), [_up]),
    "started but ended": (c.started("init-1"), [_up]),
    "started anew before the fault": (c.started_anew("app"), [_up, _again, _fault]),
    "exited while running": (c.exited("app"), [_up]),
    "generation without a fault": (c.generation_observed(), [_up, _patched]),
    "generation that the kubelet has not seen": (c.generation_observed(), [_up, _fault, _unseen_patch]),
    "old generation": (c.generation_observed(), [_up, _patched, _fault]),
    "same image": (c.image_id_changed("app"), [_up, _fault, _again]),
    "gone while there": (c.gone(), [_up]),
    "pods running that are too old": (c.pods_running(1, since_fault=True), [_up, _fault]),
    "too few pods": (c.pods_running(2), [_up]),
    "object that shows something else": (c.object_shows("ResourceQuota", "status/used/pods", "2"), [_quota]),
    "object without such a path": (c.object_shows("ResourceQuota", "status/hard/pods/x", "2"), [_quota]),
    "object of another kind": (c.object_shows("Deployment", "status", {}), [_quota]),
    "said by nobody": (c.said("app", "silence"), [_up, _spoken]),
    "rejected": (c.rejected(), [_up]),
}


@pytest.mark.parametrize("name", sorted(YES))
def test_a_state_is_seen_when_it_is_there(name: str) -> None:
    condition, steps = YES[name]
    assert condition.met(_timeline(*steps))


@pytest.mark.parametrize("name", sorted(NO))
def test_a_state_is_not_seen_when_it_is_not_there(name: str) -> None:
    condition, steps = NO[name]
    assert not condition.met(_timeline(*steps))


@pytest.mark.parametrize(
    ("kubelet", "steps", "met"),
    [
        ("v1.33.4", [_up, _fault, _unseen_patch], True),
        ("v1.33.4-gke.100", [_up, _fault, _unseen_patch], True),
        ("v1.33.4", [_up, _fault], False),
        ("v1.34.0", [_up, _fault, _unseen_patch], False),
    ],
)
def test_a_kubelet_that_does_not_tell_generations_is_taken_to_have_seen_what_is_stored(
    kubelet: str, steps: list[Told], *, met: bool
) -> None:
    timeline = _timeline(*steps)
    for shot in timeline.snapshots():
        shot.object["status"].pop("observedGeneration", None)
    old = Timeline(replace(timeline.meta, kubelet_version=kubelet), timeline.records)
    assert c.generation_observed().met(old) is met


ALL = {**YES, **{f"not {name}": case for name, case in NO.items()}}


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_scenario_that_has_just_begun_meets_and_loses_nothing(name: str) -> None:
    condition, _ = ALL[name]
    nothing = Timeline(Story().meta, [])
    assert not condition.met(nothing)
    assert not condition.hopeless(nothing)


@pytest.mark.parametrize(
    ("condition", "hopeless"),
    [
        (c.running("app"), True),
        (c.ready(), True),
        (c.phase("Succeeded"), True),
        (c.phase("Failed"), False),
        (c.waiting("app", "x"), True),
        (c.runs("app", 9), True),
        (c.started("app"), True),
        (c.said("app", "x"), True),
        (c.image_id_changed("app"), True),
        (c.gone(), False),
        (c.pods_running(3), False),
        (c.running("app", anew=True), False),
    ],
    ids=lambda value: value.text if isinstance(value, Condition) else "",
)
def test_what_a_pod_that_has_failed_can_no_longer_become(condition: Condition, hopeless: object) -> None:
    assert condition.hopeless(_timeline(_up, _over, policy="Never")) is hopeless


def _const(met: object, hopeless: object) -> Condition:
    return Condition("x", lambda _: bool(met), lambda _: bool(hopeless))


@pytest.mark.parametrize("bits", range(16))
def test_and_needs_both_or_needs_one(bits: int) -> None:
    met, hope = (bits & 1, bits >> 1 & 1), (bits >> 2 & 1, bits >> 3 & 1)
    a, b = (_const(m, h) for m, h in zip(met, hope, strict=True))
    nothing = Timeline(Story().meta, [])
    assert (a & b).met(nothing) == all(met)
    assert (a & b).hopeless(nothing) == any(hope)
    assert (a | b).met(nothing) == any(met)
    assert (a | b).hopeless(nothing) == all(hope)
    assert ((a & b).text, (a | b).text) == ("x and x", "x or x")


def test_a_run_counts_when_every_connected_witness_has_seen_it() -> None:
    timeline = _timeline(_up)
    no_line = [r for r in timeline.records if not (r.source is Source.TRACE and r.container == "app")]
    assert not c.started("app").met(Timeline(timeline.meta, no_line)), "its first line is still to come"
    meta = replace(timeline.meta, sources=("runtime", "status"))
    assert c.started("app").met(Timeline(meta, no_line)), "nobody traces here"


def test_an_untraced_container_needs_no_trace() -> None:
    timeline = _timeline(_up, traced=False)
    assert not [r for r in timeline.records if r.source is Source.TRACE]
    assert c.started("app").met(timeline)


def test_ids_before_the_last_fault() -> None:
    timeline = _timeline(_up, _fault, _again)
    before = c.last_ids(timeline)
    assert before["app"] == timeline.runs("app")[0].container_id
    assert not c.last_ids(_timeline(_up))
