"""What the evidence can and cannot say: boundaries of stretches, order of runs, the rule for negative claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podvow.expect import FAULT, After, Fact, exited_with, never_ran, not_rerun, not_restarted, phase_never
from podvow.expect.base import MissingError
from podvow.expect.evidence import (
    Stretch,
    began_in,
    ended_before,
    ended_in,
    proven_runs,
    snapshot_before,
    stretch_of,
    unseen,
)
from podvow.timeline import Run, Source, Timeline
from podvow.timeline.record import Instant, Kind, Record
from podvow.verdict import Outcome
from tests.offline.expect.builder import EPOCH_NS, MS, S, Story, disconnected, without
from tests.offline.expect.cases_order import failing, healthy, status_only
from tests.offline.expect.table import patched, steady

STRETCH = Stretch(100 * S, 200 * S, FAULT)
EMPTY = Story().timeline()


def _run(t_ns: int | None, precision_ns: int = 0, *, seen_ns: int = 0, end_ns: int = 0, **fields: object) -> Run:
    run = Run("init-1", 1, start=None if t_ns is None else Instant(t_ns, precision_ns), seen_ns=seen_ns)
    return replace(run, exit=Instant(end_ns) if end_ns else None, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (_run(99 * S), False),
        (_run(100 * S), True),
        (_run(200 * S), True),
        (_run(200 * S + 1), False),
        (_run(99 * S, S), False),
        (_run(100 * S - 1, 10 * MS), False),
        (_run(100 * S, S), True),
        (_run(None, seen_ns=100 * S), True),
        (_run(None, seen_ns=99 * S), False),
    ],
)
def test_a_run_begins_in_a_stretch_or_it_does_not(run: Run, *, expected: bool) -> None:
    assert began_in(EMPTY, run, STRETCH) is expected


def _killed_within_a_second() -> Timeline:
    """Tell of an app that was killed and was back before the second was over."""
    story, pod = steady()
    story.now = (story.now // S + 1) * S + 100 * MS
    story.fault("kill", "app")
    pod.kill("app", snap=False)
    pod.start("app")
    return status_only(story.reach().timeline())


def test_a_stamp_on_both_sides_of_the_fault_is_decided_by_what_the_status_had_shown() -> None:
    timeline = _killed_within_a_second()
    stretch = stretch_of(timeline, FAULT)
    old, new = timeline.runs("app")
    assert new.start
    assert new.start.t_ns < stretch.begin_ns < new.start.t_ns + new.start.precision_ns
    assert [began_in(timeline, run, stretch) for run in (old, new)] == [False, True]
    assert ended_in(timeline, old, stretch)
    assert exited_with("app", 137, after=FAULT).judge(timeline).outcome is Outcome.HOLDS
    assert not_restarted("app").judge(timeline).outcome is Outcome.VIOLATED


def test_a_run_noticed_late_behind_a_gap_may_be_older_than_the_fault() -> None:
    timeline = _killed_within_a_second()
    stretch = stretch_of(timeline, FAULT)
    gap = {"of": "status", "until_ns": stretch.begin_ns + MS, "reason": "x"}
    hole = Record(stretch.begin_ns - S, 0, 99, Source.HARNESS, Kind.GAP, data=gap)
    holed = Timeline(timeline.meta, [*timeline.records, hole])
    with pytest.raises(MissingError, match="before the fault"):
        began_in(holed, holed.runs("app")[1], stretch)
    with pytest.raises(MissingError, match="which side"):
        began_in(holed, replace(holed.runs("app")[1], container_id=""), stretch)


RUNTIME = frozenset({Source.RUNTIME})
TRACE = frozenset({Source.TRACE})


def _line(seq: int) -> Record:
    return Record(50 * S, 10 * MS, seq, Source.TRACE, Kind.STARTED, uid="u")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (_run(10 * S, end_ns=20 * S), _run(30 * S), True),
        (_run(10 * S, end_ns=40 * S), _run(30 * S), False),
        (_run(10 * S, end_ns=30 * S), _run(30 * S), True),
        (_run(10 * S, sources=RUNTIME), _run(30 * S), False),
        (_run(10 * S, sources=TRACE), _run(30 * S), None),
        (_run(40 * S, sources=TRACE), _run(30 * S), False),
        (_run(30 * S, S, sources=TRACE), _run(30 * S, S), None),
        (_run(None, sources=TRACE), _run(30 * S), None),
        (_run(10 * S, sources=RUNTIME), _run(None), None),
        (_run(50 * S, first_line=_line(2)), _run(50 * S, first_line=_line(1)), False),
        (_run(50 * S, first_line=_line(1)), _run(50 * S, first_line=_line(2)), None),
    ],
)
def test_a_run_ended_before_another_started_or_nobody_knows(one: Run, other: Run, *, expected: bool | None) -> None:
    assert ended_before(EMPTY, one, other) is expected


def test_behind_a_gap_of_the_runtime_a_run_may_have_ended_unseen() -> None:
    timeline = Story().gap(Source.RUNTIME).timeline()
    one, other = _run(EPOCH_NS - S, sources=RUNTIME), _run(EPOCH_NS + 5 * S)
    assert ended_before(timeline, one, other) is None


def _control(*, before: bool = False, after: bool = False, control: bool = True) -> Timeline:
    story, pod = steady()
    if before:
        story.reach()
    story.fault("set_image", "init-1 → green")
    pod.patch_image("init-1")
    if after:
        story.reach(control=control)
    return story.hold().timeline()


def _unfinished() -> Timeline:
    """Tell of a Never Pod that failed, and of nobody who went on looking."""
    return without(failing(), lambda r: r.kind in {Kind.HOLD_BEGIN, Kind.HOLD_END, Kind.REACHED})


def _gone() -> Timeline:
    story, pod = steady()
    pod.delete()
    return story.timeline()


def _lost() -> Timeline:
    story, _ = patched()
    story.reach().hold()
    return story.say(Kind.LOST, reason="the API server went away").timeline()


def _second_hold_cut() -> Timeline:
    story, _ = patched()
    story.reach().hold()
    return story.say(Kind.HOLD_BEGIN, window="quiet", seconds=30).timeline()


@pytest.mark.parametrize(
    ("fact", "timeline", "expected"),
    [
        (not_rerun("init-1"), _control(after=True), Outcome.HOLDS),
        (not_rerun("init-1"), _control(before=True), Outcome.INCONCLUSIVE),
        (not_rerun("init-1"), _control(after=True, control=False), Outcome.INCONCLUSIVE),
        (not_rerun("init-1"), _control(), Outcome.INCONCLUSIVE),
        (not_rerun("init-1"), _lost(), Outcome.INCONCLUSIVE),
        (not_rerun("init-1"), _second_hold_cut(), Outcome.INCONCLUSIVE),
        (never_ran("app"), _unfinished(), Outcome.HOLDS),
        (never_ran("nobody"), _gone(), Outcome.HOLDS),
        (never_ran("nobody"), steady()[0].timeline(), Outcome.INCONCLUSIVE),
        (never_ran("nobody"), Story().hold().timeline(), Outcome.INCONCLUSIVE),
        (phase_never("Failed"), status_only(healthy()), Outcome.HOLDS),
    ],
)
def test_what_did_not_happen_needs_an_end_a_control_and_an_observer(
    fact: Fact, timeline: Timeline, expected: Outcome
) -> None:
    judged = fact.judge(timeline)
    assert judged.outcome is expected, judged.detail


def _seen_with(*holes: Source, untraced: bool = False) -> Timeline:
    """Tell of an app that is killed and comes back, with a control in the end and holes in some sources."""
    story = Story()
    pod = story.pod(traced=not untraced).initialise()
    story.fault("kill", "app")
    pod.kill("app")
    for source in holes:
        story.gap(source)
    pod.start("app")
    return story.reach().hold().timeline()


@pytest.mark.parametrize(
    ("holes", "untraced", "expected"),
    [
        ((), False, Outcome.HOLDS),
        ((Source.RUNTIME,), False, Outcome.HOLDS),
        ((Source.TRACE,), False, Outcome.HOLDS),
        ((Source.TRACE, Source.RUNTIME), False, Outcome.INCONCLUSIVE),
        ((Source.STATUS,), False, Outcome.INCONCLUSIVE),
        ((Source.RUNTIME, Source.STATUS), False, Outcome.INCONCLUSIVE),
        ((Source.RUNTIME,), True, Outcome.INCONCLUSIVE),
        ((Source.TRACE,), True, Outcome.HOLDS),
    ],
)
def test_one_witness_without_a_hole_and_the_status_prove_that_a_container_did_not_run(
    holes: tuple[Source, ...], *, untraced: bool, expected: Outcome
) -> None:
    judged = not_rerun("init-1").judge(_seen_with(*holes, untraced=untraced))
    assert judged.outcome is expected, judged.detail


def test_about_anything_but_runs_a_hole_in_any_source_leaves_it_open() -> None:
    assert phase_never("Failed", after=FAULT).judge(_seen_with(Source.RUNTIME)).outcome is Outcome.INCONCLUSIVE
    assert phase_never("Failed", after=FAULT).judge(_seen_with()).outcome is Outcome.HOLDS


def test_a_stretch_ends_where_the_harness_begins_to_undo() -> None:
    story, pod = steady()
    story.fault("kubelet_stop")
    story.reach().hold()
    told = story.timeline()
    story.say(Kind.UNDONE, fault="kubelet_stop")
    pod.kill("app")
    pod.start("app")
    timeline = story.timeline()
    stretch = stretch_of(timeline, After(0, to_the_end=True))
    assert told.end_ns <= stretch.end_ns < timeline.end_ns
    assert not_restarted("app", after=After(0, to_the_end=True)).judge(timeline).outcome is Outcome.HOLDS


def test_an_untraced_container_is_not_proven_idle_by_the_silence_of_the_trace() -> None:
    story = Story()
    story.pod(inits=("init-1",), apps=("nginx",), traced=False)
    story.pod("other", "uid-2").initialise()
    timeline = disconnected(story.hold().timeline(), Source.RUNTIME)
    assert never_ran("nginx").judge(timeline).outcome is Outcome.INCONCLUSIVE
    assert never_ran("nginx").judge(story.timeline()).outcome is Outcome.HOLDS


def test_the_reason_names_what_is_missing() -> None:
    timeline = healthy()
    whole = stretch_of(timeline, None)
    assert unseen(timeline, whole, Source.TRACE) == ""
    assert unseen(disconnected(timeline, Source.TRACE), whole, Source.TRACE) == "no trace source"
    assert "no trace or runtime source" in unseen(status_only(timeline), whole, Source.TRACE, Source.RUNTIME)


def test_the_state_before_a_fault_is_the_last_one_before_it_and_known_only_without_a_gap() -> None:
    story, _ = patched()
    timeline = story.timeline()
    stretch = stretch_of(timeline, FAULT)
    assert snapshot_before(timeline, stretch).t_ns == max(
        s.t_ns for s in timeline.snapshots() if s.t_ns < stretch.begin_ns
    )
    with pytest.raises(MissingError, match="no status of the Pod"):
        snapshot_before(timeline, Stretch(0, 1, FAULT))
    holed, _ = steady()
    holed.gap(Source.STATUS, 0.1).fault()
    with pytest.raises(MissingError, match="right before the fault"):
        snapshot_before(holed.timeline(), stretch_of(holed.timeline(), FAULT))


def test_behind_a_gap_only_runs_that_a_witness_timed_are_proven() -> None:
    timeline = healthy()
    whole = stretch_of(timeline, None)
    assert len(proven_runs(status_only(timeline), whole, "init-1")) == 1
    holed = Story(sources=(Source.STATUS,))
    holed.records = [*status_only(timeline).records]
    holed.now = timeline.end_ns
    holed.gap(Source.STATUS)
    gapped = Timeline(status_only(timeline).meta, holed.records)
    assert proven_runs(gapped, stretch_of(gapped, None), "init-1") == ()
