"""Pruning deletes older runs of a folder of nights, and nothing else that lies there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from podvow.errors import UsageError
from podvow.history.keep import prune
from tests.offline.history.nights import name, put, week


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return week(tmp_path / "nights", {"a.b.c": "+++++"})


def left(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_the_newest_nights_stay(place: Path) -> None:
    assert prune(place, 2).deleted == (name(1), name(2), name(3))
    assert left(place) == {name(4), name(5)}
    assert prune(place, 2).deleted == ()


def test_the_start_of_a_run_says_how_old_it_is_not_its_name(place: Path) -> None:
    # A run of January sorts before one of December.
    put(place, 9, {"a.b.c": "+"})
    (place / name(9)).rename(place / "x")
    assert prune(place, 5).deleted == (name(1),)


def test_links_are_neither_followed_nor_counted(place: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "elsewhere", 6, {"a.b.c": "+"})
    (place / name(6)).symlink_to(outside)
    (place / name(1) / "evidence").symlink_to(outside)
    assert prune(place, 1).deleted == tuple(name(n) for n in (1, 2, 3, 4))
    assert (outside / "results.json").exists()
    assert left(place) == {name(5), name(6)}


def test_what_is_no_readable_run_stays(place: Path) -> None:
    (place / "allure-report").mkdir()
    (place / "notes.txt").write_text("mine")
    broken = place / "1101000000-dead"
    broken.mkdir()
    (broken / "results.json").write_text("{")
    killed = place / "1101000000-beef"
    killed.mkdir()
    (killed / "session.json").write_text("{}")
    prune(place, 1)
    assert left(place) == {"allure-report", "notes.txt", broken.name, killed.name, name(5)}


def test_a_copied_or_renamed_run_stays(place: Path) -> None:
    shutil.copytree(place / name(1), place / "mine")
    pruned = prune(place, 1)
    assert pruned.spared == {"mine": f"it is not the folder of run {name(1)}"}


def test_a_run_that_is_alive_stays(place: Path) -> None:
    with FileLock(place / name(1) / "run.lock"):
        pruned = prune(place, 1)
    assert pruned.spared == {name(1): "the run is alive"}


def test_a_run_that_left_something_in_a_cluster_stays(place: Path) -> None:
    (place / name(1) / "journal.jsonl").write_text('{"open": true}\n')
    (place / name(2) / "journal.jsonl").write_text('{"closed": true}\n')
    pruned = prune(place, 1)
    assert pruned.spared == {name(1): f"it left something in a cluster: podvow recover --run {name(1)}"}
    assert name(2) in pruned.deleted


def test_one_night_stays_at_least(place: Path) -> None:
    with pytest.raises(UsageError, match="at least the newest one stays"):
        prune(place, 0)
