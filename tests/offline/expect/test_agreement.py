"""Sources that contradict each other are found, and healthy evidence has no such finding, whole or holed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.expect.agreement import disagreements
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import ALL, Story, edited, without
from tests.offline.expect.healthy import STORIES, told
from tests.offline.expect.table import quiet, steady
from tests.offline.expect.test_properties import FAST, HOLES, _from_logs, _holed


def hidden_from(source: Source) -> Timeline:
    """Hide a long run of init-2 from one witness."""
    story = Story()
    pod = story.pod(lasts=5)
    pod.initialise()
    return without(quiet(story), lambda r: r.source is source and r.container == "init-2")


def unknown_id() -> Timeline:
    """Let the status name a container that the runtime never had."""
    story, pod = steady()
    pod.all["app"].cid = "no-such-container"
    pod.snap()
    story.wait(3)
    pod.snap()
    return story.timeline()


def stale(seconds: float) -> Timeline:
    """Let the status show a dead app running after the other one, which died later, was started again."""
    story = Story()
    pod = story.pod(apps=("app", "other"))
    pod.initialise()
    alive = pod.all["app"].state
    pod.end("app", snap=False)
    pod.all["app"].state = alive
    story.wait(seconds)
    pod.end("other").restart("other")
    return quiet(story)


def crashed() -> Timeline:
    """Let init-1 fail once with code 3, and the app die of a signal."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1", 3).await_restart("init-1").restart("init-1").end("init-1")
    pod.run_init("init-2").start_apps().kill("app").restart("app")
    return quiet(story)


def status_code(code: int, *, reason: str = "Error", of: str = "init-1", where: str = "state") -> Timeline:
    """Let the status tell another code of a container's first end."""

    def lie(data: dict[str, Any]) -> None:
        status = data["object"]["status"]
        for raw in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            ended = raw[where].get("terminated")
            if raw["name"] == of and ended and ended["containerID"].endswith("-1"):
                ended |= {"exitCode": code, "reason": reason}

    return edited(crashed(), lambda r: r.kind is Kind.SNAPSHOT, lie)


def trace_code(code: int, *, of: str = "init-1") -> Timeline:
    """Let a container's own last lines tell another code."""

    def mine(record: Record) -> bool:
        return record.kind is Kind.EXITED and record.container == of

    return edited(crashed(), mine, lambda data: data.update(code=code))


def killed_after_its_last_line() -> Timeline:
    """Let the app write that it exits 0, and be killed an instant later."""
    story, pod = steady()
    pod.end("app", 137).restart("app")
    return edited(
        quiet(story),
        lambda r: r.kind is Kind.EXITED and r.container == "app",
        lambda data: data.update(code=0),
    )


BROKEN: dict[str, tuple[Callable[[], Timeline], str, bool]] = {
    "hidden-from-trace": (lambda: hidden_from(Source.TRACE), "run-without-trace", True),
    "hidden-from-runtime": (lambda: hidden_from(Source.RUNTIME), "run-unknown-to-runtime", True),
    "unknown-id": (unknown_id, "status-unknown-container", False),
    "stale": (lambda: stale(30), "status-stale", False),
    "status-code": (lambda: status_code(0), "status-exit-code", False),
    "last-state-code": (lambda: status_code(4, where="lastState"), "status-exit-code", False),
    "code-of-a-kill": (lambda: status_code(0, of="app"), "status-exit-code", False),
    "trace-code": (lambda: trace_code(5), "witness-exit-code", True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_contradiction_is_found_once_with_its_moment(name: str) -> None:
    make, kind, unreliable = BROKEN[name]
    timeline = make()
    found = [f for f in disagreements(timeline) if f.kind == kind]
    assert len({f.text for f in found}) == len(found) >= 1
    assert {f.kind for f in disagreements(timeline)} <= {kind, "run-unknown-to-runtime", "status-unknown-container"}
    assert all(f.unreliable is unreliable for f in found)
    assert all(timeline.start_ns <= f.at_ns <= timeline.end_ns for f in found)
    assert all(f.at_s == pytest.approx(timeline.at_s(f.at_ns), abs=1e-3) for f in found)
    assert "main/" in found[0].text


@pytest.mark.parametrize(
    "timeline",
    [
        crashed(),
        stale(4),
        status_code(137, reason="ContainerStatusUnknown"),
        status_code(255, reason="Unknown"),
        status_code(128, reason="StartError"),
        killed_after_its_last_line(),
    ],
    ids=["crashed", "late", "invented-137", "invented-255", "start-error", "killed-late"],
)
def test_what_only_looks_like_a_contradiction_is_none(timeline: Timeline) -> None:
    assert disagreements(timeline) == ()


@pytest.mark.parametrize("story", sorted(STORIES))
@pytest.mark.parametrize("lost", [set(), *({source} for source in ALL), *(set(ALL) - {s} for s in ALL)], ids=str)
def test_a_healthy_cluster_has_none_whatever_is_connected(story: str, lost: set[Source]) -> None:
    timeline = told(story)
    meta = replace(timeline.meta, sources=tuple(s for s in timeline.meta.sources if s not in lost))
    assert disagreements(Timeline(meta, [r for r in timeline.records if r.source not in lost])) == ()


@given(story=st.sampled_from(sorted(STORIES)), **HOLES)
@settings(FAST, max_examples=300)
def test_a_hole_in_healthy_evidence_makes_none(
    story: str, sources: frozenset[Source], begin: float, length: float
) -> None:
    assert disagreements(_holed(told(story), sources, begin, length)) == ()


@pytest.mark.parametrize("story", sorted(STORIES))
def test_a_trace_from_logs_makes_none(story: str) -> None:
    assert disagreements(_from_logs(told(story), 0.5)) == ()


def test_evidence_that_was_cut_off_says_nothing() -> None:
    timeline = status_code(0)
    last = max(r.seq for r in timeline.records if r.source is Source.HARNESS)
    lost = Record(timeline.end_ns, 0, last + 1, Source.HARNESS, Kind.LOST, data={"reason": "gone"})
    assert disagreements(Timeline(timeline.meta, [*timeline.records, lost])) == ()


def test_a_comparison_that_fails_says_so_and_raises_nothing() -> None:
    broken = edited(
        crashed(), lambda r: r.kind is Kind.CONTAINER_EXITED, lambda data: data.update(code="no number")
    )
    (finding,) = disagreements(broken)
    assert finding.kind == "comparison-failed"
    assert "no number" in finding.text
