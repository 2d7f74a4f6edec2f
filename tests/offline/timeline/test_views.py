from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from podvow.timeline import Instant, Meta, Record, Run, Source, Timeline
from podvow.timeline.record import Kind

S = 10**9
MS = 10**6
T0 = 1_790_000_000 * S


def _stamp(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Tape:
    """Writes records of one Pod, in seconds after T0."""

    def __init__(self, uid: str = "u-1") -> None:
        self.records: list[Record] = []
        self.uid = uid
        self._seq: Counter[tuple[Source, str]] = Counter()

    def put(self, source: Source, kind: Kind, at: float, container: str = "", **data: Any) -> Tape:
        lane = (source, self.uid if source is Source.TRACE else "")
        self._seq[lane] += 1
        precision = 10 * MS if source is Source.TRACE else 1 if source is Source.RUNTIME else 0
        self.records.append(
            Record(T0 + round(at * S), precision, self._seq[lane], source, kind, "main", self.uid, container, data)
        )
        return self

    def runtime(self, cid: str, created: float, started: float | None, ended: float | None, code: int = 0) -> Tape:
        self.put(Source.RUNTIME, Kind.CONTAINER_CREATED, created, "app", id=cid, sandbox="s1", image="blue")
        if started is not None:
            self.put(Source.RUNTIME, Kind.CONTAINER_STARTED, started, "app", id=cid, sandbox="s1", pid=7)
        if ended is not None:
            self.put(Source.RUNTIME, Kind.CONTAINER_EXITED, ended, "app", id=cid, sandbox="s1", code=code)
        return self

    def trace(self, n: int, started: float, ended: float | None = None, code: int = 0) -> Tape:
        self.put(Source.TRACE, Kind.STARTED, started, "app", n=n, uptime_s=started)
        if ended is not None:
            self.put(Source.TRACE, Kind.EXITED, ended, "app", n=n, uptime_s=ended, code=code)
        return self

    def shot(self, at: float, cid: str, state: dict[str, Any], last: dict[str, Any] | None = None) -> Tape:
        raw = {
            "name": "app",
            "containerID": f"containerd://{cid}",
            "imageID": "sha256:blue",
            "state": state,
            "lastState": last or {},
        }
        pod = {"metadata": {"name": "main", "uid": self.uid}, "status": {"containerStatuses": [raw]}}
        return self.put(Source.STATUS, Kind.SNAPSHOT, at, object=pod)

    def timeline(self, *more: Tape) -> Timeline:
        records = [r for tape in (self, *more) for r in tape.records]
        return Timeline(Meta("a.b.c", pod="main", sources=("trace", "runtime", "status")), records)

    def runs(self, *more: Tape) -> tuple[Run, ...]:
        return self.timeline(*more).runs("app")


def _ended(cid: str, started: float, ended: float, code: int, reason: str = "Completed") -> dict[str, Any]:
    return {
        "terminated": {
            "containerID": f"containerd://{cid}",
            "exitCode": code,
            "reason": reason,
            "startedAt": _stamp(T0 + round(started * S)),
            "finishedAt": _stamp(T0 + round(ended * S)),
        }
    }


def _running(started: float) -> dict[str, Any]:
    return {"running": {"startedAt": _stamp(T0 + round(started * S))}}


ALL = frozenset({Source.TRACE, Source.RUNTIME, Source.STATUS})


def test_three_sources_tell_of_one_run() -> None:
    tape = Tape().runtime("c1", 1.0, 1.05, 3.0).trace(1, 1.07, 2.99).shot(3.1, "c1", _ended("c1", 1.05, 3.0, 0))
    (run,) = tape.runs()
    assert run.sources == ALL
    assert (run.label, run.code, run.container_id, run.sandbox_id, run.image) == (
        "app #1",
        0,
        "c1",
        "s1",
        "sha256:blue",
    )
    assert run.start is not None
    assert run.start.t_ns == T0 + 1050 * MS, "the runtime stamps it before the first line"
    assert run.exit is not None
    assert run.exit.precision_ns == 1, "the runtime's stamp is finer than the trace's"
    assert run.seen_ns == T0 + 1 * S
    assert run.first_line is not None
    assert run.last_line is not None


def test_a_start_published_after_the_first_line_is_still_the_same_run() -> None:
    (run,) = Tape().runtime("c1", 1.0, 1.3, None).trace(1, 1.1).runs()
    assert run.sources == {Source.TRACE, Source.RUNTIME}
    assert run.start is not None
    assert run.start.t_ns == T0 + 1100 * MS, "what the process wrote is proof that it had started"


@pytest.mark.parametrize("next_at", [24.0, None])
def test_a_run_that_the_runtime_tells_of_late_is_still_the_same_run(next_at: float | None) -> None:
    tape = Tape().runtime("c1", 6.8, 6.85, 7.9, 1).trace(1, 6.86, 7.86, 1)
    tape.runtime("c2", 10.8, 11.0, 11.9, 1).trace(2, 10.1, 11.3, 1)
    if next_at:
        tape.runtime("c3", next_at, next_at + 0.05, None).trace(3, next_at + 0.06)
    runs = tape.runs()
    assert [(r.container_id, r.first_line and r.first_line.data["n"]) for r in runs[:2]] == [("c1", 1), ("c2", 2)]
    assert len(runs) == (3 if next_at else 2)
    assert runs[1].start is not None
    assert runs[1].start.t_ns == T0 + 10100 * MS


def test_a_run_that_the_runtime_never_told_of_does_not_take_the_next_one() -> None:
    tape = Tape().trace(1, 1.0, 1.4, 1).runtime("c2", 2.0, 2.05, 2.5, 1).trace(2, 2.06, 2.48, 1)
    assert [(r.container_id, r.first_line and r.first_line.data["n"]) for r in tape.runs()] == [("", 1), ("c2", 2)]


def test_a_run_that_the_runtime_tells_of_much_later_is_another_one() -> None:
    assert len(Tape().trace(1, 1.0, 1.4, 1).runtime("c2", 5.0, 5.05, None).runs()) == 2


def test_a_run_killed_before_its_first_line_does_not_take_the_line_of_the_next() -> None:
    tape = Tape().runtime("c1", 1.0, 1.05, 1.06, 137).runtime("c2", 2.0, 2.05, None).trace(1, 2.08)
    first, second = tape.runs()
    assert (first.container_id, first.code, first.first_line) == ("c1", 137, None)
    assert (second.container_id, second.n) == ("c2", 2)
    assert second.first_line is not None
    assert second.first_line.data["n"] == 1, "the trace counts what it saw itself"


def test_a_container_that_was_created_and_never_started_is_a_run_without_start() -> None:
    (run,) = Tape().runtime("c1", 1.0, None, None).runs()
    assert (run.start, run.exit, run.seen_ns) == (None, None, T0 + S)


def test_a_crash_loop_keeps_its_order_and_its_codes() -> None:
    tape = Tape()
    for n in range(1, 5):
        at = 10.0 * n
        tape.runtime(f"c{n}", at, at + 0.05, at + 1, n).trace(n, at + 0.07, at + 0.98, n)
    runs = tape.runs()
    assert [(r.n, r.code, r.container_id) for r in runs] == [(n, n, f"c{n}") for n in range(1, 5)]
    assert all(r.first_line and r.first_line.data["n"] == r.n for r in runs)
    assert all(a.exited_before_start_of(b) for a, b in pairwise(runs))


def test_a_run_that_only_the_status_saw() -> None:
    (run,) = Tape().shot(5.0, "c9", _ended("c9", 2.0, 4.0, 3, "Error")).runs()
    assert run.sources == {Source.STATUS}
    assert (run.code, run.container_id) == (3, "c9")
    assert run.start == Instant(T0 + 2 * S, S)
    assert run.exit == Instant(T0 + 4 * S, S)


def test_a_run_that_was_never_current_is_found_in_the_last_termination() -> None:
    tape = Tape().shot(1.0, "c1", _running(1.0))
    tape.shot(9.0, "c3", _running(8.0), _ended("c2", 5.0, 6.0, 1, "Error"))
    assert [(r.container_id, r.code) for r in tape.runs()] == [("c1", None), ("c2", 1), ("c3", None)]


def test_a_termination_shown_many_times_is_one_run() -> None:
    tape = Tape()
    for at in (3.0, 3.5, 4.0):
        tape.shot(at, "c1", {"waiting": {"reason": "CrashLoopBackOff"}}, _ended("c1", 1.0, 2.0, 1, "Error"))
    assert len(tape.runs()) == 1


@pytest.mark.parametrize("reason", ["StartError", "ContainerCannotRun"])
def test_a_container_that_could_not_be_started_has_no_start(reason: str) -> None:
    (run,) = Tape().shot(3.0, "c1", _ended("c1", 2.0, 2.0, 128, reason)).runs()
    assert (run.start, run.code) == (None, 128)


def test_a_status_that_has_lost_its_container_proves_nothing() -> None:
    (run,) = Tape().shot(3.0, "c1", _ended("c1", 2.0, 2.0, 137, "ContainerStatusUnknown")).runs()
    assert (run.start, run.exit, run.code) == (None, None, None)


def test_zero_times_of_a_runtime_are_no_times() -> None:
    state = _ended("c1", 2.0, 2.0, 1)
    state["terminated"] |= {"startedAt": "1970-01-01T00:00:00Z", "finishedAt": None}
    (run,) = Tape().shot(3.0, "c1", state).runs()
    assert (run.start, run.exit, run.code) == (None, None, 1)


def test_two_uids_under_one_name_have_runs_of_their_own() -> None:
    old, new = Tape("u-old").runtime("c1", 1.0, 1.05, 3.0).trace(1, 1.07, 2.9), Tape("u-new")
    new.records.extend(
        Record(r.t_ns + 5 * S, r.precision_ns, r.seq + 9, r.source, r.kind, r.pod, "u-new", "app", r.data)
        for r in Tape().runtime("c2", 1.0, 1.05, None).trace(1, 1.07).records
    )
    runs = old.runs(new)
    assert [(r.n, r.uid, r.container_id) for r in runs] == [(1, "u-old", "c1"), (2, "u-new", "c2")]
    assert all(r.first_line and r.first_line.uid == r.uid for r in runs)


def test_an_untraced_container_is_known_by_runtime_and_status() -> None:
    (run,) = Tape().runtime("c1", 1.0, 1.05, 3.0, 2).shot(3.5, "c1", _ended("c1", 1.05, 3.0, 2)).runs()
    assert run.sources == {Source.RUNTIME, Source.STATUS}
    assert (run.first_line, run.last_line, run.code) == (None, None, 2)


def test_without_the_runtime_the_trace_and_the_status_meet() -> None:
    (run,) = Tape().trace(1, 1.2, 2.7).shot(3.0, "c1", _ended("c1", 1.1, 2.8, 0)).runs()
    assert run.sources == {Source.TRACE, Source.STATUS}
    assert run.container_id == "c1"
    assert run.exit is not None
    assert run.exit.precision_ns == 10 * MS


def test_an_end_that_is_said_to_lie_before_the_start_does_not_make_two_runs_of_one() -> None:
    (run,) = Tape().trace(1, 2.3, 2.4).shot(3.5, "c1", _ended("c1", 2.1, 1.9, 0)).runs()
    assert run.container_id == "c1"
    assert run.sources == {Source.TRACE, Source.STATUS}


def test_without_the_runtime_two_quick_runs_are_not_mixed_up() -> None:
    tape = Tape().trace(1, 1.2, 1.4, 1).trace(2, 12.2)
    tape.shot(2.0, "c1", _ended("c1", 1.1, 1.4, 1)).shot(13.0, "c2", _running(12.1), _ended("c1", 1.1, 1.4, 1))
    assert [(r.container_id, r.code, r.first_line is not None) for r in tape.runs()] == [
        ("c1", 1, True),
        ("c2", None, True),
    ]


def test_a_coarse_end_is_narrowed_by_a_fine_start() -> None:
    (run,) = Tape().trace(1, 2.4).shot(3.5, "c1", _ended("c1", 2.4, 2.9, 0)).runs()
    assert run.start is not None
    assert run.exit is not None
    assert run.start.t_ns <= run.exit.t_ns
    assert run.exit.t_ns + run.exit.precision_ns == T0 + 3 * S


def test_runs_of_another_container_and_of_another_pod_do_not_count() -> None:
    tape = Tape().runtime("c1", 1.0, 1.05, None)
    tape.put(Source.RUNTIME, Kind.CONTAINER_STARTED, 1.5, "other", id="c2", sandbox="s1")
    assert len(tape.runs()) == 1
    assert tape.timeline().runs("app", "another") == ()


# which of two runs came first


def _run(start: Instant | None, end: Instant | None = None) -> Run:
    return Run("app", 1, start=start, exit=end)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (_run(Instant(1), Instant(2)), _run(Instant(3)), True),
        (_run(Instant(1), Instant(4)), _run(Instant(3)), False),
        (_run(Instant(0, 10), Instant(10, 10)), _run(Instant(15, 10)), None),
        (_run(Instant(1)), _run(Instant(3)), False),
        (_run(None), _run(Instant(3)), None),
        (_run(Instant(1), Instant(2)), _run(None), None),
    ],
)
def test_what_the_evidence_tells_of_two_runs(first: Run, second: Run, told: object) -> None:
    assert first.exited_before_start_of(second) is told


def test_one_log_decides_the_order_whatever_its_stamps() -> None:
    early, late = Instant(9, 1, 1, "runtime"), Instant(3, 1, 2, "runtime")
    assert early.before(late) is True
    assert late.before(early) is False
    assert Instant(9, 1, 1, "runtime").before(Instant(3, 1, 2, "trace/u")) is False


# sandboxes, gaps, faults


def test_sandboxes_in_the_order_of_their_start() -> None:
    tape = Tape()
    tape.put(Source.RUNTIME, Kind.SANDBOX_STARTED, 1, id="s1", attempt=0)
    tape.put(Source.RUNTIME, Kind.SANDBOX_EXITED, 2, id="s1", code=137)
    tape.put(Source.RUNTIME, Kind.SANDBOX_EXITED, 2, id="s0", code=0)
    tape.put(Source.RUNTIME, Kind.SANDBOX_STARTED, 3, id="s2", attempt=1)
    boxes = tape.timeline().sandboxes()
    assert [(b.id, b.attempt, b.exit is None) for b in boxes] == [("s1", 0, False), ("s2", 1, True)]
    assert tape.timeline().sandboxes("another") == ()


def _harness(kind: Kind, at: float, seq: int, **data: Any) -> Record:
    return Record(T0 + round(at * S), 0, seq, Source.HARNESS, kind, data=data)


def test_a_gap_that_never_closed_lasts_to_the_end() -> None:
    tape = Tape().trace(1, 1, 9)
    tape.records.append(_harness(Kind.GAP, 2, 1, of="status", until_ns=T0 + 4 * S, reason="410"))
    tape.records.append(_harness(Kind.GAP, 5, 2, of="runtime", until_ns=0, reason="away"))
    timeline = tape.timeline()
    assert [(g.source, g.from_ns - T0, g.until_ns - T0) for g in timeline.gaps] == [
        (Source.STATUS, 2 * S, 4 * S),
        (Source.RUNTIME, 5 * S, 9 * S),
    ]
    assert not timeline.gaps_of(Source.TRACE)
    assert len(timeline.gaps_of(Source.STATUS, Source.RUNTIME)) == 2
    assert not timeline.gaps_of(Source.STATUS, after_ns=T0 + 4 * S + 1)
    assert not timeline.gaps_of(Source.RUNTIME, until_ns=T0 + 5 * S - 1)


def test_a_fault_is_what_began_and_what_became_of_it() -> None:
    tape = Tape()
    tape.records += [
        _harness(Kind.FAULT, 1, 1, index=0, name="kill", target="app", facts={"a": 1}),
        _harness(Kind.FAULT_DONE, 2, 2, index=0, facts={"b": 2}),
        _harness(Kind.FAULT, 3, 3, index=1, name="kill", target="app"),
        _harness(Kind.FAULT_FAILED, 4, 4, index=1, error="not observed"),
        _harness(Kind.FAULT, 5, 5, index=2, name="kill", target="app"),
    ]
    done, failed, open_ = tape.timeline().faults
    assert (done.error, done.facts) == ("", {"a": 1, "b": 2})
    assert (failed.error, failed.done) == ("not observed", None)
    assert open_.error == "never completed"


def test_a_timeline_without_records_has_no_times() -> None:
    empty = Timeline(Meta("a.b.c"), [])
    assert (empty.start_ns, empty.end_ns, empty.runs("app"), empty.faults, empty.spec()) == (0, 0, (), (), {})
