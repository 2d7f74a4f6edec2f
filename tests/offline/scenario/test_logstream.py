from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podvow.api import Api
from podvow.deadline import Deadline
from podvow.scenario import logstream
from podvow.scenario.halt import Halt
from podvow.scenario.logstream import LogStream
from podvow.scenario.recorder import Recorder
from podvow.timeline import Meta, Source
from podvow.timeline.record import Kind, Record
from tests.offline.api.stub import Handler, Stub, reply, reset, status, stream
from tests.offline.api.stubbed import impatient, stub

__all__ = ["impatient", "stub"]

LOG = "/api/v1/namespaces/ns/pods/p/log"
STARTED = "podvow 10.00 app 1 start\n"
SAID = "podvow 11.00 app 1 say hello\n"
ENDED = "podvow 12.00 app 1 exit 0\n"
AGAIN = "podvow 20.00 app 2 start\n"


@pytest.fixture(autouse=True)
def impatient_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logstream, "_AGAIN_S", 0.01)


@pytest.fixture
def recorder() -> Recorder:
    recorder = Recorder(Meta("s", pod="p", sources=["trace", "status"]), Halt())
    spec = {"containers": [{"name": "app", "volumeMounts": [{"name": "podvow-trace"}]}, {"name": "other"}]}
    metadata = {"name": "p", "uid": "u"}
    first = {"object": {"metadata": metadata, "spec": spec, "status": {}}}
    recorder.add(Record(5, 0, 1, Source.STATUS, Kind.SNAPSHOT, "p", "u", data=first))
    return recorder


@pytest.fixture
def logs(stub: Stub, tmp_path: Path, recorder: Recorder) -> Iterator[LogStream]:
    stub.always(LOG, status(404, "NotFound"))
    with Api.connect(stub.kubeconfig(tmp_path), "stub", patience_s=0.2) as api:
        stream = LogStream(api, recorder)
        yield stream
        stream.stop()


def pod(container_id: str = "c1", restarts: int = 0, name: str = "app", **state: Any) -> dict[str, Any]:
    raw = {
        "name": name,
        "restartCount": restarts,
        "containerID": f"containerd://{container_id}" if container_id else "",
        "state": state or {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    metadata = {"name": "p", "namespace": "ns", "uid": "u"}
    return {"metadata": metadata, "status": {"containerStatuses": [raw]}}


def text(*lines: str) -> Callable[[Handler], None]:
    return reply("".join(lines), Content_Type="text/plain")


def told(recorder: Recorder) -> list[str]:
    return [f"{r.kind} {r.data['n']}" for r in recorder.timeline().records if r.source is Source.TRACE]


def await_told(recorder: Recorder, count: int) -> None:
    deadline, tick = Deadline.after(10), threading.Event()
    while len(told(recorder)) < count:
        assert not deadline.passed, told(recorder)
        tick.wait(0.01)


def reasons(recorder: Recorder) -> list[str]:
    return [gap.reason for gap in recorder.finish().gaps_of(Source.TRACE)]


def test_a_log_is_read_while_it_is_written_and_once_more_in_the_end(
    logs: LogStream, stub: Stub, recorder: Recorder
) -> None:
    stub.on(LOG, stream(STARTED.encode(), then="hang"), text(STARTED, SAID))
    logs.take(pod())
    await_told(recorder, 1)
    logs.catch_up()
    assert told(recorder) == ["started 1", "said 1"]
    assert reasons(recorder) == []


def test_a_log_that_breaks_off_is_read_again(logs: LogStream, stub: Stub, recorder: Recorder) -> None:
    stub.on(
        LOG,
        stream(STARTED.encode(), then="cut"),
        status(503, "ServiceUnavailable"),
        stream((STARTED + SAID + ENDED).encode()),
    )
    logs.take(pod())
    await_told(recorder, 3)
    assert told(recorder) == ["started 1", "said 1", "exited 1"]


def test_a_log_that_cannot_be_read_to_its_end_is_a_gap(logs: LogStream, stub: Stub, recorder: Recorder) -> None:
    stub.always(LOG, reset)
    logs.take(pod())
    logs.catch_up()
    assert reasons(recorder) == ["the log of app was not read to its end"]


def test_the_log_of_a_container_that_was_replaced_meanwhile_is_a_gap(
    logs: LogStream, stub: Stub, recorder: Recorder
) -> None:
    stub.on(LOG, stream(STARTED.encode(), then="hang"))
    logs.take(pod())
    await_told(recorder, 1)
    stub.always(LOG, text(AGAIN))
    logs.take(pod("c2", restarts=1))
    await_told(recorder, 2)
    logs.catch_up()
    assert "the log of app was not read to its end" in reasons(recorder)


def test_a_run_whose_number_was_skipped_is_a_gap_before_the_one_that_was_read(
    logs: LogStream, stub: Stub, recorder: Recorder
) -> None:
    stub.always(LOG, text(AGAIN))
    logs.take(pod("c2", restarts=1))
    logs.catch_up()
    (gap,) = recorder.finish().gaps_of(Source.TRACE)
    (run,) = recorder.timeline().of(Kind.STARTED)
    assert gap.reason == "a run of app ended unread"
    assert gap.from_ns < run.t_ns < gap.until_ns


def test_a_run_that_only_the_status_counts_is_a_gap(logs: LogStream, recorder: Recorder) -> None:
    # Restarting all containers removes them: nobody can read what they wrote.
    lost = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None}
    logs.take(pod("", restarts=1, terminated=lost))
    logs.catch_up()
    assert reasons(recorder) == ["the status counts a run of app that nobody read"]


def test_a_container_that_never_started_leaves_no_gap(logs: LogStream, recorder: Recorder) -> None:
    logs.take(pod("", waiting={"reason": "PodInitializing"}))
    logs.catch_up()
    assert reasons(recorder) == []


def test_a_container_that_writes_no_trace_leaves_no_gap(logs: LogStream, stub: Stub, recorder: Recorder) -> None:
    stub.always(LOG, text("hello\n"))
    logs.take(pod(name="other"))
    logs.catch_up()
    assert reasons(recorder) == []
