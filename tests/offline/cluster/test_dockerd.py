from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from podvow.cluster import dockerd, engine, netns
from podvow.cluster.process import run
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["/bin/sleep", "60"])
    yield child
    child.kill()
    child.wait()


def proc(tmp_path: Path, pid: int, *words: str) -> Path:
    folder = tmp_path / "proc" / str(pid)
    folder.mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    return tmp_path / "proc"


def test_a_daemon_of_ours_names_itself_and_our_run_folder(tmp_path: Path) -> None:
    root = proc(tmp_path, 7, "/cache/usr/sbin/dockerd", "--pidfile", f"{dockerd.RUN}/docker.pid")
    assert dockerd.owns(7, "dockerd", root)
    assert not dockerd.owns(7, "containerd", root)


@pytest.mark.parametrize(
    "words",
    [("/usr/sbin/dockerd", "--pidfile", "/run/docker.pid"), ("vi", "/run/podvow/docker.pid"), ("dockerd",), ()],
)
def test_any_other_process_is_not_ours(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert not dockerd.owns(7, "dockerd", proc(tmp_path, 7, *words))


@pytest.mark.parametrize("pid", [0, -1, 4_194_999])
def test_no_process_is_not_ours(pid: int) -> None:
    assert not dockerd.owns(pid, "dockerd")


def test_these_tests_cannot_reach_the_engine_of_the_machine(tmp_path: Path) -> None:
    places = [dockerd._pidfile(), dockerd._exec_root(), netns.path(), cache_dir()]
    assert [place for place in places if not place.is_relative_to(tmp_path)] == []
    assert dockerd._ours("dockerd") == dockerd._ours("containerd") == []


def test_our_processes_are_found_without_a_pid_file(tmp_path: Path) -> None:
    proc(tmp_path, 7, "containerd", "--config", f"{dockerd.RUN}/exec/containerd/containerd.toml")
    root = proc(tmp_path, 8, "containerd", "--config", "/run/docker/containerd/containerd.toml")
    assert dockerd._ours("containerd", root) == [7]


def test_a_stale_pid_that_belongs_to_another_program_is_never_killed(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a foreign process was signalled"))
    dockerd.RUN.mkdir()
    (dockerd.RUN / "docker.pid").write_text(f"{sleeper.pid}\n")
    assert not dockerd.is_running()
    dockerd._clean()
    monkeypatch.undo()
    assert sleeper.poll() is None


def test_what_is_ours_gets_sigterm_and_then_sigkill(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: sent.append(number))
    monkeypatch.setattr(dockerd, "owns", lambda _pid, _program: signal.SIGKILL not in sent)
    monkeypatch.setattr(dockerd, "_STOP_S", 0.0)
    dockerd._end(os.getpid(), "dockerd")
    assert sent == [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("text", ["", "soon", "12 34"])
def test_a_broken_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert dockerd._read_pid(tmp_path / "pid") == 0
    assert dockerd._read_pid(tmp_path / "none") == 0


def test_a_busy_daemon_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([False, False, True])
    monkeypatch.setattr(dockerd, "is_running", lambda: True)
    monkeypatch.setattr(dockerd, "_answers", lambda: next(said))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert dockerd.answers()


def test_a_daemon_that_ends_at_once_is_an_error_with_the_end_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netns, "prefix", lambda: ["/bin/sh", "-c", "echo failed to start: no space >&2; exit 1"])
    with pytest.raises(
        ClusterUnusableError, match=r"does not start\n(.|\n)*dockerd\.log:\n *failed to start: no space"
    ):
        dockerd._launch()


def test_a_daemon_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netns, "prefix", lambda: ["/bin/sh", "-c", "echo $$ >&2; exec sleep 60"])
    monkeypatch.setattr(dockerd, "_START_S", 0.2)
    with pytest.raises(ClusterUnusableError) as caught:
        dockerd._launch()
    pid = caught.value.hint.split()[-1]
    assert run(["/bin/kill", "-0", pid], check=False).code != 0


def test_without_an_engine_and_without_root_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_engine", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterUnusableError, match=r"only as root(.|\n)*--kubeconfig"):
        engine.ensure_engine()
