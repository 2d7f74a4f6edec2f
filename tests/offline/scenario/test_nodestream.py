from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podvow.cluster.cri import Cri
from podvow.scenario import nodestream
from podvow.scenario.nodestream import NodeStream
from podvow.timeline import Record, Source
from podvow.timeline.record import Kind
from tests.offline.scenario.node import FakeNode, cid, event

PATIENCE_S = 20.0
BEAT = "H 1790000000.500000 100.25"
BOOT_NS = 1_790_000_000_500_000_000 - 100_250_000_000
WHO = (
    'I {id} {{"io.kubernetes.cri.container-type":"{kind}","io.kubernetes.cri.container-name":"app",'
    '"io.kubernetes.cri.sandbox-namespace":"podvow-r-k","io.kubernetes.cri.sandbox-uid":"u-1",'
    '"io.kubernetes.cri.sandbox-name":"main","io.kubernetes.cri.sandbox-id":"' + cid(9) + '"}}'
)
APP = WHO.format(id=cid(1), kind="container")
BOX = WHO.format(id=cid(9), kind="sandbox")


class Sink:
    """Takes what a node stream reads."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.namespaces: list[str] = []
        self.gaps: list[tuple[Source, int, str]] = []
        self.back: list[tuple[Source, int]] = []
        self.whole: Callable[[str], bool] | None = None
        self._changed = threading.Condition()

    def node_record(self, namespace: str, record: Record) -> None:
        with self._changed:
            self.namespaces.append(namespace)
            self.records.append(record)
            self._changed.notify_all()

    def node_gap(self, node: str, source: Source, *, since_ns: int, reason: str) -> None:
        assert node == "worker"
        with self._changed:
            self.gaps.append((source, since_ns, reason))
            self._changed.notify_all()

    def node_back(
        self, node: str, source: Source, *, until_ns: int, whole: Callable[[str], bool] | None = None
    ) -> None:
        assert node == "worker"
        assert (whole is not None) is (source is Source.TRACE)
        with self._changed:
            self.whole = whole or self.whole  # either source may be back first
            self.back.append((source, until_ns))
            self._changed.notify_all()

    def until(self, met: Callable[[Sink], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: met(self), PATIENCE_S)

    @property
    def texts(self) -> list[str]:
        return [r.data["text"] for r in self.records if r.kind is Kind.SAID]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FakeNode]:
    with FakeNode(tmp_path) as made:
        yield made


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def stream(node: FakeNode, sink: Sink) -> NodeStream:
    return NodeStream(node, "worker", sink, lambda uid: {"u-1": "main"}.get(uid, ""))


def _take(stream: NodeStream, *lines: str) -> None:
    for line in lines:
        stream._take(line)


def test_traces_get_the_time_of_the_nodes_boot(stream: NodeStream, sink: Sink) -> None:
    _take(stream, BEAT, "T u-1 100.26 app 1 start", "T u-2 100.27 app 1 start")
    first, second = sink.records
    assert (first.t_ns, first.pod, first.uid, first.seq) == (BOOT_NS + 100_260_000_000, "main", "u-1", 1)
    assert (second.pod, second.uid, second.seq) == ("", "u-2", 1), "every trace is a file of its own"
    assert sink.namespaces == ["", ""]


def test_the_earliest_reading_of_the_boot_is_the_best(stream: NodeStream, sink: Sink) -> None:
    late = "H 1790000001.509000 101.25"
    early = "H 1790000002.501000 102.26"
    _take(stream, BEAT, late, early, "T u-1 200.00 app 1 start")
    assert sink.records[0].t_ns == BOOT_NS - 9_000_000 + 200_000_000_000


def test_a_comma_in_the_epoch_is_a_matter_of_locale(stream: NodeStream, sink: Sink) -> None:
    _take(stream, BEAT.replace("500000", "x").replace(".x", ",500000"), "T u-1 1.00 app 1 start")
    assert sink.records[0].t_ns == BOOT_NS + 1_000_000_000


def test_events_are_told_of_known_containers_only(stream: NodeStream, sink: Sink) -> None:
    _take(
        stream,
        BEAT,
        "R " + event("/tasks/start", cid(1), pid=7),
        APP,
        "R " + event("/tasks/start", cid(1), pid=7),
        "R " + event("/tasks/exit", cid(1), id="probe", exit_status=1),
        "R " + event("/tasks/exit", cid(1), id=cid(1), exit_status=3),
    )
    assert [r.kind for r in sink.records] == [Kind.CONTAINER_STARTED, Kind.CONTAINER_EXITED]
    assert set(sink.namespaces) == {"podvow-r-k"}
    assert sink.records[0].seq < sink.records[1].seq


def test_sandboxes_of_a_pod_are_counted(stream: NodeStream, sink: Sink) -> None:
    again = BOX.replace(f"I {cid(9)}", f"I {cid(8)}")
    _take(stream, BEAT, BOX, again)
    _take(stream, *("R " + event("/tasks/start", cid(n), pid=1) for n in (9, 8)))
    assert [(r.kind, r.data["attempt"]) for r in sink.records] == [
        (Kind.SANDBOX_STARTED, 0),
        (Kind.SANDBOX_STARTED, 1),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Z what",
        "H",
        "H now then",
        "H 1790000000.500000 inf",
        "I",
        f"I {cid(1)} []",
        f"I {cid(1)} {{",
        "T",
        "T u-1",
        "T u-1 garbage",
        "T u-1 inf app 1 start",
        "R nonsense",
        "R " + event("/tasks/start", cid(1))[:-3] + "x}",
        "R " + event("/tasks/exit", cid(1), exit_status=None),
        "R " + event("/tasks/exit", cid(1), exit_status="many"),
        "R " + event("/tasks/start", cid(1)).replace("2026-11-23", "2026-99-99"),
    ],
)
def test_garbage_is_passed_over_and_the_stream_goes_on(
    stream: NodeStream, sink: Sink, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    caplog.set_level(logging.CRITICAL, "podvow")
    _take(stream, BEAT, APP, line, "T u-1 100.26 app 1 say after")
    assert sink.texts == ["after"]


def test_an_event_that_cannot_be_read_is_a_gap_and_not_silence(
    stream: NodeStream, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "podvow")
    _take(stream, BEAT, APP, "R " + event("/tasks/start", cid(1))[1:])
    assert [(source, reason) for source, _, reason in sink.gaps] == [(Source.RUNTIME, "an event could not be read")]
    assert [source for source, _ in sink.back] == [Source.RUNTIME], "the runtime is asked for what it was"


@given(st.text(max_size=30), st.sampled_from("HRIT"))
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_text_whatever_stops_the_reader(stream: NodeStream, text: str, tag: str) -> None:
    logging.getLogger("podvow").setLevel(logging.CRITICAL)
    try:
        _take(stream, BEAT, f"{tag} {text}", text)
    finally:
        logging.getLogger("podvow").setLevel(logging.NOTSET)


def test_a_runtime_that_fell_silent_is_a_gap_until_something_is_heard(stream: NodeStream, sink: Sink) -> None:
    _take(stream, BEAT, BEAT, "X the event stream of containerd ended")
    assert [(source, reason) for source, _, reason in sink.gaps] == [
        (Source.RUNTIME, "the event stream of containerd ended")
    ]
    before = len(sink.back)
    _take(stream, BEAT, BEAT)
    assert len(sink.back) == before, "a living node is no listening one"
    _take(stream, "E 1790000003.000000")
    assert sink.back[before:] == [(Source.RUNTIME, 1_790_000_003_000_000_000)]


class Runtime:
    """Its records tell of a container that came and went unheard."""

    def sandboxes(self, node: str) -> list[dict[str, object]]:
        assert node == "worker"
        return []

    def containers(self, node: str) -> list[dict[str, object]]:
        assert node == "worker"
        labels = {"pod.namespace": "podvow-r-k", "pod.name": "main", "pod.uid": "u-1", "container.name": "late"}
        told = {f"io.kubernetes.{key}": value for key, value in labels.items()}
        return [{"id": cid(5), "podSandboxId": cid(9), "labels": told}]

    def inspect_container(self, node: str, container_id: str) -> dict[str, object]:
        assert (node, container_id) == ("worker", cid(5))
        return {"status": {"createdAt": "1790000001000000000", "startedAt": "1790000001500000000"}}


def test_after_a_gap_the_runtime_is_asked_and_its_answer_lies_before_what_is_told_now(
    node: FakeNode, sink: Sink
) -> None:
    stream = NodeStream(node, "worker", sink, lambda _: "main", cast("Cri", Runtime()))
    _take(stream, BEAT, "E 1790000000.600000", APP, "R " + event("/tasks/start", cid(1), pid=7))
    assert len(sink.records) == 1, "nothing was missed so far"
    _take(stream, "X the event stream of containerd ended", "E 1790000002.000000")
    _take(stream, "R " + event("/tasks/exit", cid(1), id=cid(1), exit_status=3))
    sink.until(lambda s: len(s.records) == 4)
    told = sorted(sink.records, key=lambda r: r.seq)
    assert [(r.kind, r.container) for r in told] == [
        (Kind.CONTAINER_STARTED, "app"),
        (Kind.CONTAINER_CREATED, "late"),
        (Kind.CONTAINER_STARTED, "late"),
        (Kind.CONTAINER_EXITED, "app"),
    ]


def test_a_trace_that_is_another_one_than_before_is_not_whole(stream: NodeStream, sink: Sink) -> None:
    lines = ["T u-1 100.26 app 1 say one", "T u-1 100.27 app 1 say two"]
    for second, whole in ((lines[1], True), ("T u-1 100.27 app 1 say other", False), ("", False)):
        stream._skip.clear()
        stream._trace_lines.clear()
        stream._sums.clear()
        _take(stream, *lines)
        stream._skip = Counter(stream._trace_lines)
        stream._again.clear()
        stream._differs.clear()
        stream._beats = 0
        _take(stream, BEAT, lines[0], *([second] if second else []), BEAT)
        assert sink.whole
        assert sink.whole("u-1") is whole
        assert sink.whole("u-unknown")


def test_waiting_for_a_beat(stream: NodeStream) -> None:
    assert not stream.wait_beat(0, 0.0)
    _take(stream, BEAT)
    assert stream.wait_beat(1_790_000_000_499_999_999, 0.0)
    assert not stream.wait_beat(1_790_000_000_500_000_000, 0.0)


def test_a_program_that_breaks_off_is_started_again_and_known_lines_are_skipped(
    node: FakeNode, stream: NodeStream, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodestream, "_REOPEN_S", 0.0)
    node.trace("u-1", "1.00 app 1 say one\n1.10 app 1 garbage\n1.20 app 1 say two\n")
    node.bundle(cid(1))
    stream.start()
    try:
        sink.until(lambda s: s.texts == ["one", "two"])
        assert stream._process is not None
        stream._process.terminate()
        sink.until(lambda s: len(s.gaps) == 2)
        node.trace("u-1", "1.30 app 1 say three\n")
        sink.until(lambda s: s.texts[-1] == "three")
        assert sink.texts == ["one", "two", "three"], "each once"
        assert [r.seq for r in sink.records if r.source is Source.TRACE] == [1, 3, 4]
        assert {source for source, _, _ in sink.gaps} == {Source.TRACE, Source.RUNTIME}
        sink.until(lambda s: {source for source, _ in s.back} == {Source.TRACE, Source.RUNTIME})
        assert sink.whole
        assert sink.whole("u-1"), "all that was known is there again"
        # A container that is older than the second program is known to it.
        node.hang_up()
        node.say(event("/tasks/exit", cid(1), id=cid(1), exit_status=4) + "\n")
        sink.until(lambda s: s.records[-1].kind is Kind.CONTAINER_EXITED)
    finally:
        stream.stop()
    assert node.opened == 2
    assert not stream._thread.is_alive()


def test_a_node_that_cannot_be_reached_is_a_gap_and_is_tried_again(
    node: FakeNode, stream: NodeStream, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodestream, "_REOPEN_S", 0.0)
    real = node.popen
    attempts = iter([OSError("no docker")])

    def popen(*args: object) -> object:
        for error in attempts:
            raise error
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(node, "popen", popen)
    stream.start()
    try:
        sink.until(lambda s: bool(s.back))
    finally:
        stream.stop()
    assert "could not be opened: no docker" in sink.gaps[0][2]
