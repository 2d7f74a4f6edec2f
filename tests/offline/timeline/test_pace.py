from __future__ import annotations

from podvow.timeline.pace import first_start_s
from tests.offline.expect.builder import Story


def test_a_start_is_measured_from_the_creation_to_the_first_sandbox() -> None:
    story = Story()
    story.pod().new_sandbox()
    assert first_start_s(story.timeline()) is not None
    assert first_start_s(Story().timeline()) is None
