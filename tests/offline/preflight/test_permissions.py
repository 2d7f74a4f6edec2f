from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.errors import UsageError
from podvow.faults.base import NODE_ACCESS, NODE_STATUS
from podvow.labels import namespace_of
from podvow.paths import ROOT
from podvow.permissions import BASE, FEATURES, KUBELETS, OFFER, Permission, features_of, needs_of, used_by
from podvow.rbac import check, manifests, rules_of, to_markdown, to_yaml
from podvow.scenario.applicable import NAMESPACED
from podvow.scenario.model import Scenario
from podvow.selection import Collected, collect

FAST = settings(max_examples=100, deadline=None, derandomize=True)
PERMISSIONS = st.builds(
    Permission,
    st.sampled_from(["", "apps", "batch"]),
    st.sampled_from(["pods", "pods/log", "jobs", "secrets", "nodes"]),
    st.sampled_from(["get", "list", "watch", "create"]),
) | st.builds(Permission, st.just(""), st.sampled_from(["/metrics", "/version"]), st.just("get"))


@pytest.fixture(scope="module")
def everything() -> Collected:
    return collect()


def granted(rules: list[dict[str, list[str]]]) -> list[Permission]:
    """Return what rules grant, the way RBAC multiplies them out."""
    return [
        Permission(group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups", [""])
        for resource in rule.get("resources", rule.get("nonResourceURLs", []))
        for verb in rule["verbs"]
    ]


@FAST
@given(st.sets(PERMISSIONS, max_size=20))
def test_rules_grant_exactly_what_was_asked_for_and_nothing_twice(wanted: set[Permission]) -> None:
    assert sorted(granted(rules_of(wanted))) == sorted(wanted)


@FAST
@given(st.permutations(sorted(p for f in FEATURES.values() for p in f.permissions)))
def test_rules_do_not_hang_on_the_order_of_what_is_asked_for(permissions: list[Permission]) -> None:
    assert rules_of(permissions) == rules_of(sorted(permissions))


def test_every_scenario_of_the_suites_is_in_the_table(everything: Collected) -> None:
    used = {feature.name for scenario in everything.scenarios for feature in features_of(scenario)}
    assert used | {"base", "journal", "gates", "kubelets"} == set(FEATURES), (
        "nothing is missing and nothing is left over"
    )


def test_a_role_for_a_few_scenarios_grants_less(everything: Collected) -> None:
    some = Scenario(pod="bare")
    assert {f.name for f in used_by([some])} == {"base", "journal", "gates", "kubelets"}
    few, all_of_them = (needs_of(used_by(scenarios)) for scenarios in ([some], everything.scenarios))
    assert {n.permission for n in few} < {n.permission for n in all_of_them}


def test_what_nobody_has_thought_of_is_refused() -> None:
    with pytest.raises(UsageError, match="deploy CronJob"):
        list(features_of(_Strange()))


class _Strange(Scenario):
    def manifests(self) -> tuple[dict[str, object], ...]:
        return ({"kind": "CronJob", "metadata": {"name": "x"}},)


def test_a_namespaced_run_touches_no_node(everything: Collected) -> None:
    needs = needs_of(used_by(everything.scenarios, NAMESPACED))
    assert {str(n.permission) for n in needs if n.permission.resource.startswith("nodes")} == {"list nodes"}
    assert set(KUBELETS.permissions).isdisjoint(n.permission for n in needs)


def test_scenarios_that_are_withheld_ask_for_nothing(everything: Collected) -> None:
    assert OFFER in used_by(everything.scenarios)
    assert OFFER not in used_by(everything.scenarios, {NODE_STATUS})
    assert KUBELETS not in used_by([], {NODE_ACCESS})


def test_no_run_reads_secrets_or_runs_programs_in_pods_of_others() -> None:
    asked = {str(need.permission) for need in needs_of(FEATURES.values())}
    for verb in ("get", "list", "watch"):
        assert f"{verb} secrets" not in asked
    assert not {text for text in asked if "pods/exec" in text or "pods/attach" in text or "*" in text}


def test_a_permission_that_one_feature_cannot_do_without_is_not_optional() -> None:
    (need,) = (n for n in needs_of([OFFER, FEATURES["node fault"]]) if str(n.permission) == "get nodes")
    assert not need.lost
    assert len(need.why) == 2
    assert all(n.lost for n in needs_of([OFFER]))


def test_the_manifests_belong_together() -> None:
    home, account, role, binding = manifests(needs_of([BASE]), name="tester", namespace="elsewhere")
    assert home["metadata"]["name"] == account["metadata"]["namespace"] == "elsewhere"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "tester", "namespace": "elsewhere"}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "tester"
    assert sorted(granted(role["rules"])) == sorted(BASE.permissions)
    assert manifests([], namespace="default")[0]["kind"] == "ServiceAccount", "every cluster has that namespace"


def test_a_fence_is_about_one_account_and_refuses_what_is_elsewhere() -> None:
    *_, policy, binding = manifests([], name="tester", namespace="elsewhere", fenced=True)
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    assert "system:serviceaccount:elsewhere:tester" in policy["spec"]["matchConditions"][0]["expression"]
    (rule,) = policy["spec"]["validations"]
    assert f'.startsWith("{namespace_of("", "")[:7]}")' in rule["expression"]
    assert policy["spec"]["failurePolicy"] == "Fail"


def test_the_yaml_says_the_same_with_lists_on_one_line() -> None:
    made = manifests(needs_of(FEATURES.values()))
    text = to_yaml(made)
    assert list(yaml.safe_load_all(text)) == made
    assert "  verbs: [list, watch]\n" in text


def test_the_page_is_up_to_date(tmp_path: Path) -> None:
    check(ROOT / "docs" / "permissions.md")
    old = tmp_path / "permissions.md"
    old.write_text(to_markdown().replace("create pods", "invent pods"), encoding="utf-8")
    with pytest.raises(UsageError, match="out of date"):
        check(old)
    with pytest.raises(UsageError, match="nosuch"):
        check(tmp_path / "nosuch.md")
