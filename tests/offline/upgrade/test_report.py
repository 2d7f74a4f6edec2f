"""What an upgrade came to, as an exit code and as pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from podvow.errors import ExitCode
from podvow.upgrade.baseline import RunTold
from podvow.upgrade.fate import Fate, Kind
from podvow.upgrade.judge import Outcome, Survivor
from podvow.upgrade.outage import Outage, Sampled
from podvow.upgrade.report import Report

AWAY = Outage("worker", "new", 1767225600.0, 4.25, ended=False)
GOOD = Report(
    "u1",
    "2026-01-01T01:00:00+00:00",
    "v1.36.3",
    "v1.37.2",
    partial=False,
    fates=(Fate("worker", (Kind.KUBELET,), "v1.36.3", "v1.37.2"),),
    survivors=(Survivor("no-init-1", "no-init", "worker", Outcome.INTACT),),
    sampled=(Sampled("new", 100, 4, 0, 35, (AWAY,)), Sampled("reused", 90, 0, 1, 12, ())),
    runs=(RunTold("before", "before/1-any"), RunTold("after", "after/1-any")),
    comparison="comparison.html",
)
BAD = Survivor("web-a", "web", "worker", Outcome.VIOLATED, ("app was restarted", "it says “no|way”"))
LOST = Survivor("job-0", "job", "worker", Outcome.UNACCOUNTED, ("nobody knows",))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, ExitCode.OK),
        ({"survivors": (*GOOD.survivors, BAD, LOST)}, ExitCode.VIOLATED),
        ({"stop": True}, ExitCode.VIOLATED),
        ({"left_behind": ("node x was left behind",)}, ExitCode.VIOLATED),
        ({"left_behind": ("node x was left behind",), "partial": True}, ExitCode.OK),
        ({"survivors": (*GOOD.survivors, LOST)}, ExitCode.INCONCLUSIVE),
        ({"survivors": ()}, ExitCode.INCONCLUSIVE),
        ({"unchanged": True}, ExitCode.INCONCLUSIVE),
        ({"runs": (RunTold("after", "x", exit_code=4),)}, ExitCode.INCONCLUSIVE),
        ({"runs": (RunTold("after", "x", exit_code=1),)}, ExitCode.OK),
    ],
)
def test_what_counts(changed: dict[str, Any], code: ExitCode) -> None:
    assert replace(GOOD, **changed).exit_code is code


def test_machines_get_all_of_it() -> None:
    raw = json.loads(replace(GOOD, survivors=(BAD,)).to_json())
    assert (raw["schema"], raw["exit_code"], raw["counts"]["violated"]) == (1, 1, 1)
    assert raw["sampled"][0]["longest_s"] == 4.25
    assert raw["fates"][0]["kinds"] == ["kubelet-replaced"]


def test_a_terminal_gets_what_matters() -> None:
    told = "\n".join(replace(GOOD, survivors=(*GOOD.survivors, BAD, LOST)).lines())
    assert "node worker: its kubelet went from v1.36.3 to v1.37.2" in told
    assert "over a new connection: 100 requests, 4 failed, away 1 times, longest 4.2 s" in told
    assert "over a reused connection: 90 requests, 0 failed, never away" in told
    assert "1 intact" in told
    assert "✗ violated web-a on worker: app was restarted" in told
    assert "? unaccounted job-0 on worker: nobody knows" in told


def test_the_page_has_every_survivor_the_outages_and_the_runs() -> None:
    page = replace(GOOD, survivors=(*GOOD.survivors, BAD), stop=True, unchanged=True).markdown()
    assert "| ✗ violated | web-a | worker | app was restarted<br>it says “no\\|way” |" in page
    assert page.index("web-a") < page.index("no-init-1"), "the worst first"
    assert "| 2026-01-01 00:00:00 | 4.2, not over | new connection | worker |" in page
    assert "[after/1-any](after/1-any/index.html)" in page
    assert "**It found what must stop an upgrade.**" in page
    assert "**No version changed: there was no upgrade yet.**" in page


def test_the_comparison_becomes_a_part_of_the_page() -> None:
    page = GOOD.markdown("# Two runs\n\n## Changes\n- F4: init-1 ran again")
    assert page.endswith("\n## Two runs\n\n### Changes\n- F4: init-1 ran again\n")


def test_half_way_a_node_that_is_still_to_come_is_no_fault() -> None:
    report = replace(GOOD, left_behind=("node x was left behind",), partial=True)
    assert "Still to come: node x was left behind." in report.markdown()
    assert "**node x was left behind.**" in replace(report, partial=False).markdown()
