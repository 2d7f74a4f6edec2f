"""Services over Pods that initialise: who is listed, and who is asked (endpoint-slices#conditions)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    condition_became,
    condition_stayed,
    endpoint_never,
    endpoint_shown,
    endpoint_while_initialising,
    endpoint_withdrawn_until_reinitialised,
    ran_in_order,
    reran_in_order,
    said,
    started_only_after,
)
from podvow.faults import kill_pause, set_pod_condition
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import ready, running, started, waiting
from podvow.scenario.conditions import said as has_said
from podvow.scenario.model import Hold, Inject, Until
from podvow.scenario.workloads import endpoint

BY_NUMBER, BY_NAME = "objects/served-by-number", "objects/served-by-port-name"
BEFORE_READY = "objects/served-before-ready"
GATE = "podvow.dev/gate"
GATED: dict[str, Any] = {"spec": {"readinessGates": [{"conditionType": GATE}]}}


@claim("services.endpoint.not-ready-until-initialised")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure", "Never"])
@scenario(objects=(BY_NUMBER,), pod="served", until=endpoint(), typical_s=17)
def test_a_pod_that_initialises_is_listed_as_not_ready(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        endpoint_while_initialising(ready=False, serving=False, terminating=False),
        started_only_after("app", "init-1", "init-2"),
        endpoint_shown(ready=True, serving=True),
    )


@claim("services.endpoint.published-before-ready")
@scenario(objects=(BEFORE_READY,), pod="served", until=endpoint(serving=True), typical_s=17)
def test_a_service_that_publishes_unready_addresses_lists_a_pod_that_initialises(timeline: Trial) -> None:
    timeline.must(
        endpoint_while_initialising(ready=True, serving=False, terminating=False),
        started_only_after("app", "init-1", "init-2"),
        endpoint_never(ready=False),
        endpoint_shown(ready=True, serving=True),
    )


@claim("services.endpoint.withdrawn-while-reinitialising")
@scenario(
    objects=(BY_NUMBER,),
    pod="served",
    steady=endpoint(),
    fault=kill_pause(),
    until=endpoint(ready=False, anew=True),
    then=(Until(endpoint(anew=True), control=True),),
    typical_s=32,
)
def test_a_pod_that_initialises_anew_is_withdrawn_until_it_has(timeline: Trial) -> None:
    timeline.must(
        reran_in_order("init-1", "init-2"),
        endpoint_withdrawn_until_reinitialised(),
    )


@claim("services.traffic.starts-after-init")
@scenario(
    objects=(BY_NAME,),
    pod="served-by-sidecar",
    until=has_said("app", "page=") & endpoint(),
    typical_s=20,
)
def test_a_service_sends_nothing_to_a_pod_that_initialises(timeline: Trial) -> None:
    timeline.must(
        ran_in_order("init-1", "app"),
        said("init-1", "page=none"),
        said("app", "page=hello"),
        endpoint_shown(ready=True, serving=True),
    )


@claim("services.traffic.published-pod-is-asked-during-init")
@scenario(
    objects=(BEFORE_READY,),
    pod="served-by-sidecar",
    edits={"spec": {"initContainers": [{"name": "init-1", "env": [{"name": "TRIES", "value": "40"}]}]}},
    until=has_said("app", "page=") & endpoint(),
    typical_s=18,
)
def test_a_service_that_publishes_unready_addresses_reaches_a_pod_that_initialises(timeline: Trial) -> None:
    timeline.must(
        ran_in_order("init-1", "app"),
        said("init-1", "page=hello"),
        endpoint_shown(ready=True, serving=False),
    )


@claim("services.readiness-gate.does-not-replace-init")
@scenario(
    objects=(BY_NUMBER,),
    pod="served",
    edits=GATED,
    steady=started("init-1"),
    fault=set_pod_condition(GATE),
    until=ready() & endpoint(),
    typical_s=18,
)
def test_a_readiness_gate_that_opens_during_init_makes_no_pod_ready(timeline: Trial) -> None:
    timeline.must(
        ran_in_order("init-1", "init-2", "app"),
        endpoint_while_initialising(ready=False, serving=False),
        condition_became("ContainersReady", "True", after=FAULT),
        endpoint_shown(ready=True, after=FAULT),
    )


@claim("services.readiness-gate.holds-back-an-initialised-pod")
@scenario(
    objects=(BY_NUMBER,),
    pod="served",
    edits=GATED,
    steady=waiting("app", "PodInitializing"),
    fault=set_pod_condition(GATE, "False"),
    until=running("app"),
    then=(Hold("quiet"), Inject(set_pod_condition(GATE)), Until(endpoint(), control=True)),
    typical_s=50,
)
def test_a_pod_that_has_initialised_is_not_ready_before_its_gate_opens(timeline: Trial) -> None:
    timeline.must(
        condition_became("Initialized", "True", after=FAULT),
        condition_became("ContainersReady", "True", after=FAULT),
        condition_stayed("Ready", "False", after=FAULT),
        endpoint_never(ready=True, after=FAULT),
        endpoint_shown(ready=True, after=SECOND_FAULT),
    )


@claim("services.readiness-gate.holds-back-an-initialised-pod")
@scenario(
    objects=(BY_NUMBER,),
    pod="served",
    edits={"spec": {"readinessGates": [{"conditionType": GATE}, {"conditionType": f"{GATE}-too"}]}},
    steady=waiting("app", "PodInitializing"),
    fault=set_pod_condition(GATE),
    until=running("app"),
    then=(Hold("notice"), Inject(set_pod_condition(f"{GATE}-too")), Until(endpoint(), control=True)),
    typical_s=28,
)
def test_a_pod_is_not_ready_before_the_last_of_its_gates_opens(timeline: Trial) -> None:
    timeline.must(
        condition_became("ContainersReady", "True", after=FAULT),
        condition_stayed("Ready", "False", after=FAULT),
        endpoint_never(ready=True, after=FAULT),
        endpoint_shown(ready=True, after=SECOND_FAULT),
    )
