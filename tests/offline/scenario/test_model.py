from __future__ import annotations

import re
from dataclasses import replace

import pytest

from podvow.errors import UsageError
from podvow.faults import kill_pause, set_image
from podvow.faults.base import Isolation
from podvow.scenario.conditions import ready, running
from podvow.scenario.model import Hold, Inject, Scenario, Until, key_of, promised

FAULT = set_image("app", "green")


def test_the_steps_of_a_scenario_in_their_order() -> None:
    more = (Inject(kill_pause()), Until(ready(), control=True))
    scenario = Scenario("p", steady=running("a"), fault=FAULT, until=running("b"), then=more, hold="quiet")
    first, inject, control, *then, hold = scenario.steps
    assert isinstance(first, Until)
    assert (first.condition.text, first.control) == ("a running", False)
    assert inject == Inject(FAULT)
    assert isinstance(control, Until)
    assert (control.condition.text, control.control) == ("b running", True)
    assert tuple(then) == more
    assert hold == Hold("quiet")
    assert scenario.faults == (FAULT, kill_pause())


def test_the_state_after_the_first_fault_may_be_what_the_claim_promises() -> None:
    step = promised(running("b"))
    assert (step.control, step.promised) == (True, True)
    assert Scenario("p", fault=FAULT, until=step).steps == (Inject(FAULT), step)


def test_a_scenario_of_nothing_has_no_steps() -> None:
    assert Scenario("bare").steps == ()
    assert (Scenario("bare").isolation, Scenario("bare").needs) == (Isolation.POD, frozenset())


def test_what_its_faults_need_it_needs() -> None:
    assert Scenario("bare", fault=FAULT, then=(Inject(kill_pause()),)).needs == {"node-access"}


def test_parameters_that_name_a_field_replace_it() -> None:
    scenario = Scenario("failing-init", restart_policy="Always", deadline_s=9)
    resolved = scenario.resolved({"restart_policy": "Never", "fault": FAULT, "code": 3})
    assert (resolved.restart_policy, resolved.fault, resolved.deadline_s) == ("Never", FAULT, 9)
    assert scenario.fault is None


def test_edits_of_a_parameter_are_added_to_the_scenarios_own() -> None:
    scenario = Scenario("failing-init", edits={"metadata": {"labels": {"a": "1"}}})
    resolved = scenario.resolved({"edits": {"metadata": {"labels": {"b": "2"}}}})
    assert resolved.edits == {"metadata": {"labels": {"a": "1", "b": "2"}}}


def test_edits_of_a_parameter_can_remove_what_the_fixture_has() -> None:
    scenario = Scenario("failing-init", edits={"spec": {"hostname": "h"}}, restart_policy="Never")
    (plain,) = scenario.manifests()
    removed = {"spec": {"hostname": None, "restartPolicy": None, "terminationGracePeriodSeconds": None}}
    (edited,) = Scenario("failing-init", edits={"spec": {"hostname": "h"}}).resolved({"edits": removed}).manifests()
    assert plain["spec"]["hostname"] == "h"
    assert plain["spec"]["restartPolicy"] == "Never"
    assert not {"hostname", "restartPolicy", "terminationGracePeriodSeconds"} & set(edited["spec"])


def test_objects_come_first_and_the_main_pod_last() -> None:
    manifests = Scenario("wants-configmap", objects=("objects/settings", "objects/quota")).manifests()
    assert [m["kind"] for m in manifests] == ["ConfigMap", "ResourceQuota", "Pod"]


def test_a_scenario_that_deploys_nothing_or_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="deploys nothing"):
        Scenario().manifests()
    with pytest.raises(UsageError, match=r"no fixture objects/nosuch\.yaml"):
        Scenario("failing-init", objects=("objects/nosuch",)).manifests()


def test_how_many_pods_it_brings() -> None:
    assert Scenario("failing-init").pod_count == 1
    assert Scenario(objects=("objects/settings",)).pod_count == 1
    assert Scenario("failing-init", objects=("workloads/web",)).pod_count >= 2


def test_the_key_of_a_scenario_is_stable_and_fit_for_a_label() -> None:
    assert key_of("rerun.sandbox-loss[Always-kill_pause]") == key_of("rerun.sandbox-loss[Always-kill_pause]")
    assert key_of("a") != key_of("b")
    assert re.fullmatch(r"[a-z0-9]{10}", key_of("äöü[]"))
    assert len(f"podvow-{'0' * 15}-{key_of('x')}") <= 63


@pytest.mark.parametrize(("typical_s", "deadline_s", "patience_s"), [(5, None, 90), (100, None, 240), (5, 7, 7)])
def test_patience_is_several_times_what_is_typical(
    typical_s: float, deadline_s: float | None, patience_s: float
) -> None:
    scenario = Scenario("failing-init", typical_s=typical_s, deadline_s=deadline_s)
    assert scenario.patience_s == patience_s
    assert scenario.idling_at_most(None) == scenario
    assert scenario.idling_at_most(1000) == scenario
    assert scenario.idling_at_most(3) == replace(scenario, idle_s=3)
