from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import debian
from podvow.cluster.debian import Source
from podvow.errors import ClusterUnusableError
from tests.offline.cluster.fakes import FakeRun
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

DEB822 = """\
# the release
Types: deb deb-src
URIs: http://mirror.example/debian
 http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main contrib

Types: deb-src
URIs: http://mirror.example/sources
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_deb822_sources_are_read_without_sources_only_and_disabled_blocks() -> None:
    suites = ("bookworm", "bookworm-updates")
    assert debian.parse_deb822(DEB822) == [
        Source("http://mirror.example/debian", suites, ("main",)),
        Source("http://second.example/debian", suites, ("main",)),
        Source("http://mirror.example/debian-security", ("bookworm-security",), ("main", "contrib")),
    ]


def test_one_line_sources_are_read_with_options_and_comments() -> None:
    text = (
        "# deb http://off.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # note\n"
        "deb-src http://mirror.example/debian bookworm main\n"
        "deb http://broken.example\n"
    )
    assert debian.parse_list(text) == [Source("http://mirror.example/debian", ("bookworm",), ("main", "contrib"))]


def test_the_mirror_of_the_release_gives_the_list_of_another_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("")
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "note.save").write_text("deb http://no.example bookworm main")
    monkeypatch.setattr(debian, "_KEYRING", tmp_path / "none.gpg")
    mirror = debian.main_source(debian.host_sources(tmp_path), "bookworm")
    assert debian.sources_text(mirror, ["trixie"]) == "deb http://mirror.example/debian trixie main\n"
    (tmp_path / "none.gpg").touch()
    assert debian.sources_text(mirror, ["trixie"]).startswith(
        f"deb [signed-by={tmp_path / 'none.gpg'}] http://mirror"
    )


@pytest.mark.parametrize(
    ("text", "codename"),
    [
        ('ID=debian\nVERSION_CODENAME=bookworm\nNAME="Debian"\n', "bookworm"),
        ('ID="debian"\nVERSION_CODENAME="trixie"\n', "trixie"),
        ("ID=ubuntu\nVERSION_CODENAME=noble\nID_LIKE=debian\n", ""),
        ("", ""),
    ],
)
def test_only_debian_has_a_codename_for_us(tmp_path: Path, text: str, codename: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert debian.host_codename(tmp_path / "os-release") == codename
    assert debian.host_codename(tmp_path / "none") == ""


@pytest.mark.parametrize("codename", ["", "trixie"])
def test_a_machine_without_debian_sources_is_told_the_ways_out(codename: str) -> None:
    with pytest.raises(ClusterUnusableError, match=r"no Debian package source(.|\n)*registry"):
        debian.main_source(debian.parse_deb822(DEB822), codename)


def test_tools_that_are_there_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun()
    monkeypatch.setattr(debian, "run", run)
    debian.ensure_tools({"sh": "dash"})
    assert run.asked == []


def test_a_missing_tool_is_named_to_who_cannot_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterUnusableError, match=r"missing: no-such-package"):
        debian.ensure_tools({"no-such-program": "no-such-package", "sh": "dash"})


def test_package_lists_are_updated_only_when_a_package_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    run = FakeRun({"apt-get update": ""}, fails={"apt-get install": 100})
    monkeypatch.setattr(debian, "run", run)
    with pytest.raises(ClusterUnusableError):
        debian.ensure_tools({"no-such-program": "thing"})
    assert [line.split()[1] for line in run.asked] == ["install", "update", "install"]


def test_usr_is_merged(tmp_path: Path) -> None:
    debian.merge_usr(tmp_path)
    assert (tmp_path / "bin").readlink().as_posix() == "usr/bin"
    assert (tmp_path / "lib64").is_dir()
