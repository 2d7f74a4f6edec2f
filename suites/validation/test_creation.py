"""What the API server refuses of init containers when a Pod is created, and what not: tables of requests."""

from __future__ import annotations

from podvow.expect import answered
from podvow.marks import Trial, claim, scenario, table
from podvow.scenario.table import Case

SENT = scenario(
    requests=(
        *("probes", "sidecar-probes", "names", "name-format", "images", "mounts", "ports", "shape"),
        *("env", "env-files", "env-file-paths"),
        *("restart-policy", "restart-rules", "restart-all-rules", "resize-policy", "resources"),
        *("pod-level-resources", "security"),
        *("templates", "ephemeral-create"),
    ),
    typical_s=3,
)


@claim("validation.regular-init.forbids-probes-and-lifecycle")
@table("probes")
@SENT
def test_a_regular_init_container_may_have_no_probe_and_no_lifecycle(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.sidecar.allows-probes-and-lifecycle")
@table("sidecar-probes")
@SENT
def test_a_sidecar_may_have_probes_and_lifecycle(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.names.unique-in-pod")
@table("names")
@SENT
def test_container_names_are_unique_over_inits_and_apps(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.names.are-dns-labels")
@table("name-format")
@SENT
def test_container_names_are_dns_labels(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.images.are-required")
@table("images")
@SENT
def test_an_init_container_needs_an_image(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.mounts.name-volumes-of-the-pod")
@table("mounts")
@SENT
def test_mounts_and_devices_name_volumes_of_the_pod(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.environment.is-well-formed")
@table("env")
@SENT
def test_the_environment_of_an_init_container_is_well_formed(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.environment.from-files-of-the-pod")
@table("env-files")
@SENT
def test_variables_come_from_files_in_volumes_of_the_pod(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.environment.file-path-is-relative")
@table("env-file-paths")
@SENT
def test_the_path_of_a_file_with_variables_is_relative(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.ports.compared-within-one-init")
@table("ports")
@SENT
def test_ports_are_compared_within_one_init_container_only(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.fields.unknown-refused-when-strict")
@table("shape")
@SENT
def test_unknown_fields_and_wrong_types_are_refused(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.restart-policy.of-an-init")
@table("restart-policy")
@SENT
def test_an_init_container_may_have_its_own_restart_policy(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.restart-rules.need-a-policy")
@table("restart-rules")
@SENT
def test_restart_rules_of_an_init_container_are_well_formed(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.restart-rules.may-restart-all")
@table("restart-all-rules")
@SENT
def test_inits_and_sidecars_may_have_rules_that_restart_all(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.resize-policy.never-restarts-an-init")
@table("resize-policy")
@SENT
def test_a_resize_policy_may_not_restart_a_regular_init_container(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.resources.request-within-limit")
@table("resources")
@SENT
def test_resources_of_an_init_container_are_consistent(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.resources.of-the-pod-cover-inits")
@table("pod-level-resources")
@SENT
def test_resources_of_the_pod_cover_init_containers(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.security.free-of-contradictions")
@table("security")
@SENT
def test_the_security_context_of_an_init_container_does_not_contradict_itself(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.templates.same-causes-as-pods")
@table("templates")
@SENT
def test_a_pod_template_is_refused_for_the_same_causes(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))


@claim("validation.ephemeral.not-at-creation")
@table("ephemeral-create")
@SENT
def test_no_pod_is_created_with_ephemeral_containers(timeline: Trial, case: Case) -> None:
    timeline.must(answered(case.id, case.expected))
