"""Named target ports: which containers of a Pod they are looked up in (init-containers#detailed-behavior)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import endpoint_ports, endpoint_shown, ran_in_order
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running
from podvow.scenario.workloads import endpoint


def port(name: str, number: int) -> dict[str, Any]:
    """Return the edit that gives the app a port."""
    return {"containers": [{"name": "app", "ports": [{"name": name, "containerPort": number}]}]}


SIDECAR: dict[str, Any] = {
    "initContainers": [{"name": "init-2", "restartPolicy": "Always", "command": ["httpd", "-f", "-p", "8001"]}]
}


@claim("services.target-port.regular-init-not-found")
@scenario(
    objects=("objects/served-by-port-name",),
    pod="served",
    until=running("app") & endpoint(),
    typical_s=17,
)
def test_a_port_name_of_a_regular_init_container_resolves_to_nothing(timeline: Trial) -> None:
    timeline.must(ran_in_order("init-1", "init-2", "app"), endpoint_shown(ready=True), endpoint_ports())


@claim("services.target-port.found-in-app-and-sidecar")
@pytest.mark.parametrize(
    ("edits", "number"),
    [
        pytest.param({"spec": port("web", 8080)}, 8080, id="app-beside-regular-init"),
        pytest.param({"spec": SIDECAR}, 8001, id="sidecar"),
        pytest.param({"spec": {**SIDECAR, **port("admin", 8080)}}, 8001, id="sidecar-beside-other-app-port"),
    ],
)
@scenario(
    objects=("objects/served-by-port-name",),
    pod="served",
    until=running("app") & endpoint(),
    typical_s=17,
)
def test_a_port_name_of_an_app_or_a_sidecar_resolves_to_its_port(
    timeline: Trial, edits: object, number: int
) -> None:
    timeline.must(endpoint_shown(ready=True), endpoint_ports(number))


@claim("services.target-port.number-needs-no-container")
@scenario(
    objects=("objects/served-by-number",),
    pod="served",
    until=running("app") & endpoint(),
    typical_s=17,
)
def test_a_target_port_by_number_is_taken_as_it_is(timeline: Trial) -> None:
    timeline.must(endpoint_shown(ready=True), endpoint_ports(8080))
