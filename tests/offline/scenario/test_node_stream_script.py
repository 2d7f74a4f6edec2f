"""fixtures/scripts/node_stream.sh, run for real on a node that is a folder."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podvow.timeline.sources.runtime import identity
from tests.offline.scenario.node import SCRIPT, FakeNode, cid, event

PATIENCE_S = 20.0


class Reader:
    """Reads what the program prints, with a deadline."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._rest = b""

    def _more(self, deadline: float) -> bytes:
        assert self.process.stdout is not None
        left = max(0.0, deadline - time.monotonic())
        assert select.select([self.process.stdout], [], [], left)[0], f"not in time; so far {self.lines}"
        return os.read(self.process.stdout.fileno(), 65536)

    def until(self, *expected: str) -> list[str]:
        """Read until every expected line (or start of one) was printed; return all lines since the last call."""
        deadline = time.monotonic() + PATIENCE_S
        begin = len(self.lines)
        while not all(any(line.startswith(e) for line in self.lines[begin:]) for e in expected):
            data = self._more(deadline)
            assert data, f"the program ended; so far {self.lines}"
            *whole, self._rest = (self._rest + data).split(b"\n")
            self.lines += [line.decode() for line in whole]
        return self.lines[begin:]

    def at_end(self) -> int:
        """Read to the end and return the exit code."""
        while self._more(time.monotonic() + PATIENCE_S):
            pass
        return self.process.wait(PATIENCE_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FakeNode]:
    with FakeNode(tmp_path) as made:
        yield made


@pytest.fixture
def stream(node: FakeNode) -> Iterator[Reader]:
    process = node.popen("worker", ["bash", "-c", SCRIPT])
    reader = Reader(process)
    reader.until("H ")
    yield reader
    _end(process)


def _told(lines: list[str], tag: str) -> list[str]:
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{tag} ")]


def test_the_heart_beats_with_both_clocks(stream: Reader) -> None:
    first = stream.lines[0]
    (second,) = _told(stream.until("H "), "H")
    tag, epoch, uptime = first.split()
    assert tag == "H"
    assert abs(float(epoch) - time.time()) < PATIENCE_S
    assert float(second.split()[1]) > float(uptime)


def test_who_a_container_was_is_told_although_it_lived_for_a_moment_only(node: FakeNode, stream: Reader) -> None:
    node.bundle(cid(1), container="init-2", over=True)
    node.bundle(cid(2), namespace="kube-system", over=True)
    events = [event(topic, cid(number)) for number in (2, 1) for topic in ("/tasks/create", "/tasks/exit")]
    node.say("".join(f"{line}\n" for line in events))
    lines = stream.until(f"R {events[-1]}")
    assert _told(lines, "R") == events[2:]
    (told,) = _told(lines, "I")
    container_id, _, annotations = told.partition(" ")
    who = identity(container_id, annotations)
    assert (who.id, who.container, who.namespace) == (cid(1), "init-2", "podvow-r-k")


def test_no_event_is_lost_or_split_however_it_comes(node: FakeNode, stream: Reader) -> None:
    lines = []
    for number in range(1, 3):
        node.bundle(cid(number), container=f"c{number}")
        lines.append(event("/tasks/create", cid(number)))
        lines.append(event("/tasks/start", cid(number), pid=number))
    tick = threading.Event()
    for number, line in enumerate(lines):
        half = 20 + 7 * number
        node.say(line[:half])
        tick.wait(0.25)  # longer than the program looks elsewhere: it finds a line that is not whole yet
        node.say(line[half:] + "\n")
    stream.until(f"R {lines[-1]}")
    assert _told(stream.lines, "R") == lines


def test_many_events_at_once_keep_their_order(node: FakeNode, stream: Reader) -> None:
    node.bundle(cid(1))
    lines = [event("/tasks/create", cid(1))]
    lines += [event("/tasks/start", cid(1), pid=number) for number in range(40)]
    node.say("".join(line + "\n" for line in lines))
    stream.until(f"R {lines[-1]}")
    assert _told(stream.lines, "R") == lines


def test_who_a_container_is_comes_once_and_before_its_first_event(node: FakeNode, stream: Reader) -> None:
    node.bundle(cid(1))
    created, started = event("/tasks/create", cid(1)), event("/tasks/start", cid(1), pid=7)
    node.say(f"{created}\n{created}\n{started}\n")
    told = [line for line in stream.until(f"R {started}") if line[0] in "IR"]
    assert [line[0] for line in told] == ["I", "R", "R", "R"]
    assert told[0].startswith(f'I {cid(1)} {{"io.kubernetes.cri.container-type":"container"')
    assert told[0].endswith("}")


def test_other_peoples_containers_and_execs_are_not_told(node: FakeNode, stream: Reader) -> None:
    node.bundle(cid(1), namespace="kube-system")
    node.bundle(cid(2))
    said = [
        event("/tasks/create", cid(1)),
        event("/tasks/exit", cid(1), exit_status=1),
        event("/tasks/create", cid(3)),
        "2026-11-23 14:03:05 +0000 UTC k8s.io /images/create {}",
        event("/tasks/create", cid(2)),
        event("/tasks/exec-started", cid(2), exec_id="probe"),
        event("/tasks/exit", cid(2), id=cid(2), exit_status=3),
    ]
    node.say("".join(line + "\n" for line in said))
    stream.until(f"R {said[-1]}")
    assert _told(stream.lines, "R") == [said[4], said[6]]


def test_traces_are_read_from_their_first_line_and_never_in_halves(node: FakeNode, stream: Reader) -> None:
    node.trace("u-1", "1.00 init-1 1 start\n2.00 init-1 1 say  two  words\n3.00 ini")
    node.trace("u-2", "1.00 app 1 start\n")
    stream.until("T u-1 1.00 init-1 1 start", "T u-1 2.00 init-1 1 say  two  words", "T u-2 1.00 app 1 start")
    node.trace("u-2", "2.00 app 1 exit 0\n")
    stream.until("T u-2 2.00 app 1 exit 0")
    node.trace("u-1", "t-1 1 exit 0\n")
    stream.until("T u-1 3.00 init-1 1 exit 0")
    assert len(_told(stream.lines, "T")) == 5


def test_a_trace_is_read_to_its_end_although_its_volume_is_gone(node: FakeNode, stream: Reader) -> None:
    node.trace("u-1", "1.00 app 1 start\n")
    stream.until("T u-1 1.00 app 1 start")
    node.trace("u-1", "2.00 app 1 exit 0\n")
    node.remove_volume("u-1")
    stream.until("T u-1 2.00 app 1 exit 0")


def test_when_ctr_ends_it_is_said_and_older_containers_stay_known(node: FakeNode, stream: Reader) -> None:
    node.bundle(cid(1))
    node.say(event("/tasks/create", cid(1)) + "\n")
    stream.until("R ")
    node.say(event("/tasks/start", cid(1), pid=7)[:50])
    node.hang_up()
    assert _told(stream.until("X "), "X") == ["the event stream of containerd ended"]
    # Created while nobody listened: it is looked up when the stream is opened again.
    node.bundle(cid(2), container="late")
    ends = [event("/tasks/exit", cid(number), id=cid(number), exit_status=number) for number in (1, 2)]
    node.say("".join(line + "\n" for line in ends))
    told = stream.until(f"I {cid(2)} ", f"R {ends[1]}")
    assert _told(told, "R") == ends


def test_that_the_stream_is_open_is_said_once_something_was_heard_on_it(node: FakeNode, stream: Reader) -> None:
    if not _told(stream.lines, "E"):
        stream.until("E ")
    node.say("\n")  # somebody reads
    node.hang_up()
    told = [line[0] for line in stream.until("X ", "E ") if line[0] in "XE"]
    assert told == ["X", "E"]


def test_containers_older_than_the_program_are_known_to_it(node: FakeNode) -> None:
    node.bundle(cid(1))
    node.bundle(cid(2), namespace="default")
    process = node.popen("worker", ["bash", "-c", SCRIPT])
    try:
        reader = Reader(process)
        assert [line[:2] for line in reader.until("H ")][:2] == ["I ", "H "]
        ends = [event("/tasks/exit", cid(number), id=cid(number), exit_status=0) for number in (2, 1)]
        node.say("".join(line + "\n" for line in ends))
        assert _told(reader.until("R "), "R") == [ends[1]]
    finally:
        _end(process)


def test_the_program_and_its_ctr_end_with_the_input(node: FakeNode, stream: Reader) -> None:
    node.say("\n")  # ctr runs
    assert stream.process.stdin is not None
    stream.process.stdin.close()
    assert stream.at_end() == 0
    assert node.unheard(PATIENCE_S), "ctr is still there"
