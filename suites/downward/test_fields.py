"""What init containers are told about their Pod and node, and variables that they leave to others."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    kept_uid,
    message_names,
    never_ran,
    phase_stayed,
    ran,
    ran_in_order,
    restart_count_was,
    said,
    said_value_matches_status,
    same_value,
    started_only_after,
    waited_with,
)
from podvow.faults import kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running, waiting
from podvow.scenario.conditions import said as has_said
from podvow.scenario.edits import containers


def writes(line: str) -> dict[str, Any]:
    """Let init-1 write this line, with the number of its run in place of `%s`."""
    script = f'echo x >>/variables/n; printf "{line}\\n" "$(wc -l </variables/n)" >/variables/env'
    return {"spec": {"initContainers": [{"name": "init-1", "command": ["sh", "-c", script]}]}}


def in_a_folder() -> dict[str, Any]:
    """Let init-1 write the variables into a folder of the volume, and the others read them there."""
    lines = r"GREETING=\047hello\047\nOTHER=\047unused\047\n"
    script = f"mkdir /variables/of; printf '{lines}' >/variables/of/env; sleep 1"
    key = {"volumeName": "variables", "path": "of/env", "key": "GREETING"}
    reads = {"env": [{"name": "GREETING", "valueFrom": {"fileKeyRef": key}}]}
    return containers(inits={"init-1": {"command": ["sh", "-c", script]}, "init-2": reads}, apps={"app": reads})


@claim("downward.pod-fields.known-to-inits")
@scenario(pod="pod-fields", steady=running("app"), typical_s=5)
def test_an_init_container_is_told_the_fields_of_its_pod_before_any_app_runs(timeline: Trial) -> None:
    timeline.must(
        said_value_matches_status("init-1", "name", "metadata/name"),
        said_value_matches_status("init-1", "namespace", "metadata/namespace"),
        said_value_matches_status("init-1", "uid", "metadata/uid"),
        said_value_matches_status("init-1", "node", "spec/nodeName"),
        said_value_matches_status("init-1", "host-ip", "hostIP"),
        said_value_matches_status("init-1", "pod-ip", "podIP"),
        said_value_matches_status("init-1", "first-host-ip", "hostIP"),
        said_value_matches_status("init-1", "first-pod-ip", "podIP"),
        said("init-1", "labels=0"),
        said("init-1", "managed=true"),
        said_value_matches_status("init-2", "uid", "metadata/uid"),
        said_value_matches_status("init-2", "host-ip", "hostIP"),
        said_value_matches_status("init-2", "pod-ip", "podIP"),
    )


@claim("downward.resource-fields.known-to-inits")
@scenario(pod="pod-fields", steady=running("app"), typical_s=5)
def test_an_init_container_is_told_its_own_limits_and_those_of_an_app_that_has_not_started(timeline: Trial) -> None:
    timeline.must(
        said("init-1", r"cpu=5\.\.50"),
        said("init-1", "memory=16"),
        said("init-1", "app-memory=24"),
        said("init-1", "app-cpu=60"),
        said("init-1", r"own-file=8\.\.16"),
    )


@claim("downward.pod-fields.new-address-in-new-sandbox")
@scenario(
    pod="pod-fields",
    steady=running("app"),
    fault=kill_pause(),
    until=running("app", anew=True),
    typical_s=12,
)
def test_an_init_container_that_runs_again_is_told_the_address_of_the_new_sandbox(timeline: Trial) -> None:
    timeline.must(
        said_value_matches_status("init-1", "pod-ip", "podIP", after=FAULT),
        said_value_matches_status("init-2", "pod-ip", "podIP", after=FAULT),
        said_value_matches_status("init-1", "uid", "metadata/uid", after=FAULT),
        ran("init-1", times=1, after=FAULT),
        kept_uid(),
    )


@claim("downward.host-network.inits-share-it")
@scenario(pod="host-network", steady=running("app") & has_said("app", "network="), typical_s=6)
def test_init_containers_of_a_pod_in_the_hosts_network_are_in_it_too(timeline: Trial) -> None:
    timeline.must(
        said_value_matches_status("init-1", "pod-ip", "hostIP"),
        said_value_matches_status("init-1", "host-ip", "podIP"),
        said("init-1", "host-name=0"),
        same_value("init-1", "network", "init-2"),
        same_value("init-1", "network", "app"),
        ran_in_order("init-1", "init-2", "app"),
    )


@claim("downward.env-file.written-by-init")
@pytest.mark.parametrize(
    ("restart_policy", "edits"),
    [
        pytest.param("Always", {}, id="Always"),
        pytest.param("Never", {}, id="Never"),
        pytest.param("Always", in_a_folder(), id="in-a-folder"),
    ],
)
@scenario(pod="env-from-file", steady=running("app") & has_said("app", "other="), typical_s=6)
def test_a_file_written_by_an_init_container_is_the_environment_of_those_after_it(
    timeline: Trial, restart_policy: str, edits: object
) -> None:
    timeline.must(
        said("init-2", "greeting=hello"),
        said("init-2", "mounted=1"),
        said("app", "greeting=hello"),
        said("app", "other=1"),
        ran_in_order("init-1", "init-2", "app"),
        ran("init-2", times=1),
        ran("app", times=1),
    )


@claim("downward.env-file.missing-variable-holds-back")
@pytest.mark.parametrize(
    ("message", "edits"),
    [
        pytest.param("GREETING", writes(r"OTHER=\047run %s\047"), id="not-written"),
        pytest.param("couldn't parse env file", writes("GREETING=run-%s"), id="not-quoted"),
    ],
)
@scenario(
    pod="env-from-file",
    steady=waiting("init-2", "CreateContainerConfigError"),
    hold="quiet",
    typical_s=40,
)
def test_an_init_container_that_wants_a_variable_nobody_wrote_is_not_created(
    timeline: Trial, message: str, edits: object
) -> None:
    timeline.must(
        waited_with("init-2", "CreateContainerConfigError"),
        message_names("init-2", message),
        phase_stayed("Pending", after=None),
        never_ran("init-2", "app"),
        ran("init-1", times=1),
        restart_count_was("init-2", 0),
    )


@claim("downward.env-file.read-anew-when-init-runs-again")
@scenario(
    pod="env-from-file",
    edits=writes(r"GREETING=\047run %s\047"),
    steady=running("app") & has_said("app", "other="),
    fault=kill_pause(),
    until=running("app", anew=True) & has_said("app", "other=", anew=True),
    typical_s=14,
)
def test_variables_are_read_anew_after_the_init_container_has_written_them_again(timeline: Trial) -> None:
    timeline.must(
        said("app", "greeting=run 1", run=1),
        said("init-2", "greeting=run 2", run=2),
        said("app", "greeting=run 2", run=2),
        started_only_after("app", "init-1", "init-2", after=FAULT),
    )
