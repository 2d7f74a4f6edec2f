"""What is new since when, what flips, what moved with a version: over nights that are written down as strips."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from podvow.errors import UsageError
from podvow.history import tell
from podvow.history.night import nights
from podvow.history.trend import Track, Trend, trend
from podvow.quarantine import Mark, Quarantine
from tests.offline.history.nights import name, put, week

TODAY = date(2026, 11, 20)


def over(place: Path, last: int | None = None, *marks: Mark) -> Trend:
    return trend(*nights(place, last), Quarantine(marks, TODAY))


def of(found: Trend, scenario: str) -> Track:
    return next(track for track in found.scenarios if track.id == f"{scenario}.s")


def text(found: Trend) -> str:
    return "\n".join(tell.lines(found))


def titles(found: Trend) -> list[str]:
    return [section.title for section in tell.sections(found)]


@pytest.mark.parametrize(
    ("strip", "told"),
    [
        ("+++++", ("holds", 1, 5, 0)),
        ("++++x", ("violated", 5, 1, 1)),
        ("++xxx", ("violated", 3, 3, 1)),
        ("+x+x+", ("holds", 5, 1, 4)),
        ("x xx ", ("violated", 1, 3, 0)),
        ("  ?00", ("not-injected", 4, 2, 1)),
    ],
)
def test_a_verdict_has_a_first_night_a_streak_and_flips(
    tmp_path: Path, strip: str, told: tuple[str, int, int, int]
) -> None:
    found = over(week(tmp_path, {"a.b.c": strip, "a.b.d": "+++++"}))
    for track in (of(found, "a.b.c"), next(t for t in found.claims if t.id == "a.b.c")):
        assert (track.verdict, track.since.started.day, track.streak, track.flips) == told


def test_what_changes_with_a_version_is_told_with_it_and_is_no_flip(tmp_path: Path) -> None:
    new = {"version": "v1.38.0"}
    found = over(week(tmp_path, {"a.b.c": "++xx+"}, n3=new, n4=new, n5=new))
    track = of(found, "a.b.c")
    assert [change.cause for change in track.changes] == [
        "API server v1.37.2 → v1.38.0; kubelet v1.37.2 → v1.38.0",
        "",
    ]
    assert track.flips == 1


def test_a_scenario_that_did_not_apply_has_no_kubelet_that_could_have_changed(tmp_path: Path) -> None:
    mixed = {"nodes": ["v1.36.1", "v1.37.2"]}
    found = over(week(tmp_path, {"a.b.c": "-+"}, n1=mixed, n2=mixed))
    assert of(found, "a.b.c").changes[0].cause == ""


def test_an_interruption_makes_no_open_verdict_and_hides_no_violation(tmp_path: Path) -> None:
    found = over(week(tmp_path, {"a.b.c": "+?", "a.b.d": "+x"}, n2={"complete": False}))
    assert (of(found, "a.b.c").verdict, of(found, "a.b.c").flips) == ("holds", 0)
    assert of(found, "a.b.d").verdict == "violated"
    assert f"{name(2)} (2026-11-02) did not come to its end" in text(found)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"schema": 1, "run": {"id"', "no file of results"),
        ('{"schema": 9}', "of schema 9, this podvow reads 1"),
        ('{"schema": 1, "run": {}}', "broken file of results"),
        ("[]", "a list where an object was expected"),
        (None, "no results.json"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_other_nights_count(
    tmp_path: Path, content: str | None, why: str
) -> None:
    week(tmp_path, {"a.b.c": "+x"})
    bad = tmp_path / "1103000000-dead"
    bad.mkdir()
    (bad / "session.json").write_text("{}")
    if content is not None:
        (bad / "results.json").write_text(content)
    (tmp_path / "allure-report").mkdir()
    (tmp_path / "latest").symlink_to(name(1))
    found = over(tmp_path)
    assert [(each.name, why in each.why) for each in found.unread] == [(bad.name, True)]
    assert len(found.nights) == 2
    assert f"{bad.name} tells nothing: " in text(found)


def test_a_copied_night_does_not_count_twice(tmp_path: Path) -> None:
    week(tmp_path, {"a.b.c": "+"})
    put(tmp_path / "x", 1, {"a.b.c": "+"}).rename(tmp_path / "copy")
    found = over(tmp_path)
    assert (len(found.nights), [each.why for each in found.unread]) == (1, [f"a copy of run {name(1)}"])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of nights"):
        nights(tmp_path / "none")


def test_only_the_newest_nights_are_looked_at(tmp_path: Path) -> None:
    found = over(week(tmp_path, {"a.b.c": "x+++x"}), 2)
    assert [night.id for night in found.nights] == [name(4), name(5)]
    assert of(found, "a.b.c").flips == 1


def test_the_text_says_since_when_and_what_was_before(tmp_path: Path) -> None:
    new = {"version": "v1.38.0"}
    told = text(over(week(tmp_path, {"a.b.c": "+++x", "a.b.d": "?+++", "a.b.e": "  xx", "a.b.f": "xxxx"}, n4=new)))
    for words in (
        f"claims that are new since {name(4)} (2026-11-04)",
        "holds for 3 nights before, likely cause: API server v1.37.2 → v1.38.0; kubelet v1.37.2 → v1.38.0",
        f"scenarios that are new since {name(3)} (2026-11-03)",
        "not judged before",
        "inconclusive for 1 night before, no version changed: a flip",
        "1 flip in 4 nights",
        "✓✓✓✗",
        "··✗✗",
        f"since {name(1)} (2026-11-01), 4 nights or longer",
    ):
        assert words in told


def test_nights_without_a_change_say_so(tmp_path: Path) -> None:
    assert text(over(week(tmp_path, {"a.b.c": "++"}))).endswith("nothing changed, nothing is open")


def test_a_violation_that_is_not_judged_any_more_is_not_forgotten(tmp_path: Path) -> None:
    found = over(week(tmp_path, {"a.b.c": "+x ", "a.b.d": "+++", "a.b.e": "++ "}))
    assert "scenarios that were open when they were judged last" in titles(found)
    assert f"last judged by {name(2)}" in text(found)
    assert "2 scenarios that earlier nights judged are not in the newest whole one" in text(found)


def a_mark(**fields: Any) -> Mark:
    return Mark(**{"owner": "team-node", "reason": "known", "expires": date(2026, 12, 1), **fields})


@pytest.mark.parametrize("fields", [{"claim": "a.b.c"}, {"scenario": "a.b.c.s"}])
def test_a_mark_is_shown_beside_the_violation_and_takes_nothing_away(
    tmp_path: Path, fields: Mapping[str, str]
) -> None:
    week(tmp_path, {"a.b.c": "+x", "a.b.d": "++"})
    plain, marked = over(tmp_path), over(tmp_path, None, a_mark(**fields))
    assert set(titles(plain)) < set(titles(marked))
    rows = {s.title: [(r.verdict, r.id, r.strip) for r in s.rows] for s in tell.sections(marked)}
    for section in tell.sections(plain):
        assert rows[section.title] == [(r.verdict, r.id, r.strip) for r in section.rows]
    assert "quarantined until 2026-12-01 by team-node: known" in text(marked)


def test_expired_and_idle_and_misspelt_marks_are_named(tmp_path: Path) -> None:
    week(tmp_path, {"a.b.c": "xx", "a.b.d": "x+"})
    found = over(
        tmp_path, None, a_mark(claim="a.b.c", expires=TODAY), a_mark(claim="a.b.d"), a_mark(scenario="a.b.x.s")
    )
    told = text(found)
    assert "ERROR: quarantine expired, marks nothing: a.b.c" in told
    assert "quarantine names nothing that was judged: a.b.x.s" in told
    assert "holds for 1 night: is it still needed?" in told
    assert of(found, "a.b.c").mark is None


def test_machines_get_all_of_it(tmp_path: Path) -> None:
    week(tmp_path, {"a.b.c": "+x"}, n2={"exit_code": 1})
    told = json.loads(tell.to_json(over(tmp_path, None, a_mark(claim="a.b.c"))))
    assert (told["schema"], [n["exit_code"] for n in told["nights"]]) == (1, [0, 1])
    (track,) = told["claims"]
    assert track == {
        "id": "a.b.c",
        "verdict": "violated",
        "since": name(2),
        "streak": 1,
        "flips": 1,
        "gone": False,
        "changes": [{"night": name(2), "before": "holds", "after": "violated", "cause": ""}],
        "verdicts": {name(1): "holds", name(2): "violated"},
        "quarantine": {"owner": "team-node", "reason": "known", "expires": "2026-12-01"},
    }


def test_the_page_has_all_rows_and_no_id_breaks_its_tables(tmp_path: Path) -> None:
    found = over(week(tmp_path, {f"a.b.c{n}|<b>": "+x" for n in range(50)}))
    page = tell.markdown(found)
    assert page.count("`a.b.c7\\|&lt;b>.s`") == 3
    assert "… and 10 more" in text(found)
    assert "… and" not in page
