"""Folders of runs as `podvow run` leaves them, written by the same code, from a few verdicts and timelines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from podvow.report.gather import gather
from podvow.report.model import ClaimInfo, NodeInfo, RunInfo
from podvow.report.results import to_json
from podvow.timeline import Timeline, save
from podvow.verdict import Judged, Judgement, Outcome, Verdict

CLAIM = ClaimInfo("ordering.init.one-after-another", sources=("concepts/workloads/pods/init-containers#detailed",))
_OUTCOMES = {Verdict.HOLDS: Outcome.HOLDS, Verdict.VIOLATED: Outcome.VIOLATED}


def judged(
    scenario: str = "x.s",
    verdict: Verdict = Verdict.HOLDS,
    *,
    claim: str = CLAIM.id,
    expected: str = "holds",
    kubelet: str = "v1.36.3",
    reason: str = "",
    text: str = "init-1 ran once",
) -> Judged:
    judgement = Judgement(text, _OUTCOMES.get(verdict, Outcome.INCONCLUSIVE), "as was seen")
    return Judged(
        scenario,
        f"suites/x/test_x.py::test_{scenario}",
        (claim,),
        verdict,
        () if verdict in {Verdict.NOT_APPLICABLE, Verdict.NOT_INJECTED} else (judgement,),
        reason,
        kubelet="" if verdict is Verdict.NOT_APPLICABLE else kubelet,
        expected={} if verdict is Verdict.NOT_APPLICABLE else {claim: expected},
    )


def write_run(
    folder: Path,
    results: Sequence[Judged],
    *,
    evidence: Mapping[str, Timeline] | None = None,
    kubelet: str = "v1.36.3",
    profile: str = "default",
    complete: bool = True,
    claims: Sequence[ClaimInfo] = (CLAIM,),
) -> Path:
    named = []
    for result in results:
        timeline = (evidence or {}).get(result.scenario)
        if timeline is not None:
            (folder / "evidence").mkdir(parents=True, exist_ok=True)
            save(timeline, folder / "evidence" / f"{result.scenario}.jsonl")
            named.append(replace(result, evidence=f"evidence/{result.scenario}.jsonl"))
        else:
            named.append(result)
    node = NodeInfo("worker-1", kubelet, "containerd://2.3.7")
    run = RunInfo(
        folder.name, "2026-11-26T13:09:53+00:00", complete=complete, server_version=kubelet, nodes=(node,)
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(to_json(gather(folder, run, named, claims)), encoding="utf-8")
    if profile:
        (folder / "session.json").write_text(json.dumps({"schema": 1, "profile": profile}), encoding="utf-8")
    return folder
