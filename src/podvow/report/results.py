"""results.json: the stable contract for machines (docs/results.md)."""

from __future__ import annotations

import json
from typing import Any

from podvow.report.gather import ClaimEntry, Entry, Report
from podvow.verdict import Finding

SCHEMA = 1
FILE = "results.json"


def results(report: Report) -> dict[str, Any]:
    """Return the document that results.json holds."""
    run = report.run
    return {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            "started": run.started,
            "wall_s": round(run.wall_s, 3),
            "limit_s": round(run.limit_s, 3),
            "wall_over_limit": run.wall_over_limit,
            "cpu_s": round(run.cpu_s, 3),
            "api_requests": run.api_requests,
            "exit_code": run.exit_code,
            "complete": run.complete,
        },
        "cluster": {
            "provider": run.provider,
            "server_version": run.server_version,
            "nodes": [
                {
                    "name": node.name,
                    "kubelet_version": node.kubelet_version,
                    "runtime": node.runtime,
                    "capabilities": list(node.capabilities),
                }
                for node in run.nodes
            ],
        },
        "scenarios": [_scenario(entry) for entry in report.entries],
        "claims": [_claim(entry) for entry in report.claims],
        "totals": report.totals,
        "findings": [_finding(entry, finding) for entry, finding in report.findings],
        "oracle": {
            "as_expected": sum(entry.agrees is True for entry in report.claims),
            "other": [entry.claim.id for entry in report.surprises],
        },
    }


def _finding(entry: Entry, finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "scenario": entry.judged.scenario,
        "text": finding.text,
        "at_s": finding.at_s,
        "evidence": entry.judged.evidence,
    }


def _scenario(entry: Entry) -> dict[str, Any]:
    judged = entry.judged
    return {
        "id": judged.scenario,
        "claims": list(judged.claims),
        "node": entry.node,
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "wall_s": round(judged.wall_s, 3),
        "faults": entry.faults,
        "expectations": [
            {"text": j.text, "outcome": j.outcome.value, "detail": j.detail} for j in judged.judgements
        ],
        "evidence": judged.evidence,
        "shown": entry.shown,
        "kubelet_version": judged.kubelet,
        "expected": dict(judged.expected),
        "quarantine": entry.quarantine.as_json() if entry.quarantine else None,
    }


def _claim(entry: ClaimEntry) -> dict[str, Any]:
    return {
        "id": entry.claim.id,
        "kind": entry.claim.kind.value,
        "sources": list(entry.claim.sources),
        "verdict": entry.verdict.value,
        "scenarios": [scenario.judged.scenario for scenario in entry.scenarios],
        "shown": entry.shown,
        "expected": entry.expected,
        "agrees": entry.agrees,
        "reason": entry.reason,
        "catalogue": list(entry.claim.catalogue),
    }


def to_json(report: Report) -> str:
    """Return results.json as text."""
    return json.dumps(results(report), indent=1, ensure_ascii=False) + "\n"
