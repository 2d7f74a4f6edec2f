from __future__ import annotations

from podvow.timeline.pace import first_start_s, late_s
from tests.offline.expect.builder import S, Story, with_event


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
    assert 3 <= late_s(story.timeline()) < 5
    assert late_s(Story().timeline()) == 0


def test_what_comes_after_a_fault_tells_nothing_of_the_pace() -> None:
    story = Story()
    pod = story.pod(inits=("init-1", "init-2"))
    pod.new_sandbox().run_init("init-1")
    story.fault()
    story.wait(9)
    pod.run_init("init-2")
    assert late_s(story.timeline()) == 0


def test_a_runtime_that_tells_late_of_an_end_is_late() -> None:
    story = Story()
    pod = story.pod(inits=("init-1",)).new_sandbox().start("init-1")
    pod.end("init-1", 1, seen=False)
    assert late_s(story.timeline()) == 0
    story.wait(3)
    pod.end("init-1", 1, last_line=False)
    assert 2.0 < late_s(story.timeline()) < 2.1


def test_a_runtime_that_starts_late_what_the_kubelet_has_created_is_late() -> None:
    story = Story()
    pod = story.pod(inits=("init-1",)).new_sandbox().run_init("init-1", 1)
    created_ns = story.now
    story.wait(7)
    pod.restart("init-1")
    plain = story.timeline()
    assert late_s(with_event(plain, created_ns, "Pulled", container="init-1")) == 0
    timeline = with_event(plain, created_ns, "Created", container="init-1")
    # the event is stamped to the second
    assert 5 < late_s(timeline) < 7
    assert late_s(with_event(timeline, created_ns, "Failed", container="init-1")) == 0


def test_what_the_runtime_needs_between_two_runs_is_added_up() -> None:
    story = Story()
    pod = story.pod(inits=("init-1",)).new_sandbox().start("init-1")
    pod.end("init-1", 1, seen=False)
    story.wait(2)
    pod.end("init-1", 1, last_line=False)
    created_ns = story.now
    story.wait(3)
    pod.restart("init-1")
    assert 3 < late_s(with_event(story.timeline(), created_ns, "Created", container="init-1")) < 5


def test_a_container_whose_creation_was_not_told_is_not_measured_by_that_of_its_run_before() -> None:
    story = Story()
    pod = story.pod(inits=("init-1",)).new_sandbox()
    created_ns = story.now
    pod.run_init("init-1", 1)
    story.wait(10)
    pod.restart("init-1")
    assert late_s(with_event(story.timeline(), created_ns, "Created", container="init-1")) == 0


def test_what_the_runtime_does_after_a_fault_tells_nothing_of_the_pace() -> None:
    story = Story()
    pod = story.pod(inits=("init-1",)).new_sandbox().start("init-1")
    story.fault().wait(0.1)
    pod.end("init-1", 1, seen=False)
    story.wait(5)
    pod.end("init-1", 1, last_line=False)
    assert late_s(story.timeline()) == 0


def test_only_what_was_late_at_the_time_that_is_asked_for_counts() -> None:
    story = Story()
    pod = story.pod(inits=("init-1", "init-2", "init-3"))
    pod.new_sandbox().run_init("init-1")
    ended_ns = story.now
    story.wait(7)
    pod.run_init("init-2")
    began_ns = story.now
    pod.run_init("init-3")
    timeline = story.wait(60).timeline()
    assert 5 < late_s(timeline, until_ns=ended_ns) < 6
    assert 5 < late_s(timeline, since_ns=began_ns - 2 * S, until_ns=began_ns) < 6
    assert late_s(timeline, until_ns=ended_ns - S) == 0
    assert late_s(timeline, since_ns=began_ns + S) == 0
