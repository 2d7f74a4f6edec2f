from __future__ import annotations

from podvow.timeline.pace import first_start_s, handover_s, late_s
from tests.offline.expect.builder import Story


def test_a_start_is_measured_from_the_creation_to_the_first_sandbox() -> None:
    story = Story()
    story.pod().new_sandbox()
    assert first_start_s(story.timeline()) is not None
    assert first_start_s(Story().timeline()) is None


def test_the_slowest_change_from_one_init_container_to_the_next_counts() -> None:
    story = Story()
    pod = story.pod(inits=("init-1", "init-2", "init-3"))
    pod.new_sandbox().run_init("init-1")
    story.wait(1)
    pod.run_init("init-2", 1)
    story.wait(7)
    # a retry is no change
    pod.restart("init-2").end("init-2", 0)
    story.wait(5)
    pod.run_init("init-3")
    assert 5 <= handover_s(story.timeline()) < 7
    assert 3 <= late_s(story.timeline()) < 5
    assert handover_s(Story().timeline()) == 0


def test_what_comes_after_a_fault_tells_nothing_of_the_pace() -> None:
    story = Story()
    pod = story.pod(inits=("init-1", "init-2"))
    pod.new_sandbox().run_init("init-1")
    story.fault()
    story.wait(9)
    pod.run_init("init-2")
    assert handover_s(story.timeline()) == 0
    assert late_s(story.timeline()) == 0
