"""The seed's two examples under trouble: no server, a lost sandbox, a name without anything behind it."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    exited_with,
    kept_sandbox,
    kept_uid,
    never_ran,
    never_said,
    new_container,
    new_sandbox,
    not_rerun,
    not_restarted,
    phase_stayed,
    qos,
    ran,
    said,
    started_only_after,
)
from podvow.faults import create, kill, kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running, runs
from podvow.scenario.conditions import said as has_said

IMPATIENT = {"spec": {"initContainers": [{"name": "install", "env": [{"name": "PATIENCE", "value": "2"}]}]}}
SERVED = ("objects/page-service", "objects/page-server")


@claim("examples.web-page.server-down-holds-nginx-back")
@scenario(
    pod="counted-page",
    objects=("objects/page-service",),
    edits=IMPATIENT,
    steady=runs("install", 2),
    fault=create("objects/page-server"),
    until=has_said("reader", "served=page"),
    typical_s=30,
)
def test_example_1_nginx_waits_until_the_servers_page_can_be_fetched(timeline: Trial) -> None:
    timeline.must(
        exited_with("install", 1),
        ran("install", at_least=2),
        exited_with("install", 0, run=-1, after=FAULT),
        said("install", "fetched=page [0-9]", run=-1),
        started_only_after("nginx", "install"),
        started_only_after("reader", "install"),
        ran("nginx", times=1),
        ran("nginx", times=1, after=FAULT),
        qos("Burstable"),
        kept_sandbox(after=None),
    )


@claim("examples.web-page.kept-when-nginx-dies")
@scenario(
    pod="counted-page",
    objects=SERVED,
    steady=has_said("reader", "served=page 1") & running("nginx"),
    fault=kill("nginx"),
    until=running("nginx", anew=True),
    hold="quiet",
    typical_s=50,
)
def test_example_1_a_restarted_nginx_serves_the_page_that_was_fetched_before(timeline: Trial) -> None:
    timeline.must(
        said("install", "fetched=page 1", run=1),
        new_container("nginx"),
        # the same page is read all the time: the init container did not fetch another one
        said("reader", "served=page 1", after=FAULT),
        never_said("reader", "served=page [^1]", after=FAULT),
        not_rerun("install"),
        not_restarted("reader"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("examples.web-page.fetched-anew-with-new-sandbox")
@scenario(
    pod="counted-page",
    objects=SERVED,
    steady=has_said("reader", "served=page 1"),
    fault=kill_pause(),
    until=has_said("reader", "served=page 2", anew=True),
    typical_s=24,
)
def test_example_1_a_new_sandbox_fetches_and_serves_new_content(timeline: Trial) -> None:
    timeline.must(
        said("install", "fetched=page 1", run=1),
        new_sandbox(),
        said("install", "fetched=page 2", run=2),
        ran("install", times=1, after=FAULT),
        said("reader", "served=page 2", after=FAULT),
        started_only_after("nginx", "install", after=FAULT),
        kept_uid(),
    )


@claim("examples.wait-for-service.name-is-no-answer")
@scenario(
    pod="wait-for-service",
    objects=("objects/redis-service",),
    until=has_said("wait-for-answer", "no answer"),
    hold="quiet",
    typical_s=40,
)
def test_example_2_a_name_that_resolves_does_not_let_the_app_start_while_nothing_answers(timeline: Trial) -> None:
    timeline.must(
        said("wait-for-name", "resolved"),
        exited_with("wait-for-name", 0),
        ran("wait-for-name", times=1),
        ran("wait-for-answer", times=1),
        never_ran("app"),
        phase_stayed("Pending", after=None),
    )


@claim("examples.wait-for-service.gives-up-and-is-retried")
@scenario(
    pod="asks-three-times",
    steady=runs("wait-for-name", 2),
    fault=create("objects/redis-service"),
    until=running("app"),
    typical_s=25,
)
def test_example_2_a_wait_that_gives_up_is_begun_anew_until_the_service_is_there(timeline: Trial) -> None:
    timeline.must(
        said("wait-for-name", "absent 3", run=1),
        exited_with("wait-for-name", 1, run=1),
        ran("wait-for-name", at_least=2),
        said("wait-for-name", "resolved", run=-1),
        started_only_after("app", "wait-for-name"),
        ran("app", times=1),
        kept_sandbox(after=None),
        kept_uid(),
    )
