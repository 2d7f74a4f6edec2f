"""Nights for the tests: a sign per scenario and night, written as results.json of the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERDICTS = {
    "+": "holds",
    "x": "violated",
    "?": "inconclusive",
    "0": "not-injected",
    "-": "not-applicable",
}


def name(number: int) -> str:
    return f"11{number:02d}010203-00{number:02d}"


def results(number: int, signs: Mapping[str, str], **about: Any) -> dict[str, Any]:
    """Return the document of one night.

    Args:
        number: the day of November.
        signs: a sign by scenario; its claim is named like it.
        about: version, nodes (versions), complete, exit_code.
    """
    version = about.get("version", "v1.37.2")
    kept = {scenario: VERDICTS[sign] for scenario, sign in signs.items() if sign != " "}
    return {
        "schema": 1,
        "run": {
            "id": name(number),
            "started": f"2026-11-{number:02d}T01:02:03+00:00",
            "exit_code": about.get("exit_code", 0),
            "complete": about.get("complete", True),
        },
        "cluster": {
            "provider": "kind",
            "server_version": version,
            "nodes": [{"name": "n", "kubelet_version": each} for each in about.get("nodes", [version])],
        },
        "scenarios": [
            {
                "id": f"{scenario}.s",
                "claims": [scenario],
                "verdict": verdict,
                "shown": verdict,
                "kubelet_version": "" if verdict == "not-applicable" else version,
                "what-a-later-podvow-adds": 1,
            }
            for scenario, verdict in kept.items()
        ],
        "claims": [
            {"id": scenario, "verdict": verdict, "shown": verdict, "scenarios": [f"{scenario}.s"]}
            for scenario, verdict in kept.items()
        ]
        + [{"id": "a.b.not-judged", "verdict": "not-applicable", "shown": "not-judged", "scenarios": []}],
    }


def put(place: Path, number: int, signs: Mapping[str, str], **about: Any) -> Path:
    folder = place / name(number)
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results(number, signs, **about)), encoding="utf-8")
    return folder


def week(place: Path, strips: Mapping[str, str], **by_night: Mapping[str, Any]) -> Path:
    """Write nights from a strip of signs per scenario, oldest first."""
    for n in range(max(map(len, strips.values()))):
        signs = {scenario: strip[n] for scenario, strip in strips.items()}
        put(place, n + 1, signs, **by_night.get(f"n{n + 1}", {}))
    return place
