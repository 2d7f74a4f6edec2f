"""Whether several runs of the same mutants came to the same matrix. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podvow.mutants.matrix import Told
from podvow.mutants.score import Result
from podvow.verdict import Verdict

_OPPOSITE = {Verdict.HOLDS, Verdict.VIOLATED}


def differences(runs: Sequence[Told]) -> Iterator[str]:
    """Yield in words where runs differ from the first one, and which of them say nothing because they are void.

    Two things must be the same: what became of each mutant, and the verdict of each claim that both runs judged to
    its end. A run stops at the first violation, so it may know what another one does not: that is no difference.

    Args:
        runs: at least one.
    """
    yield from (f"{told.run}: the score is void: {told.score.void}" for told in runs if told.score.void)
    first, *others = ((told.run, {result.id: result for result in told.mutants}) for told in runs)
    run, known = first
    for other, results in others:
        yield from (f"{mutant}: not in {other}" for mutant in known if mutant not in results)
        for mutant, result in results.items():
            if mutant in known:
                yield from _of_mutant(known[mutant], result, other)
            else:
                yield f"{mutant}: not in {run}"


def _of_mutant(one: Result, other: Result, run: str) -> Iterator[str]:
    if one.fate != other.fate:
        yield f"{one.id}: {one.fate}, but {other.fate} in {run}{f' ({other.reason})' if other.reason else ''}"
    for claim in sorted(set(one.claims) & set(other.claims)):
        pair = Verdict(one.claims[claim]), Verdict(other.claims[claim])
        if set(pair) == _OPPOSITE:
            yield f"{one.id}: {claim} is {pair[0]}, but {pair[1]} in {run}"
