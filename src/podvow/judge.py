"""From the outcomes of the expectations to a scenario's verdict, with its message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from podvow.claims import Claim
from podvow.expect.agreement import disagreements
from podvow.expect.explain import failure_message
from podvow.expect.invariants import STANDING
from podvow.release import release_of
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.pace import node_late_s
from podvow.timeline.record import Kind
from podvow.verdict import Finding, Judged, Judgement, Outcome, Verdict, of_outcomes

_BUSY_S = 10.0
"""A node that needs so much longer than usual for a sandbox, in seconds, may have got to nothing when patience is
over: that something did not come is not a violation then."""


def standing(timeline: Timeline) -> tuple[Judgement, ...]:
    """Judge the invariants that every scenario gets for free; those with nothing to judge are left out."""
    return tuple(fact.judge(timeline) for fact in STANDING)


def awaited(timeline: Timeline) -> tuple[Judgement, ...]:
    """Judge the states that a scenario awaits because its claim promises them."""
    found = []
    for step in timeline.of(Kind.REACHED, Kind.MISSED):
        if step.data.get("promised"):
            missed = step.kind is Kind.MISSED
            outcome = Outcome.VIOLATED if missed else Outcome.HOLDS
            detail = f"{step.data['last']} after {float(step.data['waited_s']):.0f}s" if missed else ""
            found.append(Judgement(f"reached: {step.data['condition']}", outcome, detail, (step.t_ns,)))
    return tuple(found)


def verdict_of(
    timeline: Timeline, judgements: Sequence[Judgement], error: str = "", findings: Sequence[Finding] = ()
) -> tuple[Verdict, str]:
    """Return the verdict and, where it is no plain answer, the reason.

    A cluster or a harness that went away proves nothing; a fault that was not observed is never a pass; an
    invariant that was broken is a violation all the same, whatever the fault or the test came to. Sources that
    contradict each other never make a verdict better, and take a *holds* away that rests on them.

    Args:
        timeline: the evidence.
        judgements: all outcomes, standing invariants marked as such.
        error: what went wrong in the test itself, empty when nothing did.
        findings: contradictions between the sources.
    """
    lost = timeline.of(Kind.LOST)
    if lost:
        return Verdict.INCONCLUSIVE, str(lost[-1].data["reason"])
    broken = [j for j in judgements if j.standing and j.outcome is Outcome.VIOLATED]
    if broken:
        return Verdict.VIOLATED, error
    failed = [f for f in timeline.faults if f.error]
    if failed:
        return Verdict.NOT_INJECTED, f"{failed[0].name} ({failed[0].target}): {failed[0].error}"
    if error:
        return Verdict.INCONCLUSIVE, error
    own = [j.outcome for j in judgements if not j.standing]
    if not own:
        return Verdict.INCONCLUSIVE, "the test judged nothing"
    verdict = of_outcomes(own)
    reason = ""
    if verdict is Verdict.INCONCLUSIVE:
        first = next(j for j in judgements if j.outcome is Outcome.INCONCLUSIVE and not j.standing)
        reason = f"{first.text}: {first.detail}"
    missed = timeline.of(Kind.MISSED)
    late = node_late_s(timeline) if missed else 0.0
    busy = late > _BUSY_S
    if missed and (
        verdict is not Verdict.VIOLATED or busy or _unready(missed[-1]) or _unwatched(timeline, missed[-1])
    ):
        # A state that the scenario waits for is part of what it promises to look at: without it nothing holds.
        last = missed[-1].data
        verdict = Verdict.INCONCLUSIVE
        told = f", but the node was {late:.1f} s late with the sandbox already" if busy else ""
        reason = f"not reached: {last['condition']} ({last['last']} after {last['waited_s']} s{told})"
    doubts = [f for f in findings if f.unreliable]
    if doubts and verdict is Verdict.HOLDS:
        return Verdict.INCONCLUSIVE, f"the witnesses contradict each other: {doubts[0].text}"
    return verdict, reason


def _unready(missed: Record) -> bool:
    """Tell whether the run never got to what the claim is about: a fault was still to come."""
    return bool(missed.data.get("faults_ahead")) and not missed.data.get("promised")


def _unwatched(timeline: Timeline, missed: Record) -> bool:
    """Tell whether a source was not observing while a step was waited for: what was not seen may have happened."""
    began_ns = missed.t_ns - int(float(missed.data.get("waited_s", 0.0)) * 1e9)
    return bool(
        timeline.gaps_of(Source.STATUS, Source.TRACE, Source.RUNTIME, after_ns=began_ns, until_ns=missed.t_ns)
    )


def judged(
    timeline: Timeline,
    judgements: Sequence[Judgement],
    *,
    test: str,
    scenario_id: str,
    claims: Sequence[Claim],
    evidence: str,
    error: str = "",
) -> Judged:
    """Put a scenario's verdict together.

    Args:
        timeline: the evidence.
        judgements: what the test's own expectations said.
        test: the test's node id.
        scenario_id: the test's stable id.
        claims: the claims that it judges.
        evidence: path of the evidence file, relative to the run's folder.
        error: what went wrong in the test itself.
    """
    gating = any(c.gating for c in claims)
    everything = (*awaited(timeline), *judgements, *(standing(timeline) if gating else ()))
    findings = disagreements(timeline)
    verdict, reason = verdict_of(timeline, everything, error, findings)
    kubelet = release_of(timeline.meta.kubelet_version)
    message = ""
    if verdict is not Verdict.HOLDS:
        lines = [(c.id, c.statement) for c in claims]
        # Several tests may share a recording; the message is about this one.
        told = Timeline(replace(timeline.meta, scenario=scenario_id), timeline.records)
        message = failure_message(told, everything, lines, verdict, f"reports/runs/{timeline.meta.run}/{evidence}")
        if reason:
            message = f"{message}\n  reason    {reason}"
        message += "".join(f"\n  sources   {f.text} ({f.kind})" for f in findings)
    return Judged(
        scenario=scenario_id,
        test=test,
        claims=tuple(c.id for c in claims),
        verdict=verdict,
        judgements=everything,
        reason=reason,
        evidence=evidence,
        wall_s=(timeline.end_ns - timeline.start_ns) / 1e9,
        message=message,
        kubelet=timeline.meta.kubelet_version,
        expected={c.id: c.expected_on(kubelet) for c in claims} if kubelet else {},
        findings=findings,
    )
