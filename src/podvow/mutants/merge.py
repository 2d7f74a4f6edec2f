"""What several places (clusters, or workers of one) found out, as one result. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from podvow.claims import Register
from podvow.mutants.definition import Definition
from podvow.mutants.matrix import Told
from podvow.mutants.score import Fate, Result, Score, score_of
from podvow.verdict import Verdict, of_scenarios

_WORST = (Fate.RED, Fate.CRASHED, Fate.INCONCLUSIVE, Fate.NOT_BUILT, Fate.GREEN)
"""A control is as bad as in the place where it was worst."""


def merged(
    parts: Mapping[str, Told],
    lost: Mapping[str, str],
    mutants: Sequence[Definition],
    *,
    register: Register,
    run: str,
    started: str,
    wall_s: float,
) -> Told:
    """Return one result.

    Args:
        parts: what each place found out so far, by its name.
        lost: places that did not come to their end, and why. What none of the others tells of is open then.
        mutants: what was to be run, in order.
        register: the claims.
        run: id of the whole run.
        started: when it was, ISO 8601.
        wall_s: how long it took, in seconds.
    """
    found: defaultdict[str, dict[str, Result]] = defaultdict(dict)
    for cluster, told in parts.items():
        for result in told.mutants:
            found[result.id][cluster] = result
    results = []
    for definition in mutants:
        if definition.id in found:
            results.append(_one(found[definition.id]))
        elif lost:
            why = "; ".join(f"{cluster}: {reason}" for cluster, reason in lost.items())
            results.append(_open(definition, why))
    counted = score_of(results, (), register)
    void = [f"{cluster}: {told.score.void}" for cluster, told in parts.items() if told.score.void]
    void += [f"{cluster}: {reason}" for cluster, reason in lost.items()]
    odd = {scenario for told in parts.values() for scenario in told.baseline["not_as_expected"]}
    return Told(
        run=run,
        started=started,
        node=_listed(told.node for told in parts.values()),
        version=_listed(told.version for told in parts.values()),
        kubelets=tuple(dict.fromkeys(digest for told in parts.values() for digest in told.kubelets)),
        baseline={
            "scenarios": sum(int(told.baseline["scenarios"]) for told in parts.values()),
            "not_as_expected": sorted(odd),
        },
        score=Score(counted.killed, counted.counted, "; ".join(void)),
        mutants=tuple(results),
        wall_s=round(wall_s, 1),
        leaks=tuple(dict.fromkeys(leak for told in parts.values() for leak in told.leaks)),
    )


def joined(runs: Sequence[Told], mutants: Sequence[Definition], *, register: Register) -> Told:
    """Return several runs as one: each tried some of the mutants, one after the other or side by side.

    Of a mutant that was tried again (once its definition or an expectation had been mended) the last result counts,
    and says what it was before.

    Args:
        runs: what they found out, in the order in which they were made.
        mutants: definitions, for the order; a result without one is left out.
        register: the claims.
    """
    last = {result.id: told.run for told in runs for result in told.mutants}
    before: defaultdict[str, list[str]] = defaultdict(list)
    parts = []
    for told in runs:
        counted = []
        for result in told.mutants:
            if result.control:
                counted.append(result)
            elif last[result.id] == told.run:
                reasons = [result.reason, *before[result.id]]
                counted.append(replace(result, reason="; ".join(filter(None, reasons))))
            else:
                before[result.id].append(f"{result.fate} in {told.run}")
        parts.append(replace(told, mutants=tuple(counted)))
    return merged(
        {told.run: told for told in parts},
        {},
        mutants,
        register=register,
        run=_listed(told.run for told in runs),
        started=min(told.started for told in runs),
        wall_s=sum(told.wall_s for told in runs),
    )


def _one(results: Mapping[str, Result]) -> Result:
    """Return the result of a mutant; only a control has several, for it is judged in every place."""
    if len(results) == 1:
        return next(iter(results.values()))
    worst = min(results.values(), key=lambda result: _rank(result.fate))
    verdicts: defaultdict[str, list[Verdict]] = defaultdict(list)
    for result in results.values():
        for claim, verdict in result.claims.items():
            verdicts[claim].append(Verdict(verdict))
    return replace(
        worst,
        reason="; ".join(f"{cluster}: {result.reason}" for cluster, result in results.items() if result.reason),
        claims={claim: str(of_scenarios(each)) for claim, each in sorted(verdicts.items())},
        scenarios=sum(result.scenarios for result in results.values()),
        wall_s=max(result.wall_s for result in results.values()),
        runs=tuple(run for result in results.values() for run in result.runs),
    )


def _rank(fate: Fate) -> int:
    return _WORST.index(fate) if fate in _WORST else len(_WORST)


def _open(definition: Definition, why: str) -> Result:
    return Result(
        definition.id,
        definition.title,
        definition.control,
        Fate.INCONCLUSIVE,
        f"it was not run: {why}",
        target=definition.target.value,
    )


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(part for text in texts for part in text.split(", ") if part))
