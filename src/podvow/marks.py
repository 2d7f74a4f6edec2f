"""What a suite imports: the two marks of a test and the timeline that it judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from podvow.expect.base import Expectation, judge_all
from podvow.scenario.model import Scenario
from podvow.scenario.table import cases_of
from podvow.timeline import Timeline
from podvow.verdict import Judgement, Outcome

_Test = TypeVar("_Test", bound=Callable[..., None])


class NotHeldError(AssertionError):
    """An expectation does not hold; the plugin makes the message."""


class Trial(Timeline):
    """A finished timeline under judgement.

    Attributes:
        judgements: what the expectations said so far.
    """

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline.meta, timeline.records)
        self.judgements: list[Judgement] = []

    def must(self, *expectations: Expectation) -> None:
        """Judge all the expectations, then raise once if one does not hold.

        Raises:
            NotHeldError: at least one is violated or inconclusive.
        """
        judged = judge_all(self, expectations)
        self.judgements.extend(judged)
        if any(j.outcome is not Outcome.HOLDS for j in judged):
            raise NotHeldError


def claim(*ids: str) -> pytest.MarkDecorator:
    """Name the claims of the register that a test judges."""
    return pytest.mark.claim(*ids)


def table(name: str) -> pytest.MarkDecorator:
    """Make a test out of each request of a table (`fixtures/requests/`); the test takes it as `case`."""
    return pytest.mark.parametrize("case", cases_of(name), ids=lambda case: case.name)


@dataclass(frozen=True)
class scenario(Scenario):  # noqa: N801 - reads as the decorator that it is
    """A scenario that marks the test it decorates; several tests may share one, and then share one recording."""

    def __call__(self, test: _Test) -> _Test:
        """Mark a test with this scenario."""
        mark: Any = pytest.mark.scenario(self)
        marked: _Test = mark(test)
        return marked
