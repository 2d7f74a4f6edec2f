from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import ApiError
from podvow.labels import SCENARIO_LABEL
from podvow.scenario import hub as hub_module
from podvow.scenario.halt import Halt
from podvow.scenario.hub import Hub
from podvow.scenario.recorder import Recorder
from podvow.timeline import Meta, Record, Source
from podvow.timeline.record import Kind
from podvow.watch import WatchEvent
from tests.offline.scenario.fake_api import FakeApi
from tests.offline.scenario.node import FakeNode


class Wired:
    """A hub whose sources never run: the test speaks for them."""

    def __init__(self, folder: Path) -> None:
        self.hub = Hub(cast("Any", FakeApi()), "r1", FakeNode(folder), ["worker", "other"], ["Deployment"])
        self.recorders: dict[str, Recorder] = {}

    def attach(self, key: str, node: str = "worker", kinds: tuple[str, ...] = ()) -> Recorder:
        recorder = Recorder(Meta(key, pod="main", node=node), Halt())
        self.recorders[key] = recorder
        self.hub.attach(key, f"ns-{key}", recorder, kinds)
        return recorder

    def pod(self, key: str, uid: str = "u-1", kind: str = "added", name: str = "main") -> None:
        raw = {"metadata": {"name": name, "uid": uid, "labels": {SCENARIO_LABEL: key}}}
        self.hub._status("Pod", WatchEvent(cast("Any", kind), raw, 5))

    def trace(self, text: str, uid: str = "u-1", seq: int = 1) -> None:
        self.hub.node_record("", Record(7, 10, seq, Source.TRACE, Kind.SAID, "", uid, "app", {"text": text}))

    def runtime(self, key: str, uid: str = "u-1", pod: str = "main") -> None:
        record = Record(6, 1, 1, Source.RUNTIME, Kind.CONTAINER_STARTED, pod, uid, "app", {"id": "c1"})
        self.hub.node_record(f"ns-{key}", record)

    def told(self, key: str) -> list[tuple[Source, str]]:
        return [(r.source, r.pod) for r in self.recorders[key]._records]


@pytest.fixture
def wired(tmp_path: Path) -> Wired:
    return Wired(tmp_path)


def test_every_scenario_gets_its_own_records(wired: Wired) -> None:
    wired.attach("a")
    wired.attach("b")
    wired.pod("a", "u-1")
    wired.pod("b", "u-2", name="second")
    wired.trace("x", "u-2")
    wired.runtime("a", "u-1")
    assert wired.told("a") == [(Source.STATUS, "main"), (Source.RUNTIME, "main")]
    assert wired.told("b") == [(Source.STATUS, "second"), (Source.TRACE, "second")]


def test_a_trace_that_comes_before_the_watch_is_held_and_told_once(wired: Wired) -> None:
    recorder = wired.attach("a")
    wired.trace("first", seq=1)
    wired.trace("second", seq=2)
    assert not wired.told("a")
    wired.pod("a")
    wired.pod("a", kind="modified")
    assert [r.data["text"] for r in recorder.timeline().of(Kind.SAID, pod="main")] == ["first", "second"]
    wired.trace("third", seq=3)
    assert len(recorder.timeline().of(Kind.SAID)) == 3


def test_the_runtime_may_tell_whose_a_held_trace_is(wired: Wired) -> None:
    recorder = wired.attach("a")
    wired.trace("early")
    wired.runtime("a")
    wired.pod("a")
    assert len(recorder.timeline().of(Kind.SAID, pod="main")) == 1


def test_records_of_other_runs_are_nobodys(wired: Wired) -> None:
    wired.attach("a")
    wired.pod("elsewhere", "u-9")
    wired.trace("x", "u-9")
    wired.runtime("elsewhere", "u-9")
    assert not wired.told("a")


def test_a_detached_scenario_hears_nothing_more(wired: Wired) -> None:
    wired.attach("a")
    wired.pod("a")
    wired.hub.detach("a")
    wired.pod("a", kind="deleted")
    wired.trace("late")
    assert wired.told("a") == [(Source.STATUS, "main")]


def test_another_kind_goes_by_its_label(wired: Wired) -> None:
    recorder = wired.attach("a")
    raw = {"metadata": {"name": "web", "uid": "d-1", "labels": {SCENARIO_LABEL: "a"}}, "status": {}}
    wired.hub._status("Deployment", WatchEvent("modified", raw, 5))
    (record,) = recorder.timeline().of(Kind.OBJECT)
    assert record.data["object"]["kind"] == "Deployment"


def test_bookmarks_are_no_records(wired: Wired) -> None:
    wired.attach("a")
    wired.hub._status("Pod", WatchEvent("bookmark", {"metadata": {"resourceVersion": "7"}}, 5))
    assert not wired.told("a")


def test_events_go_by_the_namespace_of_what_they_are_about(wired: Wired) -> None:
    recorder = wired.attach("a")
    about = {"involvedObject": {"namespace": "ns-a", "name": "main", "uid": "u-1"}, "reason": "Started"}
    wired.hub._event(WatchEvent("added", about, 5))
    wired.hub._event(WatchEvent("added", {**about, "involvedObject": {"namespace": "default"}}, 5))
    assert len(recorder.timeline().of(Kind.EVENT)) == 1


def test_a_hole_in_a_watch_is_a_hole_in_every_scenario(wired: Wired) -> None:
    early, other = wired.attach("a"), wired.attach("b", "other")
    wired.hub._status("Pod", WatchEvent("gap", None, 50, "410", since_ns=40))
    late = wired.attach("c")
    wired.hub._status("Pod", WatchEvent("relisted", None, 60, "listed again"))
    for recorder in (early, other, late):
        (gap,) = recorder.timeline().gaps
        assert (gap.source, gap.from_ns, gap.until_ns, gap.reason) == (Source.STATUS, 40, 60, "410")
    after = wired.attach("d")
    assert not after.finish().gaps


def test_a_hole_that_hid_nothing_is_none(wired: Wired) -> None:
    recorder = wired.attach("a")
    wired.hub._event(WatchEvent("gap", None, 50, "reset", since_ns=40))
    wired.hub._event(WatchEvent("relisted", None, 60, "resumed", lossless=True))
    assert not recorder.finish().gaps


def test_a_hole_of_a_node_is_one_for_what_lies_on_it(wired: Wired) -> None:
    here, there = wired.attach("a", "worker"), wired.attach("b", "other")
    wired.hub.node_gap("worker", Source.TRACE, since_ns=40, reason="away")
    wired.hub.node_back("worker", Source.TRACE, until_ns=60)
    assert [g.reason for g in here.finish().gaps] == ["worker: away"]
    assert not there.finish().gaps


def test_a_node_that_is_away_when_a_scenario_begins_elsewhere_is_no_hole_in_it(wired: Wired) -> None:
    wired.hub.node_gap("worker", Source.TRACE, since_ns=40, reason="away")
    assert not wired.attach("b", "other").finish().gaps
    assert wired.attach("a", "worker").finish().gaps


@pytest.mark.parametrize(
    ("whole", "gone", "gaps"),
    [({"u-1", "u-2"}, False, 0), ({"u-1"}, False, 1), (set(), False, 1), ({"u-1", "u-2"}, True, 1)],
)
def test_a_broken_trace_is_no_gap_for_whom_it_is_there_again_as_a_whole(
    wired: Wired, whole: set[str], *, gone: bool, gaps: int
) -> None:
    recorder, other = wired.attach("a"), wired.attach("b")
    for uid in ("u-1", "u-2"):
        wired.pod("a", uid, name=uid)
    wired.pod("b", "u-3")
    wired.hub.node_gap("worker", Source.TRACE, since_ns=10, reason="x")
    wired.hub.node_gap("worker", Source.RUNTIME, since_ns=10, reason="x")
    if gone:
        wired.pod("a", "u-2", "deleted", name="u-2")
    wired.hub.node_back("worker", Source.TRACE, until_ns=20, whole=lambda uid: uid in whole)
    wired.hub.node_back("worker", Source.RUNTIME, until_ns=20)
    assert len(recorder.finish().gaps_of(Source.TRACE)) == gaps
    assert len(other.finish().gaps_of(Source.TRACE)) == 1
    assert len(recorder.finish().gaps_of(Source.RUNTIME)) == 1, "the runtime's events are lost in any case"


def test_a_hole_in_the_watch_of_a_kind_that_a_scenario_does_not_have_is_none_in_it(wired: Wired) -> None:
    pods_only, workload = wired.attach("a"), wired.attach("b", kinds=("Deployment",))
    wired.hub._status("Deployment", WatchEvent("gap", None, 50, "410", since_ns=40))
    assert not pods_only.finish().gaps
    assert workload.finish().gaps


class Answering(FakeApi):
    """Lists what the test says, whatever the watches told."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []
        self.status = 0

    def get(self, path: str, *, params: Any = None, retry: bool = True) -> dict[str, Any]:
        assert retry
        assert params == {"labelSelector": "podvow.dev/run=r1"}
        if self.status:
            raise ApiError(self.status, "InternalError")
        return {"items": self.items if path == "/api/v1/namespaces/ns-a/pods" else []}


@pytest.fixture
def looked_past(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> Answering:
    api = Answering()
    wired.hub._api = cast("Any", api)
    monkeypatch.setattr(hub_module, "_LAG_S", 0.01)
    monkeypatch.setattr(hub_module, "_AGAIN_S", 0.01)
    return api


def versioned(version: str, **status: Any) -> dict[str, Any]:
    labels = {SCENARIO_LABEL: "a"}
    metadata = {"name": "main", "uid": "u-1", "resourceVersion": version, "labels": labels}
    return {"metadata": metadata, "status": status}


def test_a_watch_that_told_everything_leaves_no_gap(wired: Wired, looked_past: Answering) -> None:
    recorder = wired.attach("a")
    wired.hub._status("Pod", WatchEvent("added", versioned("7"), 5))
    looked_past.items = [versioned("7")]
    wired.hub.settle("a", "nowhere", 0)
    assert not recorder.finish().gaps


def test_what_a_watch_never_told_is_a_gap_and_recorded(wired: Wired, looked_past: Answering) -> None:
    recorder = wired.attach("a")
    wired.hub._status("Pod", WatchEvent("added", versioned("7"), 5))
    looked_past.items = [versioned("9", phase="Running")]
    wired.hub.settle("a", "nowhere", 0)
    (gap,) = recorder.finish().gaps_of(Source.STATUS)
    assert (gap.from_ns, gap.reason) == (5, "the watch of Pod did not tell of 1 change(s)")
    assert recorder.timeline().snapshots("main")[-1].phase == "Running"
    assert gap.until_ns <= recorder.timeline().snapshots("main")[-1].t_ns


def test_what_the_watch_tells_after_all_does_not_turn_time_back(wired: Wired, looked_past: Answering) -> None:
    recorder = wired.attach("a")
    wired.hub._status("Pod", WatchEvent("added", versioned("7"), 5))
    looked_past.items = [versioned("9", phase="Failed")]
    wired.hub.settle("a", "nowhere", 0)
    wired.hub._status("Pod", WatchEvent("modified", versioned("8", phase="Pending"), time.time_ns()))
    assert recorder.timeline().snapshots("main")[-1].phase == "Failed"


def test_what_is_gone_without_a_word_is_a_gap(wired: Wired, looked_past: Answering) -> None:
    recorder = wired.attach("a")
    wired.hub._status("Pod", WatchEvent("added", versioned("7"), 5))
    looked_past.items = []
    wired.hub.settle("a", "nowhere", 0)
    assert recorder.finish().gaps_of(Source.STATUS)
    assert recorder.timeline().of(Kind.DELETED)


def test_a_server_that_cannot_be_asked_leaves_it_open(wired: Wired, looked_past: Answering) -> None:
    recorder = wired.attach("a")
    looked_past.status = 500
    wired.hub.settle("a", "nowhere", 0)
    (gap,) = recorder.finish().gaps_of(Source.STATUS)
    assert "nobody could look past the watch" in gap.reason


def test_a_watch_that_is_away_is_awaited_in_the_end(wired: Wired, looked_past: Answering) -> None:
    del looked_past
    recorder = wired.attach("a")
    wired.hub._status("Pod", WatchEvent("gap", None, 50, "reset", since_ns=40))
    back = WatchEvent("relisted", None, 60, "resumed", lossless=True)
    timer = threading.Timer(0.05, lambda: wired.hub._status("Pod", back))
    timer.start()
    wired.hub.settle("a", "nowhere", 0)
    timer.join()
    assert not recorder.finish().gaps
