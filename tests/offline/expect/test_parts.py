"""The small parts: quantities, stretches, contracts of facts, and what is made of coarse evidence."""

from __future__ import annotations

from fractions import Fraction

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    SINCE_FAULT,
    Fact,
    deadline_ended,
    ended_after,
    not_rerun,
    phase_reached_within,
    pod_gone_within,
    ran,
    reran_in_order,
    restarted_within,
    stopped_within,
)
from podvow.expect.base import Found, holds, inconclusive, violated, worst
from podvow.expect.evidence import stretch_of
from podvow.expect.quantity import quantity
from podvow.timeline import Source, Timeline
from podvow.verdict import Outcome
from tests.offline.expect.builder import Story, without
from tests.offline.expect.cases_order import crashing, healthy, status_only, trace_only
from tests.offline.expect.healthy import STORIES, told
from tests.offline.expect.table import patched, reinitialised, steady


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("150m", Fraction(3, 20)),
        ("0.15", Fraction(3, 20)),
        ("1.5Gi", 3 * 2**29),
        ("64Mi", 64 * 2**20),
        ("1Ki", 1024),
        ("1k", 1000),
        ("2M", 2_000_000),
        ("1e3", 1000),
        ("5u", Fraction(5, 10**6)),
        ("+2", 2),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("0", 0),
        (3, 3),
    ],
)
def test_quantities_are_exact(text: str, value: Fraction) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "m", "1 m", "1mi", "1Kib", "one", "1e", "1e3Ki"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(text)


def _two_faults() -> Timeline:
    story, pod = patched()
    story.reach("generation observed").hold().fault("kill_pause")
    pod.lose_sandbox().initialise()
    return story.reach().timeline()


def test_a_stretch_ends_with_the_next_fault() -> None:
    timeline = _two_faults()
    first, second, all_of_it = (stretch_of(timeline, after) for after in (FAULT, SECOND_FAULT, SINCE_FAULT))
    assert first.end_ns == second.begin_ns - 1
    assert second.end_ns == all_of_it.end_ns == timeline.end_ns
    assert not_rerun("init-1").judge(timeline).outcome is Outcome.HOLDS
    assert not_rerun("init-1", after=SINCE_FAULT).judge(timeline).outcome is Outcome.VIOLATED
    assert reran_in_order("init-1", "init-2", after=SECOND_FAULT).judge(timeline).outcome is Outcome.HOLDS


def test_an_error_in_a_judging_function_is_no_verdict_about_the_cluster() -> None:
    def broken(_: Timeline) -> Found:
        raise KeyError("status")

    judged = Fact("x", "x", broken).judge(healthy())
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert judged.detail == "the expectation itself failed: KeyError: 'status'"


def test_the_most_serious_finding_counts_with_all_its_details() -> None:
    found = worst([holds("fine"), violated("one", 1), inconclusive("hm"), violated("two", 2), violated("one", 3)])
    assert found == violated("one; two", 1, 2, 3)
    assert worst([holds("fine"), inconclusive("hm")]) == inconclusive("hm")
    assert worst([holds("fine", 4)]) == holds("fine", 4)
    assert worst([]).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (ran("app"), "app ran"),
        (ran("app", times=0, after=FAULT), "app never ran after the fault"),
        (ran("app", times=2, after=SECOND_FAULT), "app ran twice after fault 2"),
        (ran("app", at_least=3), "app ran at least 3 times"),
        (
            not_rerun("init-1", "init-2", after=SINCE_FAULT),
            "init-1, init-2 not run again after the fault, to the end",
        ),
    ],
)
def test_facts_read_as_sentences_in_the_past(fact: Fact, text: str) -> None:
    assert fact.text == text


@pytest.mark.parametrize("story", sorted(STORIES))
def test_every_run_is_seen_once_whatever_number_of_sources_tell_of_it(story: str) -> None:
    timeline = told(story)
    for pod in {r.pod for r in timeline.records if r.pod}:
        for container in {r.container for r in timeline.of(pod=pod) if r.container}:
            ids = [r.container_id for r in timeline.runs(container, pod)]
            assert len(ids) == len(set(ids))
            starts = [r for r in timeline.of(pod=pod, container=container) if r.kind == "container-started"]
            real = [r for r in timeline.runs(container, pod) if Source.RUNTIME in r.sources and r.start]
            assert len(real) == len(starts) or story == "connected-late"


def test_ids_of_the_status_find_their_lines_in_the_trace() -> None:
    runs = trace_only(crashing(0.3, 10.4, 20.5)).runs("init-1")
    assert [r.container_id for r in runs] == [f"uid-1-init-1-{n}" for n in (1, 2, 3, 4)]
    assert [r.first_line.data["n"] for r in runs if r.first_line] == [1, 2, 3, 4]


def test_a_lost_line_does_not_shift_the_ids() -> None:
    timeline = without(
        trace_only(reinitialised()),
        lambda r: r.source is Source.TRACE and r.container == "init-1" and r.data["n"] == 1,
    )
    ids = {r.container_id: r.first_line for r in timeline.runs("init-1")}
    assert ids["uid-1-init-1-1"] is None
    assert ids["uid-1-init-1-2"] is not None


def test_the_status_alone_tells_of_runs_in_whole_seconds() -> None:
    run = status_only(healthy()).runs("init-1")[0]
    assert run.start
    assert run.exit
    assert run.start.precision_ns == 10**9
    assert run.code == 0


def test_a_run_known_from_its_last_state_only_is_a_run() -> None:
    story, pod = steady()
    pod.kill("app", snap=False).restart("app")
    runs = status_only(story.timeline()).runs("app")
    assert [r.code for r in runs] == [137, None]


def test_zero_times_and_start_errors_are_no_starts() -> None:
    story = Story()
    pod = story.pod()
    pod.all["init-1"].cid = "broken"
    ended = {"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": None}
    pod.all["init-1"].state = {"terminated": ended}
    pod.snap()
    (run,) = story.timeline().runs("init-1")
    assert run.start is None
    assert ran("init-1").judge(story.timeline()).outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    "fact",
    [
        deadline_ended("app", 35, "nosuch"),
        ended_after("app", at_least_s=1, window="nosuch"),
        phase_reached_within("Running", "nosuch"),
        pod_gone_within("nosuch"),
        restarted_within("app", "nosuch"),
        stopped_within(1, "app", window="nosuch"),
    ],
    ids=lambda fact: fact.name,
)
def test_a_window_that_the_profile_lacks_leaves_a_fact_open(fact: Fact) -> None:
    story, pod = patched()
    pod.restart("app")
    judged = fact.judge(story.reach().timeline())
    assert (judged.outcome, judged.detail) == (
        Outcome.INCONCLUSIVE,
        "no window 'nosuch' in the cluster's profile",
    )
