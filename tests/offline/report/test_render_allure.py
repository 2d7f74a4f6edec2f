"""Rendering with npm's allure, with stand-ins for node and npm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from podvow.errors import UsageError
from podvow.report.render_allure import HISTORY, VERSION, render

NPM = """#!/bin/sh
echo "$@" >> "$LOG"
mkdir -p "$3/node_modules/.bin"
cp "$FAKE" "$3/node_modules/.bin/allure"
"""
ALLURE = """#!/bin/sh
cat "$3" >> "$LOG"
out=$(sed -n 's/.*"output": "\\(.*\\)".*/\\1/p' "$3")
mkdir -p "$out/awesome"; echo page > "$out/awesome/index.html"
exit ${FAIL:-0}
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("npm", NPM), ("node", "#!/bin/sh\n"), ("fake-allure", ALLURE)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    monkeypatch.setenv("PODVOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE", str(tools / "fake-allure"))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return tmp_path / "log"


@pytest.fixture
def own(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "runs" / "r-1")


def test_the_pinned_renderer_is_installed_once_into_the_cache(own: Path, tmp_path: Path, log: Path) -> None:
    for _ in range(2):
        page = render(own, tmp_path / "site")
    assert page == tmp_path / "site" / "awesome" / "index.html"
    assert log.read_text().count(f"allure@{VERSION}") == 1
    assert "--ignore-scripts" in log.read_text()


def test_history_lies_beside_the_runs_and_takes_a_run_once(own: Path, tmp_path: Path, log: Path) -> None:
    for _ in range(2):
        render(own, tmp_path / "site")
    configs = [json.loads(f"{{{part}") for part in log.read_text().split("\n{")[1:]]
    assert [c["appendHistory"] for c in configs] == [True, False]
    assert {c["historyPath"] for c in configs} == {str(own.resolve().parent / HISTORY)}
    assert all(c["categories"] for c in configs)


def test_a_failing_renderer_is_an_error_with_its_words(
    own: Path, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not log.exists()
    monkeypatch.setenv("FAIL", "3")
    with pytest.raises(UsageError, match="exit code 3"):
        render(own, tmp_path / "site")
    monkeypatch.delenv("FAIL")
    assert render(own, tmp_path / "site").is_file()


def test_without_node_the_error_says_what_to_do(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODVOW_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "node" else name)
    with pytest.raises(UsageError, match=r"node not found.*\n.*index\.html"):
        render(own, tmp_path / "site")


def test_without_results_there_is_nothing_to_render(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no allure results"):
        render(tmp_path, tmp_path / "site")
