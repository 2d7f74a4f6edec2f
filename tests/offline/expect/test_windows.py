"""When lateness is a violation, and when the cluster was too busy to tell."""

from __future__ import annotations

import pytest

from podvow.expect import windows
from podvow.verdict import Outcome
from tests.offline.expect.builder import S, Story
from tests.offline.expect.table import steady


@pytest.mark.parametrize(
    ("cluster_late_s", "took_s", "outcome"),
    [
        (0.0, 7.1, Outcome.VIOLATED),
        (1.0, 8.9, Outcome.INCONCLUSIVE),
        (1.0, 9.1, Outcome.VIOLATED),
        (5.0, 60.0, Outcome.VIOLATED),
    ],
)
def test_a_cluster_that_is_late_with_everything_is_not_late_with_all_by_the_same(
    cluster_late_s: float, took_s: float, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "late_s", lambda _, **__: cluster_late_s)
    found = windows.too_late(steady()[0].timeline(), "a gap", took_s=took_s, allowed_s=7.0)
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("after_s", "outcome"), [(10, Outcome.INCONCLUSIVE), (34, Outcome.INCONCLUSIVE), (40, Outcome.VIOLATED)]
)
def test_a_crowd_excuses_only_what_was_late_soon_after_it(after_s: float, outcome: Outcome) -> None:
    story = Story()
    pod = story.pod(inits=("init-1",))
    story.wait(9)
    pod.new_sandbox()
    up_ns = story.now
    timeline = story.wait(90).timeline()
    found = windows.too_late(timeline, "a gap", took_s=12.0, allowed_s=7.0, at_ns=up_ns + round(after_s * S))
    assert found.outcome is outcome


def test_what_never_came_is_excused_by_whatever_was_late() -> None:
    story = Story()
    pod = story.pod(inits=("init-1",))
    story.wait(9)
    pod.new_sandbox()
    found = windows.too_late(story.wait(90).timeline(), "a gap", took_s=12.0, allowed_s=7.0)
    assert found.outcome is Outcome.INCONCLUSIVE
