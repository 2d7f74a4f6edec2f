"""What a sampler wrote: which of its requests were answered (fixtures/survivors/sampler.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from podvow.errors import UsageError

Word = Literal["ok", "fail", "closed"]
_WORDS = frozenset({"ok", "fail", "closed"})
_CLOCK, _SAMPLE = 3, 6


@dataclass(frozen=True)
class Sample:
    """One line.

    Attributes:
        at_s: when the request (for `ok`: the last one) was begun, in seconds since the epoch.
        connection: `new` or `reused`.
        word: what happened.
        count: to how many requests.
        slowest_ms: how long the slowest of them took, in milliseconds.
    """

    at_s: float
    connection: str
    word: Word
    count: int
    slowest_ms: int


def parse(lines: Iterable[str], *, where: str) -> list[Sample]:
    """Return the samples of a sampler's log, by connection as they were written.

    Args:
        lines: the log; each life of the sampler begins with its clock.
        where: the file, for errors.

    Raises:
        UsageError: a line is none of a sampler.
    """
    offset_s: float | None = None
    found = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        try:
            if len(words) == _CLOCK and words[0] == "clock":
                offset_s = float(words[2]) - float(words[1])
            elif words:
                found.append(_sample(words, offset_s))
        except ValueError as error:
            raise UsageError(f"{where}:{number}: no line of a sampler: {line[:80]!r}") from error
    return found


def _sample(words: Sequence[str], offset_s: float | None) -> Sample:
    if len(words) != _SAMPLE or words[0] != "sample" or words[3] not in _WORDS or offset_s is None:
        raise ValueError(words)
    at_s = round(offset_s + float(words[1]), 2)
    return Sample(at_s, words[2], cast("Word", words[3]), int(words[4]), int(words[5]))
