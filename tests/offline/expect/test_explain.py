"""The failure message says what was promised, what was seen, where to look and how to reproduce it."""

from __future__ import annotations

from podvow.expect import STANDING, failure_message, judge_all, kept_sandbox, not_rerun, ran
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.render import render_text
from podvow.verdict import Verdict
from tests.offline.expect.builder import ALL, Story, disconnected, gapped
from tests.offline.expect.cases_objects import probe_refused, rollout
from tests.offline.expect.cases_order import app_killed, healthy, rerun, status_only
from tests.offline.expect.cases_state import deleted
from tests.offline.expect.healthy import STORIES, told

CLAIM = ("update.init-image.no-restart", "A changed init image does not restart the Pod.")


def _message(timeline: Timeline, verdict: Verdict = Verdict.VIOLATED) -> list[str]:
    judgements = judge_all(timeline, [ran("app"), not_rerun("init-1"), not_rerun("init-2"), kept_sandbox()])
    standing = tuple(fact.judge(timeline) for fact in STANDING)
    return failure_message(timeline, judgements + standing, [CLAIM], verdict, "evidence/x.jsonl").splitlines()


def test_the_verdict_comes_first_then_the_documented_sentence() -> None:
    lines = _message(rerun())
    assert lines[0].startswith("area.subject.effect[Always]")
    assert lines[0].endswith("VIOLATED")
    assert lines[1] == '  "A changed init image does not restart the Pod."  update.init-image.no-restart'
    assert "node worker" in lines[2]
    assert "kubelet v1.37.2" in lines[2]
    assert lines[3].startswith("  fault set_image(init-1 → green) at +")


def test_every_judgement_has_its_line_and_quiet_invariants_are_counted() -> None:
    text = "\n".join(_message(rerun()))
    assert "  holds         app ran" in text
    assert "  VIOLATED      init-1 not run again after the fault" in text
    assert "  inconclusive" not in text
    assert f"  holds         {len(STANDING)} standing invariants" in text


def test_the_offending_record_is_marked_and_its_sources_are_named() -> None:
    marked = [line for line in _message(rerun()) if line.startswith("   >")]
    assert len(marked) == 1
    assert "init-1 #2 started" in marked[0]
    assert marked[0].endswith("trace, runtime, status")


def test_missing_evidence_is_named() -> None:
    text = "\n".join(_message(disconnected(rerun(), Source.RUNTIME), Verdict.INCONCLUSIVE))
    assert "inconclusive  same sandbox after the fault" in text
    assert "no runtime source" in text
    assert "sources: trace, status" in text


def test_gaps_are_listed() -> None:
    lines = _message(gapped(rerun()))
    assert sum(line.startswith("  gap       ") for line in lines) == len(ALL)
    assert any("3 gaps" in line for line in lines)


def test_it_ends_with_evidence_and_replay() -> None:
    lines = _message(rerun())
    assert lines[-2].startswith("  evidence  evidence/x.jsonl   ")
    assert lines[-1] == "  replay    podvow replay 'evidence/x.jsonl'"


def test_a_failed_fault_is_told() -> None:
    text = "\n".join(_message(Story().fault_failed().timeline(), Verdict.NOT_INJECTED))
    assert "NOT INJECTED: not observed to happen" in text


def test_every_story_can_be_told() -> None:
    for story in STORIES:
        assert _message(told(story))
        assert all(line == line.rstrip() for line in render_text(told(story)))


def test_a_run_is_one_line_whatever_number_of_sources_saw_it() -> None:
    starts = [line for line in render_text(healthy()) if line.rstrip().endswith("trace, runtime, status")]
    assert [line.split(maxsplit=1)[1].split("  ")[0] for line in starts] == [
        "init-1 #1 started",
        "init-1 #1 exited 0",
        "init-2 #1 started",
        "init-2 #1 exited 0",
        "app #1 started",
    ]


def test_snapshots_show_only_what_changed() -> None:
    lines = render_text(healthy())
    changes = [line for line in lines if "status init-1" in line]
    assert ["waiting PodInitializing" in line for line in changes] == [True, True, False]
    assert "waiting PodInitializing → running" in changes[1]
    assert "running → terminated Completed 0" in changes[2]
    assert sum("phase Pending → Running" in line for line in lines) == 1


def test_marks_and_other_records_are_shown() -> None:
    timeline = app_killed()
    restart = timeline.runs("app")[1].start
    assert restart
    lines = render_text(timeline, {restart.t_ns})
    assert [line for line in lines if line.startswith("   >")] == [next(x for x in lines if "app #2 started" in x)]
    assert any("-- fault: kill(app) --" in line for line in lines)
    assert any("Pod gone" in line for line in render_text(deleted()))
    assert any("-- refused 422: invalid --" in line for line in render_text(probe_refused()))
    assert any("Deployment deployment updatedReplicas=1" in line for line in render_text(rollout()))
    assert any("web-a-1 init-1 #1 started" in line for line in render_text(rollout()))


def test_whole_seconds_are_told_as_such() -> None:
    lines = [line for line in render_text(status_only(healthy())) if "#1 started" in line]
    assert all(line.split()[0].startswith("~+") for line in lines)


def test_an_event_does_not_come_before_its_cause() -> None:
    story = Story()
    pod = story.pod()
    pod.new_sandbox().start("init-1")
    second = story.now // 10**9 * 10**9
    story.meta = type(story.meta)(**{**story.meta.__dict__, "sources": (*story.meta.sources, "events")})
    story.add(
        Source.EVENTS,
        Kind.EVENT,
        t_ns=second,
        precision_ns=10**9,
        pod="main",
        uid="uid-1",
        container="init-1",
        data={"reason": "Started"},
    )
    lines = render_text(story.timeline())
    assert "init-1 event Started" in lines[-1]
