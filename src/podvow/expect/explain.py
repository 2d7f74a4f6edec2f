"""The failure message: verdict first, what was promised, what was seen, the offending records, how to reproduce."""

from __future__ import annotations

from collections.abc import Sequence

from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from podvow.timeline.render import Line, lines_of
from podvow.verdict import Judgement, Outcome, Verdict

_WIDTH = 100
_CONTEXT = 3
_MOST_LINES = 60
_LOUD = {Outcome.VIOLATED: "VIOLATED"}
_PIVOTS = frozenset({"-- fault:", "-- not rea", "-- fault f", "-- gap: "})


def failure_message(
    timeline: Timeline,
    judgements: Sequence[Judgement],
    claim_lines: Sequence[tuple[str, str]],
    verdict: Verdict,
    replay_path: str,
) -> str:
    """Tell a person why a scenario does not hold.

    Args:
        timeline: the evidence.
        judgements: outcomes of all expectations.
        claim_lines: id and statement of each claim that the scenario judges.
        verdict: the scenario's verdict.
        replay_path: the evidence file as the reader can name it.

    Returns:
        The message, many lines.
    """
    text = _header(timeline, claim_lines, verdict)
    text += ["", *_judged(judgements), "", *_excerpt(timeline, judgements), ""]
    text += _footer(timeline, replay_path)
    return "\n".join(text)


def _header(timeline: Timeline, claim_lines: Sequence[tuple[str, str]], verdict: Verdict) -> list[str]:
    meta = timeline.meta
    word = verdict.upper()
    lines = [f"{meta.scenario} {word:>{max(_WIDTH - len(meta.scenario) - 1, len(word))}}"]
    lines += [f'  "{statement}"  {claim}' for claim, statement in claim_lines]
    backoff = [meta.windows.get(name) for name in ("backoff_initial", "backoff_max")]
    profile = f"  back-off {backoff[0]:g}s..{backoff[1]:g}s" if backoff[0] and backoff[1] else ""
    about = [
        f"pod   {meta.pod or meta.fixture or '-'}",
        f"node {meta.node or '-'}",
        f"kubelet {meta.kubelet_version or '-'}",
        f"server {meta.server_version or '-'}",
    ]
    lines.append(f"  {'  '.join(about)}{profile}")
    for fault in timeline.faults:
        told = f"  fault {fault.name}({fault.target}) at +{timeline.at_s(fault.begin.t_ns):.3f}s"
        facts = ", ".join(f"{key} {value}" for key, value in fault.facts.items())
        if fault.error:
            told += f", NOT INJECTED: {fault.error}"
        elif fault.done:
            told += f", took place by +{timeline.at_s(fault.done.t_ns):.3f}s"
        lines.append(f"{told}{f' ({facts})' if facts else ''}")
    return lines


def _judged(judgements: Sequence[Judgement]) -> list[str]:
    own = [j for j in judgements if not j.standing or j.outcome is not Outcome.HOLDS]
    width = min(max((len(j.text) for j in own), default=0), 64)
    lines = []
    for judgement in own:
        word = _LOUD.get(judgement.outcome, str(judgement.outcome))
        lines.append(f"  {word:<12}  {judgement.text:<{width}}  {judgement.detail}".rstrip())
    quiet = sum(j.standing and j.outcome is Outcome.HOLDS for j in judgements)
    if quiet:
        lines.append(f"  {'holds':<12}  {quiet} standing invariants")
    return lines


def _excerpt(timeline: Timeline, judgements: Sequence[Judgement]) -> list[str]:
    """Return the lines around what decided: offending records, faults, what was missed, gaps."""
    marks = {t for j in judgements if j.outcome is not Outcome.HOLDS for t in j.at_ns}
    lines = lines_of(timeline)
    near: set[int] = set()
    for number, line in enumerate(lines):
        if _decides(line, marks):
            near.update(range(max(0, number - _CONTEXT), min(len(lines), number + _CONTEXT + 1)))
    # runs tell the story even where nothing was violated
    near.update(n for n, line in enumerate(lines) if "#" in line.text and line.text.endswith("started"))
    chosen = sorted(near)[:_MOST_LINES]
    told: list[str] = []
    previous = -1
    for number in chosen:
        if number > previous + 1:
            told.append("     ...")
        told.append(lines[number].shown(timeline.start_ns, marks))
        previous = number
    if chosen and (previous < len(lines) - 1 or len(near) > len(chosen)):
        told.append("     ...")
    return told


def _decides(line: Line, marks: set[int]) -> bool:
    return any(t in marks for t in line.moments) or any(line.text.startswith(pivot) for pivot in _PIVOTS)


def _footer(timeline: Timeline, replay_path: str) -> list[str]:
    gaps = timeline.gaps
    told = [f"  gap       {gap.source} +{timeline.at_s(gap.from_ns):.3f}s.. ({gap.reason})" for gap in gaps]
    told += [f"  lost      {lost.data.get('reason', '')}" for lost in timeline.of(Kind.LOST)]
    sources = ", ".join(timeline.meta.sources) or "none"
    told.append(
        f"  evidence  {replay_path}   {len(timeline.records)} records, {len(gaps)} gaps, sources: {sources}"
    )
    told.append(f"  replay    podvow replay '{replay_path}'")
    return told
