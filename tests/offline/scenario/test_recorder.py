from __future__ import annotations

import threading
import time

import pytest

from podvow.deadline import Deadline
from podvow.scenario.conditions import Condition
from podvow.scenario.halt import Halt
from podvow.scenario.recorder import Recorder, Waited
from podvow.timeline import Meta, Record, Source, Timeline
from podvow.timeline.record import Kind

PATIENCE_S = 20.0
NEVER = Condition("never", lambda _: False)
SAID = Condition("something said", lambda t: bool(t.of(Kind.SAID)))


@pytest.fixture
def stop() -> Halt:
    return Halt()


@pytest.fixture
def recorder(stop: Halt) -> Recorder:
    return Recorder(Meta("a.b.c", pod="main"), stop)


def _word(seq: int = 1) -> Record:
    return Record(time.time_ns(), 0, seq, Source.TRACE, Kind.SAID, data={"text": "x"})


class Waiter(threading.Thread):
    """Waits in a thread; is known to wait once its condition was looked at."""

    def __init__(self, recorder: Recorder, condition: Condition) -> None:
        super().__init__(daemon=True)
        self.looked = threading.Event()
        self.result: Waited | None = None
        self._recorder = recorder
        self._condition = Condition(condition.text, self._look, condition.hopeless)
        self._met = condition.met

    def _look(self, timeline: Timeline) -> bool:
        self.looked.set()
        return self._met(timeline)

    def run(self) -> None:
        self.result = self._recorder.wait(self._condition, Deadline.after(PATIENCE_S))

    def outcome(self) -> Waited | None:
        self.join(PATIENCE_S)
        return self.result


def test_a_wait_ends_with_the_record_that_meets_it(recorder: Recorder) -> None:
    waiter = Waiter(recorder, SAID)
    waiter.start()
    assert waiter.looked.wait(PATIENCE_S)
    began = time.monotonic()
    recorder.add(_word())
    assert waiter.outcome() is Waited.MET
    assert time.monotonic() - began < 0.45, "woken by the record, not by a tick"


def test_what_the_harness_says_wakes_too(recorder: Recorder) -> None:
    waiter = Waiter(recorder, Condition("fault", lambda t: bool(t.of(Kind.FAULT))))
    waiter.start()
    assert waiter.looked.wait(PATIENCE_S)
    recorder.say(Kind.FAULT, index=0, name="x")
    assert waiter.outcome() is Waited.MET


def test_a_wait_for_what_is_there_already_ends_at_once(recorder: Recorder) -> None:
    recorder.add(_word())
    assert recorder.wait(SAID, Deadline.after(0)) is Waited.MET


def test_a_hopeless_wait_ends(recorder: Recorder) -> None:
    waiter = Waiter(recorder, Condition("x", NEVER.met, SAID.met))
    waiter.start()
    assert waiter.looked.wait(PATIENCE_S)
    recorder.add(_word())
    assert waiter.outcome() is Waited.HOPELESS


def test_a_deadline_that_passes_is_not_reaching_it(recorder: Recorder) -> None:
    assert recorder.wait(NEVER, Deadline.after(0.01)) is Waited.PASSED


def test_a_stopped_run_ends_every_wait_but_keeps_what_was_reached(recorder: Recorder, stop: Halt) -> None:
    waiter = Waiter(recorder, NEVER)
    waiter.start()
    assert waiter.looked.wait(PATIENCE_S)
    stop.set()
    assert waiter.outcome() is Waited.STOPPED
    recorder.add(_word())
    assert recorder.wait(SAID, Deadline.after(PATIENCE_S)) is Waited.MET


def test_records_of_many_threads_are_all_kept(recorder: Recorder) -> None:
    def speak() -> None:
        for _ in range(50):
            recorder.say(Kind.REACHED, step=0, condition="x")

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.seq for r in recorder.timeline().records) == list(range(1, 201))


def test_a_gap_is_written_when_it_closes(recorder: Recorder) -> None:
    recorder.add(_word())
    recorder.open_gap(Source.STATUS, since_ns=5, reason="410", where="Pod")
    recorder.open_gap(Source.STATUS, since_ns=9, reason="later", where="Pod")
    assert not recorder.timeline().gaps
    recorder.close_gap(Source.STATUS, until_ns=20, where="Pod")
    (gap,) = recorder.timeline().gaps
    assert (gap.source, gap.from_ns, gap.until_ns, gap.reason) == (Source.STATUS, 5, 20, "410")
    recorder.close_gap(Source.STATUS, until_ns=30, where="Pod")
    assert len(recorder.timeline().gaps) == 1


def test_a_lossless_gap_is_forgotten(recorder: Recorder) -> None:
    recorder.open_gap(Source.STATUS, since_ns=5, reason="reset", where="Pod")
    recorder.close_gap(Source.STATUS, until_ns=20, lossless=True, where="Pod")
    assert not recorder.finish().records


def test_gaps_of_several_places_are_several_gaps(recorder: Recorder) -> None:
    for where in ("n1", "n2"):
        recorder.open_gap(Source.TRACE, since_ns=5, reason=where, where=where)
    recorder.close_gap(Source.TRACE, until_ns=20, where="n1")
    assert [g.reason for g in recorder.timeline().gaps] == ["n1"]
    assert [g.reason for g in recorder.finish().gaps] == ["n1", "n2"]


def test_a_gap_that_is_open_in_the_end_lasts_to_the_end(recorder: Recorder) -> None:
    recorder.open_gap(Source.RUNTIME, since_ns=5, reason="away", where="n1")
    recorder.add(_word())
    timeline = recorder.finish()
    assert [(g.from_ns, g.until_ns) for g in timeline.gaps] == [(5, timeline.end_ns)]
    assert recorder.finish() == timeline, "finishing twice adds nothing"


def test_the_node_is_noted_when_it_is_known(recorder: Recorder) -> None:
    recorder.settle_on("worker", "v1.37.2")
    assert (recorder.timeline().meta.node, recorder.timeline().meta.kubelet_version) == ("worker", "v1.37.2")
