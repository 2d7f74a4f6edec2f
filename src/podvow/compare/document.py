"""comparison.json: the comparison for machines (docs/compare.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from podvow.compare.model import Change, ClaimNote, Class, Comparison, Latency, Seen, Side
from podvow.compare.ran import Ran

SCHEMA = 1


def document(comparison: Comparison) -> dict[str, Any]:
    """Return the document that comparison.json holds."""
    found = comparison.counts
    return {
        "schema": SCHEMA,
        "stop": comparison.stop,
        "exit_code": int(comparison.exit_code),
        "before": [_run(run) for run in comparison.befores],
        "after": [_run(run) for run in comparison.afters],
        "totals": {str(kind): found.get(kind, 0) for kind in Class},
        "unchanged": dict(comparison.unchanged),
        "changes": [_change(change) for change in comparison.changes],
        "latencies": [_latency(latency) for latency in comparison.latencies],
        "notes": list(comparison.notes),
    }


def to_json(comparison: Comparison) -> str:
    """Return comparison.json as text."""
    return json.dumps(document(comparison), indent=1, ensure_ascii=False) + "\n"


def _run(run: Ran) -> dict[str, Any]:
    return {
        "id": run.id,
        "started": run.started,
        "profile": run.profile,
        "server_version": run.server,
        "kubelet_versions": list(run.kubelets),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "scenario": change.scenario,
        "class": str(change.kind),
        "why": change.why,
        "claims": [_claim(claim) for claim in change.claims],
        "before": _side(change.before),
        "after": _side(change.after),
        "p": change.p,
        "p_holm": change.p_holm,
        "difference": _difference(change),
        "unread": change.unread,
        "expectations": [asdict(turned) for turned in change.turned],
    }


def _claim(claim: ClaimNote) -> dict[str, Any]:
    told = asdict(claim)
    return {**told, "sources": list(claim.sources)}


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    evidence = f"evidence/{side.evidence.name}" if side.evidence else ""
    return {
        "verdict": side.verdict,
        "runs": dict(side.counts),
        "kubelet_version": side.kubelet,
        "reason": side.reason,
        "run": side.run,
        "evidence": evidence,
    }


def _difference(change: Change) -> dict[str, Any] | None:
    difference = change.difference
    if difference is None:
        return None
    return {
        "subject": difference.subject,
        "cause": difference.cause,
        "before": _seen(difference.before),
        "after": _seen(difference.after),
        "before_watched_s": round(difference.before_watched_s, 3),
        "after_watched_s": round(difference.after_watched_s, 3),
        "rests_on": str(difference.sure),
    }


def _seen(seen: Seen | None) -> dict[str, Any] | None:
    return {"text": seen.text, "at_s": round(seen.at_s, 3), "at_ns": seen.at_ns} if seen else None


def _latency(latency: Latency) -> dict[str, Any]:
    told = asdict(latency)
    rounded = {name: round(value, 3) for name, value in told.items() if name.endswith("_s")}
    widest: Sequence[dict[str, Any]] = [
        {key: round(value, 3) if isinstance(value, float) else value for key, value in each.items()}
        for each in told["widest"]
    ]
    return {**told, **rounded, "widest": list(widest)}
