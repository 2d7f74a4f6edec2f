"""What a person selects: near misses are named, nothing is made for a selection that matches nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from podvow.claims import load_register
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.errors import UsageError
from podvow.paths import SUITES
from podvow.plan import lines, plan_on
from podvow.scenario.applicable import NAMESPACED
from podvow.scenario.placing import place
from podvow.selection import Collected, collect
from podvow.session import Selection
from tests.offline.run.test_cli import typed as typed  # noqa: PLC0414 (a fixture)
from tests.offline.typed import Typed

NODES = tuple(
    NodeProfile(name, "v1.37.2", ready=True, labels=labels)
    for name, labels in (("steady", {"podvow.dev/role": "steady"}), ("disturbed", {"podvow.dev/role": "disturbed"}))
)
CLUSTER = ClusterProfile("v1.37.2", NODES, server_address="https://192.0.2.1:6443")


@pytest.fixture(scope="module")
def nodes() -> Collected:
    return collect(Selection(areas=("nodes",)))


def test_everything_is_collected_without_a_cluster() -> None:
    register = load_register(SUITES / "claims.yaml")
    everything = collect(profile="nightly")
    judged = {claim.id for item in everything.items for claim in item.claims}
    assert judged == {claim.id for claim in register.claims if not claim.not_judged}
    assert len(everything.planned) < len(everything.items) == len(everything.tests), "tests share recordings"


def test_a_choice_is_kept(nodes: Collected) -> None:
    assert {claim.area for item in nodes.items for claim in item.claims} >= {"nodes"}
    (claim,) = nodes.items[0].claims[:1]
    assert all(claim in item.claims for item in collect(Selection(claims=(claim.id,))).items)
    assert len(collect(Selection(areas=("nodes",), keyword="reboot or kubelet")).items) <= len(nodes.items)


@pytest.mark.parametrize("command", ["run", "plan", "rbac"])
@pytest.mark.parametrize(
    "wrong",
    [
        (["--area", "ordring"], "no claim is of an area 'ordring'", "did you mean ordering"),
        (
            ["--claim", "ordering.init.one-at-time"],
            "no claim 'ordering.init.one-at-time'",
            "did you mean ordering.",
        ),
        (["--profile", "nightley"], "unknown profile 'nightley'", "did you mean nightly"),
        (["-k", "nothing_is_called_so"], "the selection matches no scenario", "podvow run --collect-only"),
        (["-k", "nodes and ("], "Wrong expression", ""),
        (["--area", "ordering", "-k", "nodes"], "the selection matches no scenario", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[0]),
)
def test_a_wrong_selection_is_named_before_anything_is_touched(
    typed: Typed, tmp_path: Path, command: str, wrong: tuple[list[str], str, str]
) -> None:
    words, why, near = wrong
    missing = ["--kubeconfig", str(tmp_path / "none"), "--context", "none"] if command != "rbac" else []
    code, said = typed(command, *missing, *words)
    assert code == 2
    assert why in said
    assert near in said
    assert not (tmp_path / "reports").exists(), "no run was begun"


def test_doctor_names_a_wrong_profile(typed: Typed) -> None:
    code, said = typed("doctor", "--profile", "dfault")
    assert (code, "did you mean default" in said) == (2, True)


def test_unknown_areas_have_no_near_match_but_a_hint() -> None:
    with pytest.raises(UsageError) as caught:
        collect(Selection(areas=("zzz",)))
    assert "podvow claims" in caught.value.hint


def test_a_plan_says_which_node_gets_which_fault(nodes: Collected) -> None:
    placed = place(nodes.items, CLUSTER, node_access=True, withheld={})
    made = plan_on(CLUSTER, placed, tests=len(nodes.items), per_node=40, cores=2)
    assert made.turns[0].node == "disturbed"
    assert {name for turn in made.turns for name in turn.scenarios} == {
        p.id for p in placed.runnable if p.scenario.node_faults
    }
    assert made.limit_s == max(made.longest_s, made.cpu_s, made.exclusive_s)
    assert made.wall_s >= made.limit_s
    assert made.scenarios == len(placed.runnable) == sum(made.scenarios_on.values())
    text = "\n".join(lines(made, verbose=True))
    assert "faults    on disturbed" in text
    assert made.turns[0].scenarios[0] in text
    assert json.loads(made.to_json())["scenarios"] == made.scenarios


def test_a_namespaced_plan_touches_no_node(nodes: Collected) -> None:
    placed = place(nodes.items, CLUSTER, node_access=False, withheld=NAMESPACED)
    made = plan_on(CLUSTER, placed, tests=len(nodes.items), per_node=40, cores=2)
    assert (made.turns, made.on_nodes) == ((), {})
    assert any("--namespaced" in reason for reason in made.not_applicable)
    assert "on nodes: none" in "\n".join(lines(made, verbose=False))
