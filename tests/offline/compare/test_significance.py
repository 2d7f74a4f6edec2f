"""The tests against published examples, and against properties that every such test has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.compare import significance
from podvow.compare.significance import doubled_ranks, fisher, holm, mann_whitney, wilcoxon

FEW = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=6)
COUNT = st.integers(0, 6)


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((3, 1, 1, 3), 0.4857142857),  # Fisher's own example: the lady tasting tea, two-sided
        ((2, 15, 10, 3), 0.0005367241),  # Fisher's convicts, as R's fisher.test documents them
        ((6, 2, 1, 4), 0.1025641026),  # the example of SciPy's documentation of fisher_exact
        ((0, 2, 2, 0), 1 / 3),  # the most that two runs a side can show
    ],
)
def test_fishers_exact_test_gives_the_published_values(table: tuple[int, int, int, int], p: float) -> None:
    assert fisher(*table) == pytest.approx(p, abs=1e-9)


@given(a=COUNT, b=COUNT, c=COUNT, d=COUNT)
def test_fishers_p_is_a_probability_and_does_not_care_which_side_is_first(a: int, b: int, c: int, d: int) -> None:
    assert 0 < fisher(a, b, c, d) <= 1
    assert fisher(a, b, c, d) == pytest.approx(fisher(c, d, a, b))


def test_mann_whitney_gives_the_published_values() -> None:
    # SciPy's documentation of mannwhitneyu: ages at diagnosis of diabetes, exact
    assert mann_whitney([19, 22, 16, 29, 24], [20, 11, 17, 12]) == pytest.approx(0.1111111111)
    # R's documentation of wilcox.test (Hollander and Wolfe): permeability of membranes, one-sided 0.1272
    term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    assert mann_whitney(term, [1.15, 0.88, 0.90, 0.74, 1.21]) == pytest.approx(0.2544, abs=1e-4)


def test_wilcoxon_gives_the_published_values() -> None:
    # Hollander and Wolfe's depression scores, as R's wilcox.test documents them: V = 40
    first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    assert wilcoxon([x - y for x, y in zip(first, second, strict=True)]) == pytest.approx(0.0390625)
    # Darwin's plants, as SciPy's documentation of wilcoxon has them
    plants = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
    assert wilcoxon(plants) == pytest.approx(0.041259765625)


def test_holms_correction_gives_what_is_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_equal_values_share_their_rank() -> None:
    assert doubled_ranks([7, 3, 7, 1]) == [7, 4, 7, 2]


def _counted_mann_whitney(xs: Sequence[float], ys: Sequence[float]) -> float:
    ranks = doubled_ranks([*xs, *ys])
    mean = len(xs) * (len(ranks) + 1)
    far = abs(sum(ranks[: len(xs)]) - mean)
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(xs))]
    return sum(abs(total - mean) >= far for total in sums) / len(sums)


@given(xs=FEW, ys=FEW)
def test_mann_whitney_equals_counting_every_way_to_deal_the_values_out(xs: list[float], ys: list[float]) -> None:
    assert mann_whitney(xs, ys) == pytest.approx(_counted_mann_whitney(xs, ys))
    assert mann_whitney(xs, ys) == pytest.approx(mann_whitney(ys, xs))


@given(differences=FEW)
def test_wilcoxon_equals_counting_every_choice_of_signs(differences: list[float]) -> None:
    told = [d for d in differences if d]
    ranks = doubled_ranks([abs(d) for d in told])
    far = abs(sum(r if d > 0 else -r for r, d in zip(ranks, told, strict=True)))
    signed = [
        sum(s * r for s, r in zip(signs, ranks, strict=True))
        for signs in itertools.product((-1, 1), repeat=len(told))
    ]
    assert wilcoxon(differences) == pytest.approx(sum(abs(total) >= far for total in signed) / len(signed))


def test_the_normal_approximation_goes_on_where_counting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [*range(1, 31), *range(-14, 0)]
    sides = range(20), range(6, 26)
    counted = wilcoxon(pairs), mann_whitney(*sides)
    monkeypatch.setattr(significance, "_EXACT", 0)
    assert (wilcoxon(pairs), mann_whitney(*sides)) == pytest.approx(counted, abs=0.002)
    assert wilcoxon([1.0] * 100) < 1e-9
    assert wilcoxon([0.0] * 100) == 1.0
    assert mann_whitney([1.0] * 40, [1.0] * 40) == 1.0


@given(ps=st.lists(st.floats(0, 1), max_size=8))
def test_a_corrected_p_is_never_smaller_and_keeps_the_order(ps: list[float]) -> None:
    corrected = holm(ps)
    assert all(p <= c <= 1 for p, c in zip(ps, corrected, strict=True))
    ordered = [c for _, c in sorted(zip(ps, corrected, strict=True))]
    assert ordered == sorted(ordered)
