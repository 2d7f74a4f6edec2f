"""What the API server lets change in Pods and workloads that are there: tables of dry-run updates."""

from __future__ import annotations

from podvow.expect import answered
from podvow.marks import Trial, claim, scenario, table
from podvow.scenario.table import Case

SENT = scenario(requests=("updates", "workload-updates", "resize", "ephemeral"), typical_s=3)


@claim("validation.updates.only-images-of-inits")
@table("updates")
@SENT
def test_of_an_init_container_only_the_image_may_be_changed(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.updates.templates-but-not-of-jobs")
@table("workload-updates")
@SENT
def test_templates_may_be_changed_but_not_those_of_jobs(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.resize.of-cpu-and-memory-only")
@table("resize")
@SENT
def test_a_resize_changes_cpu_and_memory_and_nothing_else(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.ephemeral.have-names-of-their-own")
@table("ephemeral")
@SENT
def test_ephemeral_containers_have_names_of_their_own(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))
