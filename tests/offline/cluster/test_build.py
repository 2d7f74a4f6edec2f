from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import debian, space
from podvow.cluster.engine import Engine
from podvow.cluster.nodeimage import assemble, build, golang, kubeimages, programs, rootfs
from podvow.cluster.nodeimage.build import NodeImage
from podvow.cluster.nodeimage.golang import Program
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError, UsageError
from tests.offline.cluster.fakes import FakeRun
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

QUIET = Progress(quiet=True)


def program(name: str, version: str = "v1.0.0") -> Program:
    return Program(name=name, version=version, files={"go.mod": ""}, packages=["."], programs=[name])


@pytest.fixture
def uplink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "ensure_engine", lambda _: Engine(own=False, version="28"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    fake = FakeRun()
    monkeypatch.setattr(build, "run", fake)
    monkeypatch.setattr(assemble, "run", fake)
    return fake


@pytest.mark.usefixtures("uplink")
def test_an_ordinary_user_gets_the_published_image_without_go(run: FakeRun) -> None:
    run.answers = {"docker manifest inspect kindest/node:v1.36.1": "{}", "docker pull": ""}
    found = build.ensure_node_image("v1.36.1", QUIET)
    assert found == NodeImage("kindest/node:v1.36.1", "v1.36.1", local=False)
    assert run.began("docker pull") == ["docker pull kindest/node:v1.36.1"]


@pytest.mark.usefixtures("uplink")
def test_without_a_wish_the_version_that_is_published_is_taken(run: FakeRun) -> None:
    published = f"kindest/node:{programs.PUBLISHED_VERSION}"
    run.answers = {f"docker manifest inspect {published}": "{}", "docker pull": ""}
    assert build.ensure_node_image(None, QUIET) == NodeImage(published, programs.PUBLISHED_VERSION, local=False)


@pytest.mark.usefixtures("uplink")
def test_an_image_that_the_engine_has_is_not_asked_for(run: FakeRun) -> None:
    run.answers = {"docker image inspect kindest/node:v1.36.1": "[]"}
    assert not build.ensure_node_image("v1.36.1", QUIET).local
    assert not run.began("docker manifest")


@pytest.mark.usefixtures("uplink")
def test_without_image_and_without_go_the_error_says_both(run: FakeRun) -> None:
    run.fails = {"docker manifest": 1}
    with pytest.raises(ClusterUnusableError) as caught:
        build.ensure_node_image("v1.36.1", QUIET)
    for part in ("kindest/node:v1.36.1", "it says no", "cannot be built here", "no `go` on PATH", "install Go"):
        assert part in str(caught.value)


@pytest.mark.usefixtures("uplink")
def test_a_registry_that_does_not_answer_is_asked_once(run: FakeRun) -> None:
    run.fails = {"docker manifest": None}
    with pytest.raises(ClusterUnusableError):
        build.ensure_node_image(None, QUIET)
    assert len(run.began("docker manifest")) == 1


def test_an_engine_without_uplink_asks_no_registry(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "ensure_engine", lambda _: Engine(own=True, version="26"))
    monkeypatch.setattr(build, "build_node_image", lambda version, _: assemble.image(version))
    assert build.ensure_node_image("v1.36.1", QUIET) == NodeImage("podvow/node:v1.36.1", "v1.36.1", local=True)
    assert not run.began("docker manifest")


@pytest.mark.usefixtures("uplink")
def test_what_was_built_here_is_used_while_the_engine_has_it(run: FakeRun) -> None:
    record = {"id": "sha256:a", "inputs": {"recipe": assemble.RECIPE}}
    assemble.record_path("v1.36.1").write_text(json.dumps(record))
    run.answers = {"docker image inspect --format {{.Id}} podvow/node:v1.36.1": "sha256:a"}
    assert build.ensure_node_image("v1.36.1", QUIET).local
    record["inputs"] = {"recipe": assemble.RECIPE - 1}
    assert not assemble.is_current(record)


@pytest.mark.usefixtures("uplink")
def test_a_version_that_is_none_asks_nobody(run: FakeRun) -> None:
    with pytest.raises(UsageError):
        build.ensure_node_image("1.36", QUIET)
    assert run.asked == []


def test_kind_is_taken_from_the_path_and_its_lack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterUnusableError, match=r"neither kind nor Go(.|\n)*install kind"):
        build.ensure_kind(QUIET)
    (tmp_path / "kind").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.ensure_kind(QUIET) == str(tmp_path / "kind")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "require_go", lambda: None)
    monkeypatch.setattr(golang, "caches", list)
    monkeypatch.setattr(kubeimages, "compiler", lambda: "cc")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "main_source", lambda *_: None)
    monkeypatch.setattr(space, "require", lambda *_: None)


@pytest.mark.usefixtures("machine")
def test_what_would_be_missing_after_minutes_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    build._check_machine("v1.36.1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterUnusableError, match="only as root"):
        build._check_machine("v1.36.1")
    monkeypatch.setattr(rootfs, "is_built", lambda: True)
    build._check_machine("v1.36.1")


class Builder:
    """Notes what is fetched and built, in order."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def fetch(self, wanted: Program) -> None:
        self.did.append(f"fetch {wanted.name}")

    def build(self, wanted: Program) -> bool:
        self.did.append(f"build {wanted.name}")
        return True


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch, machine: None) -> Builder:  # noqa: ARG001
    note = Builder()
    monkeypatch.setattr(build, "ensure_engine", lambda _: None)
    for name in ("kubernetes", "containerd", "etcd", "coredns", "kind"):
        monkeypatch.setattr(programs, name, lambda *_args, name=name: program(name))
    monkeypatch.setattr(golang, "fetch", note.fetch)
    monkeypatch.setattr(golang, "build", note.build)
    monkeypatch.setattr(rootfs, "build", lambda: note.did.append("root file system"))
    wanted = programs.Wanted.parse("r/etcd:1.0.0 r/coredns/coredns:v1.0.0 r/pause:3")
    monkeypatch.setattr(build, "wanted_images", lambda *_: wanted)
    monkeypatch.setattr(kubeimages, "build", lambda *_: note.did.append("component images"))
    monkeypatch.setattr(assemble, "assemble", lambda *_args, **_more: note.did.append("assemble"))
    return note


def test_all_parts_are_made_before_they_are_put_together(builder: Builder) -> None:
    assert build.build_node_image("v1.36.1", QUIET) == "podvow/node:v1.36.1"
    assert builder.did[-2:] == ["component images", "assemble"]
    built = [line for line in builder.did if line.startswith("build")]
    assert built == ["build kubernetes", "build containerd", "build podvow-cri", "build coredns", "build etcd"]
    for name in ("containerd", "coredns", "etcd"):
        assert builder.did.index(f"fetch {name}") < builder.did.index(f"build {name}")
    assert "root file system" in builder.did


def test_a_root_file_system_that_cannot_be_made_ends_the_build_early(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fails(_: Progress) -> None:
        failed.set()
        raise ClusterUnusableError("debootstrap failed")

    def compile_for_minutes(_: Program) -> bool:
        failed.wait(5)
        time.sleep(0.05)
        builder.did.append("build kubernetes")
        monkeypatch.setattr(golang, "build", builder.build)
        return True

    monkeypatch.setattr(build, "_rootfs", fails)
    monkeypatch.setattr(golang, "build", compile_for_minutes)
    with pytest.raises(ClusterUnusableError, match="debootstrap failed"):
        build.build_node_image("v1.36.1", QUIET)
    assert [line for line in builder.did if line.startswith("build")] == ["build kubernetes"]


def test_the_node_configuration_is_adapted_to_what_a_host_may_refuse() -> None:
    spec = assemble.node_oci_spec({"process": {"rlimits": [1], "cwd": "/"}})
    assert spec == {"process": {"cwd": "/"}}
    config = 'sandbox_image = "r/pause:1"\n  restrict_oom_score_adj = false\n'
    assert assemble.node_containerd_config(config, "r/pause:3") == (
        'sandbox_image = "r/pause:3"\n  restrict_oom_score_adj = true\n'
    )
