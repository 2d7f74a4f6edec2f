from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from podvow.errors import ClusterUnusableError
from podvow.watch import Watch, WatchEvent
from tests.offline.api.stub import Stub, reply, reset, status, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podvow.api import Api

PODS = "/api/v1/pods"
LOSSLESS = "resumed at the same resourceVersion"


def pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def pods(version: int, *items: dict[str, Any], more: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": str(version), "continue": more}
    return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}


def line(kind: str, item: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def gone() -> bytes:
    return line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})


class Sink:
    """Collects events; `await_kinds` waits for them."""

    def __init__(self) -> None:
        self.events: list[WatchEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: WatchEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def told(self) -> list[str]:
        return [
            f"{event.kind} {event.object['metadata'].get('name', '')}".strip() if event.object else event.kind
            for event in self.events
        ]

    def await_told(self, *told: str) -> None:
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.events) >= len(told), 10)
        assert done, self.told()
        assert self.told() == list(told)


@pytest.fixture
def watch(api: Api) -> Iterator[Callable[..., Sink]]:
    started: list[Watch] = []

    def start(**options: Any) -> Sink:
        sink = Sink()
        watch = Watch(api, PODS, sink=sink, name="pods", backoff_s=(0.001, 0.01), **options)
        started.append(watch)
        watch.start()
        return sink

    yield start
    for each in started:
        each.stop()
        assert not each._thread.is_alive()


def test_start_returns_when_everything_that_exists_was_delivered(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(PODS, reply(pods(5, pod("a", 1), more="next")), reply(pods(5, pod("b", 2))), stream(then="hang"))
    sink = watch(label_selector="run=1", field_selector="spec.nodeName=n")
    assert sink.told() == ["listed a", "listed b"]
    assert sink.events[0].object == {"kind": "Pod", "apiVersion": "v1", **pod("a", 1)}
    stub.await_requests(3, PODS)
    listing, page, watching = (seen.params for seen in stub.seen[1:])
    assert listing == {"labelSelector": "run=1", "fieldSelector": "spec.nodeName=n", "limit": "500"}
    assert page["continue"] == "next"
    assert watching["resourceVersion"] == "5"
    assert watching["allowWatchBookmarks"] == "1" or watching["allowWatchBookmarks"] == "true"
    assert watching["labelSelector"] == "run=1"


def test_changes_are_delivered_in_order(stub: Stub, watch: Callable[..., Sink]) -> None:
    lines = (line("ADDED", pod("a", 2)), line("MODIFIED", pod("a", 3)), line("DELETED", pod("a", 4)))
    stub.on(PODS, reply(pods(1)), stream(*lines, then="hang"))
    watch().await_told("added a", "modified a", "deleted a")


def test_a_slow_body_is_waited_for(stub: Stub, watch: Callable[..., Sink]) -> None:
    text = line("ADDED", pod("a", 2))
    stub.on(PODS, reply(pods(1)), stream(*(text[i : i + 1] for i in range(len(text))), then="hang"))
    watch().await_told("added a")


@pytest.mark.parametrize("end", ["end", "cut", "reset"])
def test_a_stream_that_ends_is_resumed_without_a_gap(stub: Stub, watch: Callable[..., Sink], end: str) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        stream(line("ADDED", pod("a", 2)), line("BOOKMARK", pod("", 7)), then=end),
        stream(line("MODIFIED", pod("a", 8)), then="hang"),
    )
    sink = watch()
    stub.await_requests(3, PODS)
    # a reset may overtake what was sent before it: then the server is asked from the earlier version
    resumed = stub.seen[3].params["resourceVersion"]
    assert resumed in {"1", "2", "7"}
    if end != "reset":
        assert resumed == "7"
        sink.await_told("added a", "bookmark", "modified a")
    assert "gap" not in sink.told()


def test_a_line_that_breaks_off_is_asked_for_again(stub: Stub, watch: Callable[..., Sink]) -> None:
    text = line("MODIFIED", pod("a", 3))
    stub.on(
        PODS,
        reply(pods(1)),
        stream(line("ADDED", pod("a", 2)), text[:20], then="cut"),
        stream(text, then="hang"),
    )
    watch().await_told("added a", "modified a")
    assert stub.seen[3].params["resourceVersion"] == "2"


@pytest.mark.parametrize("by_status", [True, False])
def test_a_lost_version_is_a_gap_with_beginning_and_end(
    stub: Stub, watch: Callable[..., Sink], *, by_status: bool
) -> None:
    stub.on(
        PODS,
        reply(pods(2, pod("a", 1), pod("b", 2))),
        stream(line("ADDED", pod("c", 3))),
        status(410, "Expired", "too old") if by_status else stream(gone(), then="hang"),
        reply(pods(9, pod("a", 1), pod("c", 8))),
        stream(line("MODIFIED", pod("c", 10)), then="hang"),
    )
    sink = watch()
    sink.await_told(
        *("listed a", "listed b", "added c"),
        *("gap", "listed a", "listed c", "deleted b", "relisted", "modified c"),
    )
    gap, vanished, relisted = sink.events[3], sink.events[6], sink.events[7]
    assert "410" in gap.reason
    assert vanished.reason == "seen gone at relist"
    assert sink.events[2].received_ns <= gap.since_ns <= gap.received_ns <= relisted.received_ns
    assert relisted.since_ns == gap.since_ns
    assert not relisted.lossless
    assert stub.seen[5].params["resourceVersion"] == "9"


@pytest.mark.parametrize("text", [b"{broken\n", b"[]\n", b'{"type": "ADDED"}\n', b'{"type": "X", "object": {}}\n'])
def test_a_malformed_line_is_a_gap_that_a_resume_closes(
    stub: Stub, watch: Callable[..., Sink], text: bytes
) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        stream(line("ADDED", pod("a", 2)), text, line("MODIFIED", pod("a", 4)), then="hang"),
        stream(line("MODIFIED", pod("a", 3)), then="hang"),
    )
    sink = watch()
    sink.await_told("added a", "gap", "relisted", "modified a")
    assert "malformed" in sink.events[1].reason
    assert sink.events[2].lossless
    assert stub.seen[3].params["resourceVersion"] == "2"


def test_a_line_that_stays_malformed_is_passed_by_listing_again(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        stream(b"{broken\n", then="hang"),
        stream(b"{broken\n", then="hang"),
        reply(pods(5, pod("a", 4))),
        stream(then="hang"),
    )
    sink = watch()
    sink.await_told("gap", "listed a", "relisted")
    assert not sink.events[2].lossless


def test_an_outage_is_a_gap_that_the_replay_fills(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(PODS, reply(pods(1)), stream(line("ADDED", pod("a", 2)), then="hang"))
    sink = watch()
    sink.await_told("added a")
    stub.down()
    sink.await_told("added a", "gap")
    stub.on(PODS, stream(line("MODIFIED", pod("a", 3)), then="hang"))
    stub.up()
    sink.await_told("added a", "gap", "relisted", "modified a")
    assert sink.events[2].lossless
    assert sink.events[2].reason == LOSSLESS
    assert stub.seen[-1].params["resourceVersion"] == "2"


def test_a_quiet_resume_is_confirmed_by_its_proper_end(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(PODS, reply(pods(1)), status(503, "ServiceUnavailable"), stream(), stream(then="hang"))
    sink = watch()
    sink.await_told("gap", "relisted")
    assert sink.events[1].lossless
    stub.await_requests(4, PODS)
    assert [seen.params["timeoutSeconds"] for seen in stub.seen[2:5]] == ["60", "2", "60"]


def test_an_outage_that_outlasts_the_servers_memory_is_not_lossless(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        reset,
        stream(gone(), then="hang"),
        reply(pods(9)),
        stream(then="hang"),
    )
    sink = watch()
    sink.await_told("gap", "relisted")
    assert not sink.events[1].lossless


def test_a_server_that_always_forgets_is_not_hammered(
    stub: Stub, watch: Callable[..., Sink], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []
    pause = Watch._pause

    def counted(self: Watch, asked_s: float | None = None) -> None:
        pauses.append(asked_s)
        pause(self, asked_s)

    monkeypatch.setattr(Watch, "_pause", counted)
    for _ in range(3):
        stub.on(PODS, reply(pods(1)), status(410, "Expired"))
    stub.on(PODS, reply(pods(1)), stream(then="hang"))
    watch().await_told("gap", "relisted", "gap", "relisted", "gap", "relisted")
    assert len(pauses) == 2


def test_a_refusal_in_the_middle_is_a_gap_and_not_the_end(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        status(403, "Forbidden"),
        status(429, "TooManyRequests", Retry_After="0"),
        stream(line("ADDED", pod("a", 2)), then="hang"),
    )
    sink = watch()
    sink.await_told("gap", "relisted", "added a")
    assert "Forbidden" in sink.events[0].reason


def test_an_error_in_the_stream_is_a_gap(stub: Stub, watch: Callable[..., Sink]) -> None:
    error = line("ERROR", {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd"})
    stub.on(PODS, reply(pods(1)), stream(error, then="hang"), reply(pods(3)), stream(then="hang"))
    sink = watch()
    sink.await_told("gap", "relisted")
    assert "500 InternalError: etcd" in sink.events[0].reason


def test_a_sink_that_fails_is_told_of_the_gap_it_made(api: Api, stub: Stub) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        stream(line("ADDED", pod("a", 2)), then="hang"),
        reply(pods(3, pod("a", 2))),
        stream(then="hang"),
    )
    sink = Sink()

    def fail_once(event: WatchEvent) -> None:
        if event.kind == "added":
            raise RuntimeError("disk full")
        sink(event)

    watch = Watch(api, PODS, sink=fail_once, name="pods", backoff_s=(0.001, 0.01))
    watch.start()
    sink.await_told("gap", "listed a", "relisted")
    assert "disk full" in sink.events[0].reason
    watch.stop()


def test_the_first_list_is_tried_until_the_server_is_there(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(PODS, status(503, "ServiceUnavailable"), reset, reply(pods(1, pod("a", 1))), stream(then="hang"))
    assert watch().told() == ["gap", "listed a", "relisted"]


def test_a_forbidden_watch_fails_at_the_start(api: Api, stub: Stub) -> None:
    stub.always(PODS, status(403, "Forbidden", "may not list pods"))
    watch = Watch(api, PODS, sink=Sink(), name="pods")
    with pytest.raises(ClusterUnusableError, match=r"watch pods: no first list: .*may not list pods"):
        watch.start()
    assert not watch._thread.is_alive()


_NO_ROLE = 'pods is forbidden: User "u" cannot list resource "pods" in API group "" at the cluster scope'


def test_a_server_that_has_not_read_its_roles_yet_is_asked_again(stub: Stub, watch: Callable[..., Sink]) -> None:
    stub.on(PODS, status(403, "Forbidden", _NO_ROLE), reply(pods(1, pod("a", 1))), stream(then="hang"))
    assert watch().told() == ["gap", "listed a", "relisted"]


def test_who_has_no_role_in_the_end_is_told_so(api: Api, stub: Stub) -> None:
    stub.always(PODS, status(403, "Forbidden", _NO_ROLE))
    watch = Watch(api, PODS, sink=Sink(), name="pods", backoff_s=(0.001, 0.01))
    with pytest.raises(ClusterUnusableError, match=r"watch pods: no first list: .*cannot list resource") as told:
        watch.start(ready_timeout_s=0.1)
    assert "permission" in told.value.hint


def test_a_server_that_does_not_answer_fails_the_start_in_time(api: Api, stub: Stub) -> None:
    stub.down()
    watch = Watch(api, PODS, sink=Sink(), name="pods")
    with pytest.raises(ClusterUnusableError, match="refused"):
        watch.start(ready_timeout_s=0.05)


def test_nothing_is_delivered_after_stop(api: Api, stub: Stub) -> None:
    stub.on(PODS, reply(pods(1)), stream(line("ADDED", pod("a", 2)), then="hang"))
    sink = Sink()
    watch = Watch(api, PODS, sink=sink, name="pods")
    watch.start()
    sink.await_told("added a")
    watch.stop()
    watch._deliver(WatchEvent("gap", None, 0))
    assert sink.told() == ["added a"]


def test_a_sink_may_stop_its_own_watch(api: Api, stub: Stub) -> None:
    stub.on(PODS, reply(pods(1)), stream(line("ADDED", pod("a", 2)), line("ADDED", pod("b", 3)), then="hang"))
    sink = Sink()

    def stop(event: WatchEvent) -> None:
        own.stop()
        sink(event)

    own = Watch(api, PODS, sink=stop, name="pods")
    own.start()
    own._thread.join(5)
    assert sink.told() == ["added a"]


def test_a_watch_that_is_doubted_is_resumed_where_it_was(stub: Stub, api: Api) -> None:
    stub.on(
        PODS,
        reply(pods(1)),
        stream(line("ADDED", pod("a", 2)), then="hang"),
        stream(line("MODIFIED", pod("a", 3)), then="hang"),
    )
    sink = Sink()
    watch = Watch(api, PODS, sink=sink, name="pods")
    watch.start()
    sink.await_told("added a")
    watch.resume()
    sink.await_told("added a", "modified a")
    watch.stop()
    assert stub.seen[3].params["resourceVersion"] == "2"
