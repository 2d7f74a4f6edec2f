"""Exit codes and lines of a matrix, without any process."""

from __future__ import annotations

import pytest

from podvow.errors import ExitCode
from podvow.matrix.table import NONE, WORST_FIRST, Line, worst


def test_every_exit_code_has_its_place_in_the_order() -> None:
    assert set(WORST_FIRST) == set(ExitCode)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 0], ExitCode.OK),
        ([0, 4], ExitCode.INCONCLUSIVE),
        ([4, 2], ExitCode.USAGE),
        ([3, 4], ExitCode.CLUSTER),
        ([3, 1], ExitCode.VIOLATED),
        ([1, 5, 3], ExitCode.LEAK),
        ([0, -9], ExitCode.CLUSTER),
        ([0, 130], ExitCode.CLUSTER),
        ([-9, 1], ExitCode.VIOLATED),
        ([], ExitCode.CLUSTER),
    ],
)
def test_the_worst_run_decides(codes: list[int], expected: ExitCode) -> None:
    assert worst(codes) is expected


@pytest.mark.parametrize(
    ("verdicts", "differs", "is_open"),
    [
        (("holds", "holds"), False, False),
        (("holds", "violated"), True, True),
        (("violated", "violated"), False, True),
        (("holds", NONE), False, False),
        (("holds", "conflict", NONE), True, False),
    ],
)
def test_a_line_differs_only_between_clusters_that_judged_it(
    verdicts: tuple[str, ...], *, differs: bool, is_open: bool
) -> None:
    line = Line("a.b.c", verdicts)
    assert (line.differs, line.open) == (differs, is_open)
