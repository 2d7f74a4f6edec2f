"""Generations of a Pod's spec, and what the kubelet says that it has seen (pod-lifecycle, Pod generation)."""

from __future__ import annotations

from podvow.expect import (
    SECOND_FAULT,
    SINCE_FAULT,
    After,
    generation_observed,
    image_changed,
    kept_running,
    kept_uid,
    not_rerun,
    pod_showed,
    pod_showed_last,
    ran,
    restarted,
)
from podvow.faults import kill, set_image
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import generation_observed as kubelet_saw_it
from podvow.scenario.conditions import image_id_changed, ready, running, started
from podvow.scenario.model import Inject, Until, promised

GREEN = "podvow/busybox:green"


@claim("updates.generation.follows-each-change")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b") & ready(),
    fault=set_image("init-2", GREEN),
    until=promised(kubelet_saw_it()),
    # with the second change nothing else in the status changes: with the first one the Pod's `resources` do
    then=(
        Inject(set_image("init-1", GREEN)),
        promised(kubelet_saw_it()),
        Inject(set_image("app-a", GREEN)),
        Until(image_id_changed("app-a"), control=True),
    ),
    hold="quiet",
    typical_s=48,
)
def test_every_change_of_an_image_is_a_generation_that_the_kubelet_observes(timeline: Trial) -> None:
    timeline.must(
        pod_showed("metadata/generation", 1),
        pod_showed("metadata/generation", 2, after=SINCE_FAULT),
        generation_observed(),
        generation_observed(after=SECOND_FAULT),
        generation_observed(after=After(2)),
        pod_showed_last("metadata/generation", 4),
        pod_showed_last("status/observedGeneration", 4),
        restarted("app-a", after=After(2)),
        image_changed("app-a", after=After(2)),
        not_rerun("init-1", "init-2", "init-3", after=After(2)),
    )


@claim("updates.generation.follows-each-change")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    # that an app was replaced shows that the kubelet has seen the change, whether it says so or not
    fault=set_image("app-a", GREEN),
    until=image_id_changed("app-a"),
    hold="notice",
    typical_s=15,
)
def test_a_kubelet_that_acts_on_a_change_says_that_it_has_seen_it(timeline: Trial) -> None:
    timeline.must(
        restarted("app-a"),
        generation_observed(),
        pod_showed_last("metadata/generation", 2),
        pod_showed_last("status/observedGeneration", 2),
    )


@claim("updates.generation.not-moved-by-restarts")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=kill("app-a"),
    until=running("app-a", anew=True),
    typical_s=14,
)
def test_a_restart_is_no_new_generation(timeline: Trial) -> None:
    timeline.must(
        restarted("app-a"),
        pod_showed_last("metadata/generation", 1),
        pod_showed_last("status/observedGeneration", 1),
        kept_uid(),
    )


@claim("updates.generation.observed-while-initialising")
@scenario(
    pod="long-init",
    steady=started("init-2") & running("init-2"),
    fault=set_image("app", GREEN),
    until=promised(kubelet_saw_it()),
    typical_s=8,
)
def test_the_kubelet_observes_a_new_generation_while_an_init_container_runs(timeline: Trial) -> None:
    timeline.must(
        generation_observed(),
        pod_showed_last("status/observedGeneration", 2),
        *(
            pod_showed_last(f"status/conditions/{condition}/observedGeneration", 2)
            for condition in ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady")
        ),
        ran("init-2", times=1),
        kept_running("init-2"),
        kept_uid(),
    )
