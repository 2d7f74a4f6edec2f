from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from podvow.errors import UsageError
from podvow.session import Selection
from podvow.upgrade.baseline import BEFORE_FILE, FILE, Baseline, Folder, RunTold
from tests.offline.upgrade.build import pod, taken

KNOWN = Baseline(
    "u1",
    "2026-01-01T00:00:00+00:00",
    {"uid": "x"},
    "kind",
    name="podvow",
    selection=Selection(("a.b.c",)),
    nodes=("worker",),
    runs=(RunTold("before", "before/1-any"), RunTold("after", "after/1-worker", "worker", "v1.37.2", 1)),
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "up")
    made.begin(KNOWN)
    return made


def test_it_comes_back_as_it_was_also_when_the_folder_was_moved(folder: Folder, tmp_path: Path) -> None:
    moved = Folder(folder.path.rename(tmp_path / "elsewhere"))
    assert moved.load() == KNOWN
    assert moved.runs(moved.load().of("after")) == [tmp_path / "elsewhere" / "after" / "1-worker"]


def test_another_upgrade_is_not_begun_in_it(folder: Folder) -> None:
    with pytest.raises(UsageError, match="holds an upgrade already"):
        folder.begin(replace(KNOWN, id="u2"))
    assert folder.load() == KNOWN


def test_the_snapshot_is_there_or_not(folder: Folder) -> None:
    assert folder.snapshot() is None
    folder.write(BEFORE_FILE, taken(pod()).to_json())
    assert folder.snapshot() == taken(pod())


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("schema", 2, "schema 2"),
        ("id", "../x", "its id is none"),
        ("runs", [{"stage": "after", "folder": "../../etc"}], "outside of the folder"),
        ("runs", [{"stage": "never", "folder": "x"}], "runs.0.stage"),
    ],
)
def test_what_is_not_ours_is_refused(folder: Folder, key: str, value: object, told: str) -> None:
    path = folder.path / FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UsageError, match=told):
        folder.load()
