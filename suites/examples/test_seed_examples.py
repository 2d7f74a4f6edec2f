"""The seed's two examples: as they stand there, and in a form that works without the Internet."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    exited_with,
    new_container,
    not_rerun,
    qos,
    ran,
    said,
    started_only_after,
)
from podvow.faults import create, kill
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running, runs
from podvow.scenario.conditions import said as has_said
from podvow.scenario.model import Inject, Until, promised

EXAMPLE_1 = scenario(pod="seed-example-1", steady=runs("install", 2) | running("nginx"), typical_s=25)


@claim("seed.example-1.fetches-page-and-serves")
@EXAMPLE_1
def test_seed_example_1_as_given_fetches_its_page_and_starts_nginx(timeline: Trial) -> None:
    timeline.must(exited_with("install", 0), ran("nginx", times=1))


@claim("resources.qos.includes-inits")
@EXAMPLE_1
def test_seed_example_1_is_burstable_because_its_init_has_no_resources(timeline: Trial) -> None:
    timeline.must(qos("Burstable"))


@claim("examples.web-page.init-provides-content")
@scenario(
    pod="web-page",
    steady=running("nginx", "reader") & has_said("reader", "served"),
    fault=kill("nginx"),
    until=running("nginx", anew=True),
    hold="quiet",
    typical_s=45,
)
def test_example_1_offline_serves_what_its_init_fetched_and_keeps_it(timeline: Trial) -> None:
    timeline.must(
        said("install", "name=1"),
        said("install", "fetched=the page"),
        started_only_after("nginx", "install"),
        said("reader", "served=the page"),
        new_container("nginx"),
        not_rerun("install"),
    )


@claim("seed.example-2.waits-for-service")
@scenario(
    pod="seed-example-2",
    steady=runs("install", 1),
    fault=create("objects/redis-service"),
    until=runs("install", 3) | running("app"),
    typical_s=25,
)
def test_seed_example_2_as_given_waits_for_the_service(timeline: Trial) -> None:
    timeline.must(ran("install", times=1), exited_with("install", 0), started_only_after("app", "install"))


@claim("examples.wait-for-service.name-then-answer")
@scenario(
    pod="wait-for-service",
    steady=has_said("wait-for-name", "waiting"),
    fault=create("objects/redis-service"),
    until=promised(has_said("wait-for-answer", "no answer")),
    then=(Inject(create("objects/redis-backend")), Until(running("app"), control=True)),
    typical_s=25,
)
def test_example_2_corrected_waits_for_the_name_and_then_for_an_answer(timeline: Trial) -> None:
    timeline.must(
        said("wait-for-name", "waiting"),
        said("wait-for-name", "resolved", after=FAULT),
        said("wait-for-answer", "no answer", after=FAULT),
        said("wait-for-answer", "answered", after=SECOND_FAULT),
        started_only_after("app", "wait-for-name", "wait-for-answer"),
        ran("wait-for-name", times=1),
        ran("wait-for-answer", times=1),
    )
