"""results.json: the contract of docs/results.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.report.gather import gather
from podvow.report.model import ClaimInfo, RunInfo
from podvow.report.results import results
from podvow.verdict import ClaimKind, Judged, Judgement, Outcome, Verdict, of_scenarios

KEYS = {
    "": {"schema", "run", "cluster", "scenarios", "claims", "totals", "findings", "oracle"},
    "run": {
        *("id", "started", "wall_s", "limit_s", "wall_over_limit", "cpu_s", "api_requests", "exit_code"),
        "complete",
    },
    "cluster": {"provider", "server_version", "nodes"},
    "nodes": {"name", "kubelet_version", "runtime", "capabilities"},
    "scenarios": {
        "id", "claims", "node", "verdict", "reason", "wall_s", "faults", "expectations", "evidence",
        "shown", "kubelet_version", "expected", "quarantine",
    },
    "expectations": {"text", "outcome", "detail"},
    "claims": {
        "id", "kind", "sources", "verdict", "scenarios", "shown", "expected", "agrees", "reason", "catalogue",
    },
    "findings": {"kind", "scenario", "text", "at_s", "evidence"},
    "oracle": {"as_expected", "other"},
    "totals": {
        "holds", "violated", "inconclusive", "not_injected", "not_applicable",
        "refuted_seed", "kept_seed", "open_seed", "conflict",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def document(written: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((written / "results.json").read_text())
    return loaded


def check_keys(document: dict[str, Any]) -> None:
    assert set(document) == KEYS[""]
    for part in ("run", "cluster", "totals", "oracle"):
        assert set(document[part]) == KEYS[part]
    for part in ("scenarios", "claims", "findings"):
        for item in document[part]:
            assert set(item) == KEYS[part]
    for node in document["cluster"]["nodes"]:
        assert set(node) == KEYS["nodes"]
    for scenario in document["scenarios"]:
        for expectation in scenario["expectations"]:
            assert set(expectation) == KEYS["expectations"]


def test_it_has_exactly_the_keys_of_the_contract(document: dict[str, Any]) -> None:
    check_keys(document)
    assert document["schema"] == 1


def test_wall_time_is_given_over_the_limit(document: dict[str, Any]) -> None:
    run = document["run"]
    assert run["wall_over_limit"] == pytest.approx(run["wall_s"] / run["limit_s"], abs=1e-3)


def test_node_and_faults_come_from_the_evidence(document: dict[str, Any]) -> None:
    by_id = {s["id"]: s for s in document["scenarios"]}
    assert by_id["rerun.sandbox-loss[Always]"]["faults"] == ["kill_sandbox"]
    assert by_id["rerun.sandbox-loss[Always]"]["node"] == "worker-1"
    assert by_id["resources.resize[Always]"]["faults"] == []
    assert by_id["resources.resize[Always]"]["reason"] == "needs kubelet >= 1.38; worker-1 has v1.37.2"


def test_a_refuted_seed_claim_is_violated_but_counted_apart(document: dict[str, Any]) -> None:
    claim = next(c for c in document["claims"] if c["id"] == "seed.image-update.reruns-inits")
    assert (claim["kind"], claim["verdict"]) == ("seed-literal", "violated")
    assert document["totals"] == {
        "holds": 3, "violated": 1, "inconclusive": 1, "not_injected": 1, "not_applicable": 1,
        "refuted_seed": 1, "kept_seed": 0, "open_seed": 0, "conflict": 1,
    }  # fmt: skip


def test_evidence_that_is_gone_costs_no_verdict(tmp_path: Path) -> None:
    judged = Judged("a.b", "t", ("a.b.c",), Verdict.VIOLATED, evidence="evidence/gone.jsonl")
    document = results(gather(tmp_path, RunInfo("r"), [judged], [], []))
    assert document["scenarios"][0]["verdict"] == "violated"
    assert document["totals"]["violated"] == 1
    assert document["run"]["wall_over_limit"] == 0


def test_evidence_that_is_cut_off_costs_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl").write_text('{"schema":1,"scenario":"a.b"}\n{"t":1,')
    judged = Judged("a.b", "t", ("a.b.c",), Verdict.HOLDS, evidence="cut.jsonl")
    assert results(gather(tmp_path, RunInfo("r"), [judged], [], []))["totals"]["holds"] == 1


NAMES = ("a.x.y", "a.x.z", "b.x.y", "b.x.z")
JUDGEMENT = st.builds(Judgement, st.text(), st.sampled_from(Outcome), st.text())
JUDGED = st.builds(
    Judged,
    scenario=st.uuids().map(str),
    test=st.just("t"),
    claims=st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
    verdict=st.sampled_from(Verdict),
    judgements=st.lists(st.builds(Judgement, st.text(), st.sampled_from(Outcome), st.text()), max_size=2).map(
        tuple
    ),
    reason=st.text(),
    wall_s=st.floats(0, 1e4),
    message=st.text(),
)


@given(
    judged=st.lists(JUDGED, max_size=8, unique_by=lambda j: j.scenario),
    kinds=st.lists(st.sampled_from(ClaimKind), min_size=len(NAMES), max_size=len(NAMES)),
)
def test_totals_count_every_scenario_once_and_claims_follow_from_scenarios(
    judged: list[Judged], kinds: list[ClaimKind]
) -> None:
    register = [ClaimInfo(name, kind) for name, kind in zip(NAMES, kinds, strict=True)]
    document = json.loads(json.dumps(results(gather(Path(), RunInfo("r"), judged, register, [], read=False))))
    check_keys(document)
    assert sum(document["totals"].values()) == len(judged)
    verdict_of = {j.scenario: j.verdict for j in judged}
    for claim in document["claims"]:
        assert sorted(claim["scenarios"]) == sorted(j.scenario for j in judged if claim["id"] in j.claims)
        assert claim["verdict"] == of_scenarios([verdict_of[s] for s in claim["scenarios"]])
    seed_only = {n for n, kind in zip(NAMES, kinds, strict=True) if kind is ClaimKind.SEED_LITERAL}
    gating = [j for j in judged if not j.claims or set(j.claims) - seed_only]
    assert document["totals"]["violated"] == sum(j.verdict is Verdict.VIOLATED for j in gating)
