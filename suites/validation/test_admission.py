"""What admission refuses because of init containers: security standards, quota, limit ranges."""

from __future__ import annotations

from podvow.expect import answered
from podvow.marks import Trial, claim, scenario, table
from podvow.scenario.table import Case


@claim("validation.pod-security.restricted-counts-inits")
@table("pod-security-restricted")
@scenario(requests=("pod-security-restricted",), typical_s=3)
def test_the_restricted_standard_counts_init_containers(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.pod-security.baseline-counts-inits")
@table("pod-security-baseline")
@scenario(requests=("pod-security-baseline",), typical_s=3)
def test_the_baseline_standard_counts_init_containers(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.quota.inits-say-what-they-need")
@table("quota")
@scenario(requests=("quota",), typical_s=3)
def test_under_a_quota_init_containers_say_what_they_need(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.limit-range.holds-for-inits")
@table("limits")
@scenario(requests=("limits",), typical_s=3)
def test_limit_ranges_hold_for_init_containers(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))
