"""fixtures/scripts/trace.sh, run for real by the shells that fixture images have."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from podvow.scenario.manifest import trace_script
from podvow.timeline import Record
from podvow.timeline.record import Kind
from podvow.timeline.sources import trace

PATIENCE_S = 20
_SHELLS = {"sh": ["sh"], "busybox": ["busybox", "sh"]}


class Container:
    """Runs commands the way a fixture container does, with its trace in a folder."""

    def __init__(self, shell: list[str], folder: Path) -> None:
        self.folder = folder
        script = trace_script().replace("d=/podvow", f"d={folder}", 1)
        assert str(folder) in script
        self._argv = [*shell, "-c", script]

    def start(self, *command: str, name: str = "app") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._argv, name, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *command: str, name: str = "app") -> int:
        process = self.start(*command, name=name)
        process.communicate(timeout=PATIENCE_S)
        return process.returncode

    @property
    def records(self) -> list[Record]:
        lines = (self.folder / "trace").read_text().splitlines()
        return [trace.from_line(line, boot_ns=0, seq=n, pod="p", uid="u") for n, line in enumerate(lines)]

    @property
    def said(self) -> list[str]:
        return [r.data["text"] for r in self.records if r.kind is Kind.SAID]


@pytest.fixture(params=sorted(_SHELLS))
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Container:
    shell = _SHELLS[request.param]
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]} here")
    return Container(shell, tmp_path)


@pytest.mark.parametrize("code", [0, 3, 255])
def test_start_and_exit_are_written_and_the_code_is_kept(container: Container, code: int) -> None:
    assert container.run("sh", "-c", f"exit {code}") == code
    first, last = container.records
    assert (first.kind, last.kind, last.data["code"]) == (Kind.STARTED, Kind.EXITED, code)
    assert {r.container for r in container.records} == {"app"}
    assert first.t_ns <= last.t_ns


def test_a_command_that_is_not_there_and_one_that_is_killed(container: Container) -> None:
    assert container.run("no-such-command-of-podvow") == 127
    assert container.run("sh", "-c", "kill -9 $$") == 137
    assert [r.data["code"] for r in container.records if r.kind is Kind.EXITED] == [127, 137]


def test_output_and_errors_become_lines_of_the_trace_as_they_are(container: Container) -> None:
    script = r"""printf '%s\n' one '  two  words' 'back\nslash \c' '' >&1; echo three >&2; printf unended"""
    assert container.run("sh", "-c", script) == 0
    assert container.said == ["one", "  two  words", r"back\nslash \c", "", "three", "unended"]
    assert container.records[-1].kind is Kind.EXITED, "the end is told after all that was said"


def test_the_log_tells_the_same_as_the_trace(container: Container) -> None:
    told, _ = container.start("echo", "hello").communicate(timeout=PATIENCE_S)
    trace_lines = (container.folder / "trace").read_text().splitlines()
    assert told.splitlines() == [f"podvow {line}" for line in trace_lines]


def test_every_run_has_its_number_and_other_containers_have_theirs(container: Container) -> None:
    for name in ("app", "app", "init-1", "app"):
        assert container.run("true", name=name) == 0
    starts = [(r.container, r.data["n"]) for r in container.records if r.kind is Kind.STARTED]
    assert starts == [("app", 1), ("app", 2), ("init-1", 1), ("app", 3)]


def test_the_trace_can_be_written_by_any_user(container: Container) -> None:
    assert container.run("true") == 0
    assert (container.folder / "trace").stat().st_mode & 0o777 == 0o666
    assert (container.folder / "app.1").stat().st_mode & 0o777 == 0o777


def test_the_command_keeps_its_own_umask(container: Container) -> None:
    assert container.run("sh", "-c", "umask") == 0
    assert container.said[0].endswith("022")


def test_a_term_is_recorded_and_handed_on(container: Container) -> None:
    script = 'trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.02; done'
    process = container.start("sh", "-c", script)
    assert process.stdout is not None
    for line in process.stdout:
        if line.rstrip().endswith("say up"):
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 7
    kinds = [r.kind for r in container.records]
    assert sorted(kinds[1:4]) == sorted([Kind.SAID, Kind.SIGNALLED, Kind.SAID])
    assert next(r for r in container.records if r.kind is Kind.SIGNALLED).data["signal"] == "TERM"
    assert container.said == ["up", "bye"]
    assert container.records[-1].data["code"] == 7


def test_a_child_that_ignores_term_is_waited_for(container: Container) -> None:
    script = 'trap "" TERM; echo up; read -r _ <"$0"; exit 5'
    gate = container.folder / "gate"
    subprocess.run(["mkfifo", gate], check=True)
    process = container.start("sh", "-c", script, str(gate))
    assert process.stdout is not None
    for line in process.stdout:
        if line.rstrip().endswith("say up"):
            process.send_signal(signal.SIGTERM)
        if line.rstrip().endswith("signal TERM"):
            break
    gate.write_text("go\n")
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 5
    assert container.records[-1].data["code"] == 5
