"""Images changed in a Deployment's Pod template: new Pods, and new Pods initialise (deployment#updating)."""

from __future__ import annotations

from podvow.expect import new_pods_ran_inits, old_pods_unaffected
from podvow.faults import set_template_image
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import pods_gone, pods_running
from podvow.scenario.model import Until

GREEN = "podvow/busybox:green"


@claim("controllers.deployment.init-image-change-rolls")
@scenario(
    objects=("workloads/web",),
    steady=pods_running(1),
    fault=set_template_image("web", "init-1", GREEN, init=True),
    until=pods_running(1, since_fault=True),
    then=(Until(pods_gone(1)),),
    typical_s=16,
)
def test_an_init_image_changed_in_the_template_makes_new_pods_that_run_it(timeline: Trial) -> None:
    timeline.must(new_pods_ran_inits("init-1", "init-2"), old_pods_unaffected())


@claim("controllers.deployment.app-image-change-initialises-anew")
@scenario(
    objects=("workloads/web",),
    steady=pods_running(1),
    fault=set_template_image("web", "app", GREEN),
    until=pods_running(1, since_fault=True),
    then=(Until(pods_gone(1)),),
    typical_s=16,
)
def test_an_app_image_changed_in_the_template_makes_new_pods_that_run_inits(timeline: Trial) -> None:
    timeline.must(new_pods_ran_inits("init-1", "init-2"), old_pods_unaffected())
