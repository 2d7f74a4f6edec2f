"""The three tests of a comparison, exact where the numbers are small, and Holm's correction for many of them.

Own code (docs/decisions/0011-compare.md): every function is checked against published examples in the tests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

_EXACT = 50
"""Up to so many values the distribution is counted out; above it the normal approximation serves."""


def fisher(bad_a: int, good_a: int, bad_b: int, good_b: int) -> float:
    """Return the two-sided p-value of Fisher's exact test: all tables at most as likely as the one that was seen.

    Args:
        bad_a: violations on one side.
        good_a: runs without on that side.
        bad_b: violations on the other side.
        good_b: runs without on the other side.
    """
    n_a, n_b, bad = bad_a + good_a, bad_b + good_b, bad_a + bad_b
    # Whole numbers: equally likely tables are equal, without a tolerance.
    ways = [math.comb(n_a, k) * math.comb(n_b, bad - k) for k in range(max(0, bad - n_b), min(n_a, bad) + 1)]
    seen = math.comb(n_a, bad_a) * math.comb(n_b, bad_b)
    return sum(w for w in ways if w <= seen) / sum(ways)


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Return twice the rank of each value; equal values share the mean of their ranks, so the double is whole."""
    count = Counter(values)
    ordered = sorted(count)
    last = dict(zip(ordered, accumulate(count[value] for value in ordered), strict=True))
    return [2 * last[value] - count[value] + 1 for value in values]


def mann_whitney(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the two-sided p-value of the Mann-Whitney U test, ties included.

    Args:
        xs: durations of one side.
        ys: durations of the other side, independent of the first.
    """
    ranks = doubled_ranks([*xs, *ys])
    n, size = len(xs), len(ranks)
    if not n or n == size:
        return 1.0
    seen, mean = sum(ranks[:n]), n * sum(ranks) / size
    if size > _EXACT:
        spread = sum((r - sum(ranks) / size) ** 2 for r in ranks)
        return _normal(abs(seen - mean), n * (size - n) * spread / (size * (size - 1)))
    # sums[k][s]: in how many ways k of the ranks add up to s
    sums: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in range(n))]
    for rank in ranks:
        for k in range(n, 0, -1):
            for total, ways in sums[k - 1].items():
                sums[k][total + rank] += ways
    return _tail(sums[n], seen, mean)


def wilcoxon(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; differences of zero are left out.

    Args:
        differences: of pairs.
    """
    told = [d for d in differences if d]
    ranks = doubled_ranks([abs(d) for d in told])
    seen, mean = sum(r for r, d in zip(ranks, told, strict=True) if d > 0), sum(ranks) / 2
    if len(told) > _EXACT:
        return _normal(abs(seen - mean), sum(r * r for r in ranks) / 4)
    sums = Counter({0: 1})
    for rank in ranks:
        added = Counter({total + rank: ways for total, ways in sums.items()})
        sums += added
    return _tail(sums, seen, mean)


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method: the chance of one false alarm among all of them stays bounded."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected = list(accumulate((min(1.0, (len(ps) - n) * ps[i]) for n, i in enumerate(order)), max))
    found = dict(zip(order, corrected, strict=True))
    return [found[i] for i in range(len(ps))]


def _tail(sums: Counter[int], seen: int, mean: float) -> float:
    """Return the share of sums at least as far from the mean as the one that was seen; the sums are symmetric."""
    far = abs(seen - mean)
    return min(1.0, sum(ways for total, ways in sums.items() if abs(total - mean) >= far) / sums.total())


def _normal(distance: float, variance: float) -> float:
    """Return both tails of the normal distribution, with half a rank (of doubled ranks: one) for continuity."""
    if variance <= 0:
        return 1.0
    return min(1.0, 2 * NormalDist().cdf(-max(0.0, distance - 1) / math.sqrt(variance)))
