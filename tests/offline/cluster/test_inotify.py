from __future__ import annotations

from pathlib import Path

import pytest

from podvow.cluster import inotify


@pytest.fixture
def limit(tmp_path: Path) -> Path:
    path = tmp_path / "max_user_instances"
    path.write_text("128\n")
    return path


def test_a_low_limit_is_raised_and_restored(tmp_path: Path, limit: Path) -> None:
    for _ in range(2):
        inotify.widen(tmp_path, limit)
        assert limit.read_text() == "1024\n"
    for _ in range(2):
        inotify.restore(tmp_path, limit)
        assert limit.read_text() == "128\n"


def test_a_limit_that_somebody_else_raised_is_left(tmp_path: Path, limit: Path) -> None:
    limit.write_text("4096\n")
    inotify.widen(tmp_path, limit)
    assert limit.read_text() == "4096\n"
    limit.write_text("128\n")
    inotify.widen(tmp_path, limit)
    limit.write_text("8192\n")
    inotify.restore(tmp_path, limit)
    assert limit.read_text() == "8192\n"


@pytest.mark.parametrize("text", ["", "many"])
def test_a_machine_without_such_a_limit_is_no_error(tmp_path: Path, limit: Path, text: str) -> None:
    limit.write_text(text)
    inotify.widen(tmp_path, limit)
    inotify.restore(tmp_path, limit)
    inotify.widen(tmp_path, tmp_path / "nowhere" / "file")
    assert limit.read_text() == text
