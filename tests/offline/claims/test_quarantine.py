"""The quarantine list: strict about what it takes; a mark is shown and changes no verdict, count or exit code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from podvow import quarantine
from podvow.errors import UsageError
from podvow.paths import SUITES
from podvow.quarantine import Mark, Quarantine, load
from podvow.report.gather import Report, gather
from podvow.report.html import to_html
from podvow.report.results import results
from podvow.report.summary import to_markdown
from podvow.verdict import Judged, Verdict
from tests.offline.report import build

TODAY = date(2026, 11, 26)
GOOD = """quarantine:
- scenario: a.s[Always]
  owner: team-node
  reason: known, see the tracker
  expires: 2026-12-24
- claim: a.b.c
  owner: team-node
  reason: known
  expires: "2026-11-26"
"""


def put(folder: Path, text: str) -> Path:
    path = folder / "quarantine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_entries_are_read_and_end_on_their_day(tmp_path: Path) -> None:
    listed = load(put(tmp_path, GOOD), today=TODAY)
    assert [mark.target for mark in listed.marks] == ["a.s[Always]", "a.b.c"]
    assert [mark.target for mark in listed.expired] == ["a.b.c"]
    assert listed.of("a.s[Always]", ()) is listed.marks[0]
    assert listed.of("a.other", ("a.b.c",)) is None, "an expired entry marks nothing"
    assert load(put(tmp_path, GOOD), today=date(2026, 11, 25)).of("a.other", ("a.b.c",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD.replace("  owner: team-node\n", "", 1), r"quarantine\.0\.owner: Field required"),
        (GOOD.replace("team-node", "'  '", 1), r"quarantine\.0\.owner"),
        (GOOD.replace("  expires: 2026-12-24\n", ""), r"quarantine\.0\.expires: Field required"),
        (GOOD.replace("2026-12-24", "never"), "expires is no date"),
        (GOOD.replace("2026-12-24", "1798070400"), "expires is no date"),
        (GOOD.replace("2026-12-24", "2026-02-30"), r"quarantine\.0\.expires"),
        (GOOD.replace("reason: known, see the tracker", "reason: known\n  hide: true"), r"hide: Extra inputs"),
        (GOOD.replace("- claim: a.b.c\n  owner", "- owner"), "names a scenario or a claim, one of them"),
        (GOOD.replace("- claim: a.b.c", "- claim: a.b.c\n  scenario: a.s"), "one of them"),
        (GOOD.replace("- claim: a.b.c", "- scenario: a.s[Always]"), r"twice in it: a\.s\[Always\]"),
        ("- a\n", "broken quarantine list"),
        ("quarantine: [", "broken quarantine list"),
    ],
)  # fmt: skip
def test_what_is_not_said_in_full_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load(put(tmp_path, text), today=TODAY)


def test_the_list_is_the_named_one_else_that_of_the_suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(quarantine.VARIABLE, raising=False)
    monkeypatch.setattr(quarantine, "SUITES", tmp_path)
    assert load(today=TODAY) == Quarantine((), TODAY)
    put(tmp_path, GOOD)
    assert len(load(today=TODAY).marks) == 2
    monkeypatch.setenv(quarantine.VARIABLE, str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match="no quarantine list"):
        load(today=TODAY)


def test_the_list_of_the_suites_can_be_read() -> None:
    assert load(SUITES / quarantine.FILE).expired == ()


# A mark in the report


def a_mark(**fields: Any) -> Mark:
    return Mark(**{"owner": "team-node", "reason": "known", "expires": date(2026, 12, 24), **fields})


LISTED = Quarantine(
    (
        a_mark(claim="a.b.c"),
        a_mark(scenario="a.gone", reason="<gone>"),
        a_mark(claim="a.b.d", expires=TODAY),
    ),
    TODAY,
)
JUDGED = (
    Judged("a.s", "t", ("a.b.c",), Verdict.VIOLATED),
    Judged("a.t", "t", ("a.b.d",), Verdict.HOLDS),
)


def report(listed: Quarantine = LISTED, judged: Sequence[Judged] = JUDGED) -> Report:
    return gather(Path(), build.RUN, judged, [], quarantine=listed, read=False)


def test_a_marked_violation_is_counted_and_has_its_mark() -> None:
    marked, plain = results(report()), results(report(Quarantine()))
    scenario = marked["scenarios"][0]
    assert scenario.pop("quarantine") == {"owner": "team-node", "reason": "known", "expires": "2026-12-24"}
    for document in (marked, plain):
        for each in document["scenarios"]:
            each.pop("quarantine", None)
    assert marked == plain
    assert (marked["totals"]["violated"], scenario["verdict"], scenario["shown"]) == (1, "violated", "violated")


def test_summary_and_page_show_marks_and_what_is_wrong_with_them() -> None:
    for told in (to_markdown(report()), to_html(report())):
        assert "violated, counted as that: a.s, quarantined until 2026-12-24 by team-node: known" in told
        assert "ERROR: expired, marks nothing: a.b.d" in told
        assert "names nothing that this run judged: a.gone" in told
        assert "1 violated" in told.replace("&nbsp;", " ")
    assert "<gone>" not in to_html(report())


def test_without_a_list_nothing_is_said_about_one() -> None:
    for told in (to_markdown(report(Quarantine())), to_html(report(Quarantine()))):
        assert "uarantine" not in told
