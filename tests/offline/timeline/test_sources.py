from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.timeline import Record, Source
from podvow.timeline.record import Kind
from podvow.timeline.sources import events, runtime, status, trace

FAST = settings(max_examples=100, deadline=None, derandomize=True)
BOOT_NS = 1_790_000_000_120_000_000
CID, SID = "c" * 64, "5" * 64


def _trace(line: str) -> Record:
    return trace.from_line(line, boot_ns=BOOT_NS, seq=3, pod="main", uid="u-1")


# trace


@pytest.mark.parametrize(
    ("line", "kind", "data"),
    [
        ("12.34 app 1 start", Kind.STARTED, {"n": 1}),
        ("12.34 app 2 exit 137", Kind.EXITED, {"n": 2, "code": 137}),
        ("12.34 app 1 signal TERM", Kind.SIGNALLED, {"n": 1, "signal": "TERM"}),
        ("12.34 app 1 say a  b c", Kind.SAID, {"n": 1, "text": "a  b c"}),
        ("12.34 app 1 say ", Kind.SAID, {"n": 1, "text": ""}),
    ],
)
def test_a_trace_line_becomes_a_record(line: str, kind: Kind, data: dict[str, Any]) -> None:
    record = _trace(line)
    assert (record.kind, record.container, record.seq) == (kind, "app", 3)
    assert (record.pod, record.uid, record.source) == ("main", "u-1", Source.TRACE)
    assert record.data == {**data, "uptime_s": 12.34}


@given(ticks=st.integers(0, 10**9))
@FAST
def test_every_tick_of_the_uptime_is_kept_exactly(ticks: int) -> None:
    record = _trace(f"{ticks // 100}.{ticks % 100:02d} app 1 start")
    assert (record.t_ns - BOOT_NS, record.precision_ns) == (ticks * trace.PRECISION_NS, trace.PRECISION_NS)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "12.3 app 1",
        "12.3 app 1 sing",
        "12.3 app x start",
        "twelve app 1 start",
        "12.3 app 1 exit",
        "12.3 app 1 exit soon",
        "inf app 1 start",
        "nan app 1 start",
        "1e999 app 1 start",
        "12.3  app 1 start",
    ],
)
def test_a_line_that_no_container_wrote_is_refused(line: str) -> None:
    with pytest.raises(trace.TraceError, match="not a trace line"):
        _trace(line)


@given(st.text() | st.tuples(st.text(), st.text(), st.text(), st.sampled_from(["start", "exit"])).map(" ".join))
@FAST
def test_garbage_is_refused_and_nothing_worse(line: str) -> None:
    try:
        record = _trace(line)
    except trace.TraceError:
        return
    assert record.source is Source.TRACE


# runtime


def _event(topic: str, body: dict[str, Any], fraction: str = ".123456789") -> str:
    return f"2026-11-23 14:03:05{fraction} +0000 UTC k8s.io {topic} {json.dumps(body, separators=(',', ':'))}"


def _who(container: str = "app") -> runtime.Identity:
    kind = "container" if container else "sandbox"
    annotations = {
        "io.kubernetes.cri.container-type": kind,
        "io.kubernetes.cri.sandbox-name": "main",
        "io.kubernetes.cri.sandbox-uid": "u-1",
        "io.kubernetes.cri.sandbox-namespace": "podvow-1-k",
        "io.kubernetes.cri.sandbox-id": SID,
        **({"io.kubernetes.cri.container-name": container} if container else {}),
        "io.kubernetes.cri.image-name": "podvow/busybox:blue",
    }
    return runtime.identity(CID if container else SID, json.dumps(annotations))


def _record(line: str, container: str = "app") -> Record | None:
    event = runtime.parse(line)
    assert event is not None
    return runtime.to_record(event, _who(container), seq=9, attempt=1)


@pytest.mark.parametrize(
    ("fraction", "ns"),
    [("", 0), (".1", 100_000_000), (".000000001", 1), (".123456789", 123_456_789), (".1234567891", 123_456_789)],
)
def test_a_fraction_of_any_length_is_nanoseconds(fraction: str, ns: int) -> None:
    event = runtime.parse(_event("/tasks/start", {"container_id": CID, "pid": 7}, fraction))
    assert event is not None
    assert (event.t_ns % 10**9, event.topic, event.id) == (ns, "/tasks/start", CID)
    assert event.t_ns // 10**9 == 1_795_442_585


@pytest.mark.parametrize(
    ("topic", "body", "kind", "data"),
    [
        (
            "/tasks/create",
            {"container_id": CID, "bundle": "/run/x", "pid": 7},
            Kind.CONTAINER_CREATED,
            {"image": "podvow/busybox:blue"},
        ),
        ("/tasks/start", {"container_id": CID, "pid": 7}, Kind.CONTAINER_STARTED, {"pid": 7}),
        (
            "/tasks/exit",
            {"container_id": CID, "id": CID, "pid": 7, "exit_status": 137, "exited_at": {"seconds": 1}},
            Kind.CONTAINER_EXITED,
            {"code": 137},
        ),
        # protobuf leaves out what is zero
        ("/tasks/exit", {"container_id": CID, "id": CID, "pid": 7}, Kind.CONTAINER_EXITED, {"code": 0}),
        ("/containers/delete", {"id": CID}, Kind.CONTAINER_DELETED, {}),
    ],
)
def test_the_life_of_a_container(topic: str, body: dict[str, Any], kind: Kind, data: dict[str, Any]) -> None:
    record = _record(_event(topic, body))
    assert record is not None
    assert (record.kind, record.container, record.pod, record.uid) == (kind, "app", "main", "u-1")
    assert record.data == {"id": CID, "sandbox": SID, **data}


@pytest.mark.parametrize(
    ("topic", "body", "kind"),
    [
        ("/tasks/start", {"container_id": SID, "pid": 7}, Kind.SANDBOX_STARTED),
        ("/tasks/exit", {"container_id": SID, "id": SID, "exit_status": 137}, Kind.SANDBOX_EXITED),
        ("/containers/delete", {"id": SID}, Kind.SANDBOX_DELETED),
    ],
)
def test_the_life_of_a_sandbox(topic: str, body: dict[str, Any], kind: Kind) -> None:
    record = _record(_event(topic, body), container="")
    assert record is not None
    assert (record.kind, record.container, record.data["attempt"]) == (kind, "", 1)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("/tasks/exit", {"container_id": CID, "id": "probe-1", "exit_status": 1}),
        ("/tasks/exec-added", {"container_id": CID, "exec_id": "probe-1"}),
        ("/tasks/exec-started", {"container_id": CID, "exec_id": "probe-1", "pid": 8}),
        ("/tasks/delete", {"container_id": CID, "pid": 7}),
        ("/tasks/oom", {"container_id": CID}),
        ("/containers/create", {"id": CID, "image": "x", "runtime": {"name": "io.containerd.runc.v2"}}),
        ("/containers/update", {"id": CID, "image": "x"}),
    ],
)
def test_an_exec_and_other_topics_say_nothing_about_a_life(topic: str, body: dict[str, Any]) -> None:
    assert _record(_event(topic, body)) is None


@pytest.mark.parametrize(
    "line",
    [
        _event("/images/create", {"name": "podvow/busybox:blue"}),
        _event("/snapshot/prepare", {"key": CID, "parent": "sha256:1"}),
    ],
)
def test_events_about_no_container_are_passed_over(line: str) -> None:
    assert runtime.parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026-11-23 14:03:05.1 +0200 CEST k8s.io /tasks/start {}",
        _event("/tasks/start", {"container_id": CID})[:-1],
        _event("/tasks/start", {"container_id": CID})[1:],
        "ctr: connection refused",
    ],
)
def test_lines_that_are_no_events_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no event"):
        runtime.parse(line)


def test_a_sandbox_is_its_own_sandbox_even_when_nothing_says_so() -> None:
    who = runtime.identity(SID, '{"io.kubernetes.cri.container-type":"sandbox"}')
    assert (who.sandbox, who.container) == (SID, "")


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '"x"', "null"])
def test_annotations_that_are_no_object_are_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the json module words it)
        runtime.identity(CID, text)


# status


def test_a_snapshot_is_the_raw_object_without_noise() -> None:
    raw: dict[str, Any] = {
        "metadata": {"name": "main", "uid": "u-1", "managedFields": [{"manager": "kubelet"}], "labels": {"a": "b"}},
        "status": {"phase": "Running", "fieldOfTheFuture": 1},
    }
    record = status.from_object(raw, received_ns=5, seq=2)
    assert (record.kind, record.pod, record.uid, record.t_ns, record.seq) == (Kind.SNAPSHOT, "main", "u-1", 5, 2)
    assert record.data["object"]["metadata"] == {"name": "main", "uid": "u-1", "labels": {"a": "b"}}
    assert record.data["object"]["status"]["fieldOfTheFuture"] == 1
    assert "managedFields" in raw["metadata"], "the watch's own copy stays as it is"


def test_a_deletion_is_told_as_such() -> None:
    raw = {"kind": "Pod", "metadata": {"name": "main", "uid": "u-1"}}
    assert status.from_object(raw, received_ns=5, seq=2, deleted=True).kind is Kind.DELETED


def test_another_kind_is_an_object_of_no_pod() -> None:
    raw = {"kind": "ResourceQuota", "metadata": {"name": "q", "uid": "u-2"}}
    record = status.from_object(raw, received_ns=5, seq=2, deleted=True)
    assert (record.kind, record.pod, record.uid, record.data["deleted"]) == (Kind.OBJECT, "", "", True)


def test_the_data_of_a_secret_never_reaches_the_evidence() -> None:
    raw = {
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hidden"}},
        "data": {"password": "aGlkZGVu"},
        "stringData": {"token": "hidden"},
    }
    told = json.dumps(status.slim(raw))
    assert "hidden" not in told
    assert "aGlkZGVu" not in told
    assert {"password", "token"} <= set(told.replace('"', " ").replace(":", " ").split())
    assert raw["data"] == {"password": "aGlkZGVu"}


# events


def _about(**stamps: str) -> dict[str, Any]:
    involved = {"name": "main", "uid": "u-1", "fieldPath": "spec.initContainers{init-1}"}
    return {"involvedObject": involved, "reason": "Started", "message": "m", "type": "Normal", "count": 2, **stamps}


@pytest.mark.parametrize(
    ("stamps", "t_ns", "precision_ns"),
    [
        ({"eventTime": "2026-11-23T14:03:05.123457Z"}, 1_795_442_585_123_457_000, 1_000),
        ({"lastTimestamp": "2026-11-23T14:03:05Z"}, 1_795_442_585_000_000_000, 10**9),
        (
            {"firstTimestamp": "2026-11-23T14:03:01Z", "lastTimestamp": "2026-11-23T14:03:05Z"},
            1_795_442_585_000_000_000,
            10**9,
        ),
        ({"firstTimestamp": "2026-11-23T14:03:05Z"}, 1_795_442_585_000_000_000, 10**9),
        ({}, 77, 0),
    ],
)
def test_the_stamp_of_an_event_and_how_exact_it_is(stamps: dict[str, str], t_ns: int, precision_ns: int) -> None:
    record = events.from_event(_about(**stamps), received_ns=77, seq=4)
    assert (record.t_ns, record.precision_ns, record.seq) == (t_ns, precision_ns, 4)
    assert (record.pod, record.uid, record.container) == ("main", "u-1", "init-1")
    assert record.data == {"reason": "Started", "message": "m", "type": "Normal", "count": 2}


@given(micros=st.integers(0, 999_999))
@FAST
def test_every_microsecond_of_an_event_is_kept(micros: int) -> None:
    record = events.from_event(_about(eventTime=f"2026-11-23T14:03:05.{micros:06d}Z"), received_ns=7, seq=4)
    assert record.t_ns % 10**9 == micros * 1000


def test_an_event_about_the_whole_pod_names_no_container() -> None:
    assert events.from_event({"involvedObject": {"name": "main"}}, received_ns=7, seq=4).container == ""
