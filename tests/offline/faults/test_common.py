"""What faults on one Pod share: how far they reach, asking again, what is alive, what a kubelet has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from podvow.api import ApiError
from podvow.cluster.cri import Cri
from podvow.cluster.process import CommandError
from podvow.errors import InjectionError
from podvow.faults import (
    debug,
    evict_pod,
    kill,
    kill_pause,
    offer,
    patience,
    remove_sandbox,
    resize,
    send_term,
    set_image,
    stop_sandbox,
)
from podvow.faults.base import NODE_ACCESS, NODE_STATUS, Fault, FaultContext, Isolation, Lasting, reaches_node
from podvow.faults.gates import open_gates
from podvow.faults.netns import lose_address
from podvow.faults.patience import NotDoneError, known, until_done
from podvow.faults.record import create_record, remove_records
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark
from tests.offline.expect.builder import Story

BY_API: list[Fault] = [open_gates(), debug(), resize("app", "cpu=20m/80m"), evict_pod(), offer("podvow.dev/x", 1)]
FROM_NODE: list[Fault] = [
    kill("app"),
    kill_pause(),
    stop_sandbox(),
    remove_sandbox(),
    send_term("app"),
    lose_address(),
    remove_records("app"),
    create_record("app"),
]


@pytest.mark.parametrize("fault", [*BY_API, *FROM_NODE], ids=lambda fault: fault.name)
def test_a_fault_on_one_pod_reaches_one_pod(fault: Fault) -> None:
    assert fault.isolation is Isolation.POD
    needed = {NODE_ACCESS} if fault in FROM_NODE else {NODE_STATUS} if fault.name == "offer_resource" else set()
    assert fault.needs == needed
    assert reaches_node(fault) is bool(needed)
    assert isinstance(fault, Lasting) is (fault.name == "offer_resource"), "only an offer outlives the Pod"


class Runtime:
    """CRI of a node with one sandbox, which refuses the first call to stop or to remove it."""

    def __init__(self, sandbox: str) -> None:
        self.sandbox = sandbox
        self.calls: list[tuple[str, ...]] = []
        self.refusals = 1
        self.listed = True

    def kill(self, node: str, container_id: str, signal: str = "SIGKILL") -> None:
        self.calls.append(("kill", node, container_id, signal))

    def stop_sandbox(self, node: str, sandbox_id: str) -> None:
        self._refuse()
        self.calls.append(("stop", node, sandbox_id))

    def sandboxes(self, node: str) -> list[dict[str, Any]]:
        assert node == "worker"
        return [{"id": self.sandbox}] if self.listed else []

    def remove_sandbox(self, node: str, sandbox_id: str) -> None:
        self._refuse()
        self.calls.append(("remove", node, sandbox_id))
        self.listed = False

    def _refuse(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise CommandError(["crictl"], 1, b"busy")


def _context(runtime: Runtime, timeline: Timeline) -> FaultContext:
    cri = cast("Cri", runtime)
    return FaultContext(cast("Any", None), "ns", "worker", cri, None, lambda: timeline, dict, lambda _: None)


_BEGIN = Record(1, 0, 1, Source.HARNESS, Kind.FAULT)


def _story() -> Timeline:
    story = Story()
    pod = story.pod(apps=("app",))
    pod.initialise()
    return story.timeline()


def test_a_sandbox_is_struck_before_cri_is_asked_and_asked_again() -> None:
    timeline = _story()
    sandbox = timeline.sandboxes()[-1].id
    for fault, verb in ((stop_sandbox(), "stop"), (remove_sandbox(), "remove")):
        runtime = Runtime(sandbox)
        assert fault.inject(_context(runtime, timeline))["sandbox"] == sandbox
        assert runtime.calls == [("kill", "worker", sandbox, "SIGKILL"), (verb, "worker", sandbox)]
    runtime = Runtime(sandbox)
    assert kill_pause().inject(_context(runtime, timeline)) == {"sandbox": sandbox}
    assert runtime.calls == [("kill", "worker", sandbox, "SIGKILL")]


def test_signals_go_to_the_container_that_runs() -> None:
    timeline, runtime = _story(), Runtime("")
    cid = timeline.runs("app")[-1].container_id
    assert send_term("app").inject(_context(runtime, timeline)) == {"id": cid}
    assert kill("app").inject(_context(runtime, timeline)) == {"ids": {"app": cid}}
    assert [call[2:] for call in runtime.calls] == [(cid, "SIGTERM"), (cid, "SIGKILL")]


@pytest.mark.parametrize("fault", [kill("app"), send_term("app")])
def test_what_does_not_run_is_not_hit(fault: Fault) -> None:
    with pytest.raises(InjectionError, match="container app is not known to run"):
        fault.inject(_context(Runtime(""), Story().timeline()))


@pytest.mark.parametrize("fault", [kill_pause(), stop_sandbox(), remove_sandbox(), lose_address()])
def test_without_a_live_sandbox_none_is_lost(fault: Fault) -> None:
    with pytest.raises(InjectionError, match="no live sandbox"):
        fault.inject(_context(Runtime(""), Story().timeline()))


def _fails(*errors: Exception) -> Callable[[], None]:
    left = list(errors)

    def act() -> None:
        if left:
            raise left.pop(0)

    return act


def test_patience_ends_with_the_last_error_and_never_covers_another() -> None:
    until_done(_fails(NotDoneError("not yet"), CommandError(["crictl"], 1, b"busy")), poll_s=0.0)
    until_done(_fails(ApiError(409, "Conflict")), refusal=ApiError, poll_s=0.0)
    both = _fails(ApiError(409, "Conflict"), CommandError(["crictl"], 1, b"busy"))
    until_done(both, refusal=(ApiError, CommandError), poll_s=0.0)
    with pytest.raises(NotDoneError, match="not yet"):
        until_done(_fails(NotDoneError("not yet")), patience_s=0.0, poll_s=0.0)
    with pytest.raises(ApiError):
        until_done(_fails(ApiError(409, "Conflict")), poll_s=0.0)
    with pytest.raises(InjectionError, match="for good"):
        until_done(_fails(InjectionError("for good")), poll_s=0.0)


class Answers:
    """An API server that gives a changed Pod back as it likes."""

    def __init__(self, image: str) -> None:
        self.image = image

    def patch(self, *_: object) -> dict[str, Any]:
        """Answer."""
        spec = {"initContainers": [{"name": "init-1", "image": self.image}]}
        return {"metadata": {"generation": 2, "resourceVersion": "7"}, "spec": spec}


@pytest.mark.parametrize("kept", ["podvow/busybox:green", "podvow/busybox:blue"])
def test_a_change_that_was_taken_is_done_whether_anybody_notices_or_not(kept: str) -> None:
    fault = set_image("init-1", "podvow/busybox:green")
    story = Story()
    story.pod(inits=("init-1",), apps=("app",)).initialise()
    timeline = story.timeline()
    facts = fault.inject(replace(_context(Runtime(""), timeline), api=cast("Any", Answers(kept))))
    assert facts == {"container": "init-1", "image": kept, "generation": 2, "resource_version": "7"}
    begin = replace(_BEGIN, data={"facts": facts})
    assert fault.observed(timeline, FaultMark(0, fault.name, fault.target, begin, None))
    assert not fault.observed(timeline, FaultMark(0, fault.name, fault.target, _BEGIN, None)), "nobody answered"


def test_what_the_timeline_does_not_tell_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_KNOWN_S", 5.0)
    told: Iterator[str | Exception] = iter([InjectionError("app is not known to run"), "id"])

    def look() -> str:
        answer = next(told)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert known(look) == "id"
    monkeypatch.setattr(patience, "_KNOWN_S", 0.0)
    with pytest.raises(InjectionError, match="never told"):
        known(_fails(InjectionError("never told")))
