from __future__ import annotations

import io
import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import process, space
from podvow.cluster.node import DockerNodeAccess, put_file
from podvow.cluster.process import CommandError, pipe, run
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError, ExitCode
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_failed_program_is_an_unusable_cluster_with_its_own_words() -> None:
    with pytest.raises(ClusterUnusableError) as caught:
        run(["/bin/sh", "-c", "echo nope >&2; exit 3"])
    assert isinstance(caught.value, CommandError)
    assert (caught.value.code, caught.value.output) == (3, "nope")
    assert caught.value.exit_code == ExitCode.CLUSTER
    assert str(caught.value).endswith("ended with 3: nope")


def test_a_program_that_is_not_there_is_the_same_error() -> None:
    with pytest.raises(CommandError, match="No such file") as caught:
        run(["no-such-program"])
    assert caught.value.code == 127


def test_a_program_that_hangs_is_killed_and_forgotten() -> None:
    with pytest.raises(CommandError, match="did not end in time") as caught:
        run(["/bin/sleep", "60"], timeout_s=0.1)
    assert caught.value.code is None
    assert not process._children


def test_input_output_and_log(tmp_path: Path) -> None:
    assert run(["/bin/cat"], stdin=b"hello").text == "hello"
    with pytest.raises(CommandError, match="from the log"):
        run(["/bin/sh", "-c", "echo from the log; exit 1"], log=tmp_path / "log")
    assert (tmp_path / "log").read_text() == "from the log\n"


def test_a_pipe_says_which_half_failed() -> None:
    assert pipe(["/bin/echo", "x"], ["/bin/cat"]).text == "x"
    with pytest.raises(CommandError, match="source broke"):
        pipe(["/bin/sh", "-c", "echo source broke >&2; exit 2"], ["/bin/cat"])
    with pytest.raises(CommandError, match="sink broke"):
        pipe(["/bin/echo", "x"], ["/bin/sh", "-c", "echo sink broke >&2; exit 2"])


def test_what_runs_is_killed_when_the_command_is_interrupted() -> None:
    ended = threading.Event()

    def hang() -> None:
        with pytest.raises(CommandError):
            run(["/bin/sleep", "60"])
        ended.set()

    thread = threading.Thread(target=hang)
    thread.start()
    while not process._children:
        pass
    process.kill_children()
    thread.join(5)
    assert ended.is_set()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker"
    # exec [-i] NODE WORDS…: run the words here.
    program.write_text(
        '#!/bin/sh\nshift; [ "$1" = -i ] && shift; echo "to $1 at $DOCKER_HOST" >&2; shift; exec "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


@pytest.mark.usefixtures("docker")
def test_a_program_on_a_node() -> None:
    access = DockerNodeAccess("unix:///x.sock")
    ran = access.exec("n", ["cat"], stdin=b"in")
    assert (ran.code, ran.stdout, ran.stderr) == (0, b"in", b"to n at unix:///x.sock\n")
    assert access.exec("n", ["false"], check=False).code == 1
    with pytest.raises(CommandError):
        access.exec("n", ["false"])
    with pytest.raises(ClusterUnusableError, match="no program"):
        access.exec("n", [])


@pytest.mark.usefixtures("docker")
def test_a_node_program_that_says_much_as_errors_does_not_block() -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x >&2; echo done"
    with DockerNodeAccess().popen("n", ["sh", "-c", script]) as child:
        assert child.stderr is None
        assert child.communicate(timeout=10)[0] == b"done\n"


@pytest.mark.usefixtures("docker")
def test_a_file_on_a_node_is_written_whole_and_only_when_it_differs(tmp_path: Path) -> None:
    target = tmp_path / "etc"
    access = DockerNodeAccess()
    assert put_file(access, "n", str(target), b"one", "0755")
    assert target.stat().st_mode & 0o777 == 0o755
    assert not put_file(access, "n", str(target), b"one")
    assert put_file(access, "n", str(target), b"two")
    assert target.read_bytes() == b"two"
    assert not (tmp_path / "etc.new").exists()


def test_the_fake_node_writes_files_like_a_real_one() -> None:
    access = FakeAccess()
    assert put_file(access, "n", "/x", b"one")
    assert not put_file(access, "n", "/x", b"one")


def test_needs_on_one_disk_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=11 * space.GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    space.require({tmp_path: 8 * space.GIB, tmp_path / "not" / "yet": 3 * space.GIB}, "a build")
    with pytest.raises(ClusterUnusableError, match=r"a build needs about 12 GiB.* 11\.0 GiB left\n.*PODVOW_CACHE"):
        space.require({tmp_path: 8 * space.GIB, tmp_path / "not" / "yet": 4 * space.GIB}, "a build")


def test_figures_are_kept_and_summed_up(tmp_path: Path) -> None:
    out = io.StringIO()
    progress = Progress(out)
    with progress.step("one", "doing one"):
        pass
    progress.figures["long"] = 7.0
    assert progress.summary().startswith("total ")
    assert progress.summary().index("long 7.0 s") < progress.summary().index("one ")
    assert "doing one" in out.getvalue()
    progress.keep(tmp_path / "figures.json", version="v1")
    assert os.listdir(tmp_path) == ["figures.json"]  # noqa: PTH208


def test_a_terminal_that_is_gone_does_not_stop_the_work() -> None:
    out = io.StringIO()
    out.close()
    with Progress(out).step("one"):
        pass
