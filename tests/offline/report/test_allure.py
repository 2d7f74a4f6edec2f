"""Allure results: statuses, identity, steps, attachments, categories."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from podvow.report.model import RunInfo
from podvow.report.write import write_all
from podvow.timeline import Source, save
from podvow.timeline.record import Kind
from podvow.verdict import Judged, Verdict
from tests.offline.report import build

PHASES = ["arrange", "steady state", "inject: kill_sandbox", "observe", "judge"]


def results(folder: Path) -> dict[str, dict[str, Any]]:
    loaded = [json.loads(path.read_text()) for path in (folder / "allure").glob("*-result.json")]
    return {result["name"]: result for result in loaded}


@pytest.fixture(scope="module")
def cases(written: Path) -> dict[str, dict[str, Any]]:
    return results(written)


def labels(case: dict[str, Any], name: str) -> list[str]:
    return [label["value"] for label in case["labels"] if label["name"] == name]


@pytest.mark.parametrize(
    ("name", "status", "verdict"),
    [
        ("ordering.inits", "passed", "holds"),
        ("update.app-image", "failed", "violated"),
        ("sidecars.kubelet-restart", "broken", "inconclusive"),
        ("rerun.kill", "broken", "not-injected"),
        ("resources.resize", "skipped", "not-applicable"),
        ("seed.image-update", "passed", "refuted"),
        ("rerun.records-lost", "passed", "conflict"),
    ],
)
def test_verdicts_become_statuses(cases: dict[str, Any], name: str, status: str, verdict: str) -> None:
    case = cases[f"{name}[Always]"]
    assert case["status"] == status
    assert labels(case, "verdict") == [verdict]


def test_every_verdict_that_does_not_hold_falls_in_its_category(written: Path, cases: dict[str, Any]) -> None:
    rules = json.loads((written / "allure" / "categories.json").read_text())
    found = {}
    for name, case in cases.items():
        message = case.get("statusDetails", {}).get("message", "")
        fitting = [
            rule["name"]
            for rule in rules
            if case["status"] in rule["matchedStatuses"]
            and re.fullmatch(rule.get("messageRegex", "[\\s\\S]*"), message)
        ]
        found[name.partition("[")[0]] = fitting[0].split(" (")[0] if fitting else ""
    assert found == {
        "ordering.inits": "Sources disagree", "rerun.records-lost": "Documentation conflicts",
        "rerun.sandbox-loss": "", "failure.backoff": "",
        "update.app-image": "Violated claims", "sidecars.kubelet-restart": "Inconclusive",
        "rerun.kill": "Not injected", "resources.resize": "Not applicable here",
        "seed.image-update": "Refuted seed claims",
    }  # fmt: skip


def test_the_config_of_the_renderer_lies_beside_the_results(written: Path) -> None:
    config = json.loads((written / "allure" / "allurerc.json").read_text())
    assert config["categories"] == json.loads((written / "allure" / "categories.json").read_text())
    assert not [value for value in json.dumps(config).split('"') if value.startswith("/")]


def test_identity_does_not_depend_on_run_node_or_verdict(tmp_path: Path, cases: dict[str, Any]) -> None:
    judged = [replace(j, verdict=Verdict.HOLDS) for j in build.run_folder(tmp_path)]
    write_all(tmp_path, RunInfo("another"), judged, build.CLAIMS, build.SEED)
    later = results(tmp_path)
    for key in ("historyId", "testCaseId", "fullName"):
        assert {n: c[key] for n, c in cases.items()} == {n: c[key] for n, c in later.items()}
    assert not {c["uuid"] for c in cases.values()} & {c["uuid"] for c in later.values()}
    assert all(p["excluded"] for c in cases.values() for p in c.get("parameters", []))


def test_phases_are_steps_with_times_of_the_timeline(cases: dict[str, Any]) -> None:
    case = cases["rerun.sandbox-loss[Always]"]
    assert [step["name"] for step in case["steps"]][: len(PHASES)] == PHASES
    assert case["start"] == build.T0 // 1_000_000
    moments = [moment for step in case["steps"] for moment in (step["start"], step["stop"])]
    assert moments == sorted(moments)
    assert (case["start"], case["stop"]) == (moments[0], moments[-1])


def test_every_expectation_is_a_step_with_its_outcome(cases: dict[str, Any]) -> None:
    judge = next(s for s in cases["update.app-image[Always]"]["steps"] if s["name"] == "judge")
    told = [(s["name"], s["status"]) for s in judge["steps"]]
    assert told == [
        ("app-a restarted once after the fault", "passed"),
        ("init-1 not run again after the fault", "failed"),
    ]


def test_a_fault_that_was_not_injected_breaks_its_step(cases: dict[str, Any]) -> None:
    steps = {s["name"]: s for s in cases["rerun.kill[Always]"]["steps"]}
    assert steps["inject: kill_container"]["status"] == "broken"
    assert steps["inject: kill_container"]["statusDetails"]["message"] == "no access to the node"


def test_labels_follow_the_documentation(cases: dict[str, Any]) -> None:
    case = cases["ordering.inits[Always]"]
    assert [labels(case, n) for n in ("epic", "feature", "story")] == [
        ["Init Containers"], ["Understanding init containers"], ["run in order"],
    ]  # fmt: skip
    assert labels(case, "severity") == ["blocker"]
    assert labels(case, "kubelet_version") == ["v1.37.2"]


def test_every_attachment_is_there_and_written_once(written: Path, cases: dict[str, Any]) -> None:
    named: list[str] = []
    for case in cases.values():
        found = [a for step in case["steps"] for a in step.get("attachments", [])]
        named += [a["source"] for a in (*case.get("attachments", []), *found)]
    on_disk = {path.name for path in (written / "allure").glob("*-attachment.*")}
    assert set(named) == on_disk
    drawn = {a["name"] for a in cases["rerun.sandbox-loss[Always]"]["attachments"]}
    assert {
        "timeline (drawn)",
        "timeline",
        "last objects",
        "node: runtime records",
        "evidence (JSON lines)",
    } <= drawn


def test_no_secret_leaves_in_any_file(tmp_path: Path) -> None:
    cluster = build.started("a.b")
    secret = {
        "kind": "Secret",
        "metadata": {
            "name": "s",
            "annotations": {"last-applied-configuration": "aHVudGVyMg=="},
        },
        "data": {"password": "aHVudGVyMg=="},
        "stringData": {"other": "aHVudGVyMg=="},
    }
    cluster.add(0.1, Source.HARNESS, Kind.APPLIED, object=secret)
    cluster.add(0.2, Source.STATUS, Kind.OBJECT, object={"kind": "List", "metadata": {}, "items": [secret]})
    cluster.add(0.3, Source.HARNESS, Kind.REJECTED, object=secret, status=403, body={"message": "no"})
    save(cluster.timeline(), tmp_path / "e.jsonl")
    judged = Judged("a.b", "t", ("a.b.c",), Verdict.HOLDS, evidence="e.jsonl")
    write_all(tmp_path, build.RUN, [judged], [], [])
    leaking = [p.name for p in tmp_path.rglob("*") if p.is_file() and "aHVudGVyMg==" in p.read_text()]
    assert leaking == ["e.jsonl"]
    manifests = next((tmp_path / "allure").glob("*.yaml")).read_text()
    assert "password: <redacted>" in manifests


def test_an_older_run_leaves_nothing_behind(tmp_path: Path) -> None:
    write_all(tmp_path, build.RUN, build.run_folder(tmp_path), build.CLAIMS, build.SEED)
    write_all(tmp_path, build.RUN, [], build.CLAIMS, build.SEED)
    assert not results(tmp_path)
