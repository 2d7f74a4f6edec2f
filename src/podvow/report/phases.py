"""The phases of a scenario as allure steps: arrange, steady state, inject, observe, judge, undo."""

from __future__ import annotations

from collections.abc import Mapping

from allure_commons.model2 import Attachment, Parameter, Status, StatusDetails, TestStepResult

from podvow.report.gather import Entry
from podvow.timeline import Record, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark
from podvow.verdict import Judgement, Outcome

OUTCOMES = {
    Outcome.HOLDS: Status.PASSED,
    Outcome.VIOLATED: Status.FAILED,
    Outcome.INCONCLUSIVE: Status.BROKEN,
}
_MS = 1_000_000


def steps(entry: Entry, start: int, stop: int, applied: list[Attachment]) -> list[TestStepResult]:
    """Return the phases in order.

    Args:
        entry: the judged scenario.
        start: begin of the scenario in milliseconds.
        stop: its end.
        applied: attachments of what was deployed.
    """
    phases: list[TestStepResult] = []
    timeline = entry.timeline
    if timeline and timeline.records:
        phases += _recorded(timeline, applied)
    phases.append(_judge(entry, stop))
    if timeline and timeline.faults:
        phases.append(_undo(timeline, stop))
    for phase in phases:
        phase.start = max(start, phase.start)
        phase.stop = max(phase.start, phase.stop)
    return phases


def _recorded(timeline: Timeline, applied: list[Attachment]) -> list[TestStepResult]:
    waits = timeline.of(Kind.REACHED, Kind.MISSED)
    faults = timeline.faults
    first_fault = faults[0].begin.t_ns if faults else None
    sent = timeline.of(Kind.APPLIED, Kind.REJECTED, until_ns=first_fault or timeline.end_ns)
    arranged = sent[-1].t_ns if sent else timeline.start_ns
    refused = [r for r in sent if r.kind is Kind.REJECTED]
    arrange = _step("arrange", timeline.start_ns, arranged)
    arrange.attachments = applied
    arrange.parameters = [Parameter(name="objects", value=str(len(sent)))]
    if refused:
        body = refused[-1].data.get("body") or ""
        told = body.get("message", "") if isinstance(body, Mapping) else body
        arrange.statusDetails = StatusDetails(message=f"refused by the API server: {told}")
    phases = [arrange]
    before = [w for w in waits if first_fault is None or w.t_ns < first_fault]
    after = [w for w in waits if first_fault is not None and w.t_ns >= first_fault]
    if before:
        steady = _step("steady state", arranged, before[-1].t_ns)
        steady.steps = [_wait(w, arranged) for w in before]
        steady.status = _worst(steady.steps)
        phases.append(steady)
    phases += [_fault(mark, timeline) for mark in faults]
    begin = max([phase.stop * _MS for phase in phases])
    observe = _step("observe", begin, timeline.end_ns)
    observe.steps = [_wait(w, begin) for w in after] + _holds(timeline)
    lost = timeline.of(Kind.LOST)
    observe.status = Status.BROKEN if lost else _worst(observe.steps)
    if lost:
        observe.statusDetails = StatusDetails(message=str(lost[-1].data.get("reason", "")))
    elif timeline.gaps:
        told = "; ".join(f"gap of {g.source}: {g.reason}" for g in timeline.gaps)
        observe.statusDetails = StatusDetails(message=told)
    return [*phases, observe]


def _step(name: str, from_ns: int, until_ns: int, status: str = Status.PASSED) -> TestStepResult:
    return TestStepResult(
        name=name, status=status, stage="finished", start=from_ns // _MS, stop=max(from_ns, until_ns) // _MS
    )


def _worst(inner: list[TestStepResult]) -> str:
    found = {step.status for step in inner}
    return next((s for s in (Status.FAILED, Status.BROKEN) if s in found), Status.PASSED)


def _wait(record: Record, begin_ns: int) -> TestStepResult:
    data = record.data
    name = f"{data.get('condition', 'condition')}"
    step = _step(name, min(begin_ns, record.t_ns), record.t_ns)
    if record.kind is Kind.MISSED:
        step.status = Status.BROKEN
        told = f"not reached in {data.get('waited_s', '?')} s: {data.get('last', '')}"
        step.statusDetails = StatusDetails(message=told)
    return step


def _holds(timeline: Timeline) -> list[TestStepResult]:
    ends = [r.t_ns for r in timeline.of(Kind.HOLD_END)]
    found = []
    for begin in timeline.of(Kind.HOLD_BEGIN):
        until = next((t for t in ends if t >= begin.t_ns), timeline.end_ns)
        name = f"hold: {begin.data.get('window', '')} ({begin.data.get('seconds', '?')} s)"
        found.append(_step(name, begin.t_ns, until))
    return found


def _fault(mark: FaultMark, timeline: Timeline) -> TestStepResult:
    until = mark.done.t_ns if mark.done else mark.begin.t_ns
    failed = timeline.of(Kind.FAULT_FAILED, after_ns=mark.begin.t_ns)
    if not mark.done and failed:
        until = failed[0].t_ns
    step = _step(f"inject: {mark.name}", mark.begin.t_ns, until)
    facts = {"target": mark.target, **mark.facts}
    step.parameters = [Parameter(name=str(name), value=str(value)) for name, value in facts.items() if value != ""]
    if mark.error:
        step.status = Status.BROKEN
        step.statusDetails = StatusDetails(message=mark.error)
    return step


def _judge(entry: Entry, stop: int) -> TestStepResult:
    judge = TestStepResult(name="judge", stage="finished", start=stop, stop=stop)
    judge.steps = [_expectation(judgement, stop) for judgement in entry.judged.judgements]
    judge.status = _worst(judge.steps) if judge.steps else Status.SKIPPED
    if not judge.steps and entry.judged.reason:
        judge.statusDetails = StatusDetails(message=entry.judged.reason)
    return judge


def _expectation(judgement: Judgement, stop: int) -> TestStepResult:
    name = f"{judgement.text} (standing invariant)" if judgement.standing else judgement.text
    step = TestStepResult(name=name, stage="finished", start=stop, stop=stop, status=OUTCOMES[judgement.outcome])
    if judgement.detail:
        if judgement.outcome is Outcome.HOLDS:
            step.parameters = [Parameter(name="seen", value=judgement.detail)]
        else:
            step.statusDetails = StatusDetails(message=judgement.detail)
    return step


def _undo(timeline: Timeline, stop: int) -> TestStepResult:
    """Return the last phase; faults on Pods are undone with their namespace, which no evidence file can show."""
    undone = timeline.of(Kind.UNDONE)
    if not undone:
        name = "undo: with the namespace, after the end of the evidence"
        return TestStepResult(name=name, stage="finished", status=Status.SKIPPED, start=stop, stop=stop)
    return _step("undo", undone[0].t_ns, undone[-1].t_ns)
