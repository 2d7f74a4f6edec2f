"""Examples of the facts about order, runs and timing."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    exited_with,
    gaps_followed_curve,
    kept_running,
    never_overlapped,
    never_ran,
    new_container,
    not_rerun,
    not_restarted,
    overlapped,
    phase_reached_within,
    ran,
    ran_in_order,
    reran_in_order,
    restarted,
    restarted_within,
    started_only_after,
)
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.expect.builder import Story, busy, disconnected, gapped, without
from tests.offline.expect.table import Case, Cases, lost_sandbox, patched, quiet, reinitialised, steady

ORDER = ("init-1", "init-2", "app")


def healthy() -> Timeline:
    return quiet(steady()[0])


def together() -> Timeline:
    """Tell of a kubelet that starts both inits at once."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().start("init-1").start("init-2")
    story.wait(1)
    pod.end("init-1").end("init-2").start_apps()
    return quiet(story)


def eager_app() -> Timeline:
    """Tell of an app that does not wait for init-2."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1").start("init-2").start("app")
    story.wait(1)
    pod.end("init-2")
    return quiet(story)


def failing(code: int = 1, policy: str = "Never") -> Timeline:
    """Tell of an init that fails once and for all."""
    story = Story()
    pod = story.pod(policy=policy)
    pod.new_sandbox().run_init("init-1", code)
    return quiet(pod.finish("Failed").story)


def rerun(image_patch: bool = True) -> Timeline:  # noqa: FBT001, FBT002 (two stories in one)
    """Tell of a kubelet that runs init-1 again because its image was patched, or for no reason."""
    story, pod = patched() if image_patch else steady()
    if not image_patch:
        story.fault("kill", "app")
        pod.kill("app").restart("app")
    pod.run_init("init-1")
    return quiet(story)


def app_killed(times: int = 1) -> Timeline:
    """Tell of an app that is killed and restarted in place."""
    story, pod = steady()
    story.fault("kill", "app")
    for _ in range(times):
        pod.kill("app").restart("app")
    return story.reach().timeline()


def app_stays_down() -> Timeline:
    story, pod = steady()
    story.fault("kill", "app")
    pod.kill("app")
    return story.reach("app exited").hold().timeline()


def reinit_skips_second() -> Timeline:
    """Tell of the oldest bug of all: only the first init runs again; the status of the other one is stale."""
    story, pod = lost_sandbox()
    pod.initialise(inits=("init-1",))
    return story.reach().timeline()


def reinit_parallel() -> Timeline:
    story, pod = lost_sandbox()
    pod.new_sandbox().snap().start("init-1").start("init-2")
    story.wait(1)
    pod.end("init-1").end("init-2").start_apps()
    return story.reach().timeline()


def reinit_twice() -> Timeline:
    story, pod = lost_sandbox()
    pod.initialise(inits=("init-1", "init-1", "init-2"))
    return story.reach().timeline()


def reinit_fails() -> Timeline:
    story, pod = lost_sandbox()
    pod.new_sandbox().run_init("init-1", 3).run_init("init-2")
    return story.reach().timeline()


def ghost_rerun() -> Timeline:
    """Tell of a rerun that the status alone shows, under the old container id (a stale record)."""
    story, pod = lost_sandbox()
    pod.new_sandbox().snap()
    for name in pod.inits:
        pod.all[name].runs = 0
        pod.run_init(name)
    pod.start_apps()
    return without(story.reach().timeline(), lambda r: r.source is Source.TRACE)


def two_apps(*, parallel: bool) -> Timeline:
    story = Story()
    pod = story.pod(apps=("app-a", "app-b"))
    pod.new_sandbox().run_init("init-1").run_init("init-2").start("app-a")
    if not parallel:
        pod.end("app-a")
    pod.start("app-b")
    return quiet(story)


def crashing(*gaps_s: float, kubelet: str = "v1.37.2", windows: bool = True) -> Timeline:
    """Tell of an init that fails again and again, with given pauses."""
    story = Story(kubelet=kubelet) if windows else Story(kubelet=kubelet, windows={})
    pod = story.pod()
    pod.new_sandbox().run_init("init-1", 1)
    for gap_s in gaps_s:
        pod.await_restart("init-1")
        story.wait(gap_s - 0.2)
        pod.start("init-1")
        story.wait(1)
        pod.end("init-1", 1)
    return story.timeline()


def stuck() -> Timeline:
    """Tell of an init that fails once more and is then left alone for too long."""
    timeline = crashing(0.3)
    story = Story()
    story.records, story.now = list(timeline.records), timeline.end_ns
    return story.wait(60).reach("patience ended", control=False).timeline()


def late_restart() -> Timeline:
    story, pod = steady()
    story.fault("kill", "app")
    pod.kill("app")
    story.wait(12)
    pod.restart("app")
    return story.reach().timeline()


def slow_reinit() -> Timeline:
    story, pod = lost_sandbox()
    story.wait(20)
    pod.initialise()
    return story.reach().timeline()


def app_stays_down_briefly() -> Timeline:
    story, pod = steady()
    story.fault("kill", "app")
    return pod.kill("app").story.timeline()


def trace_alone(timeline: Timeline) -> Timeline:
    return disconnected(timeline, Source.RUNTIME, Source.STATUS)


def killed_and_passed(*, retried: bool = False) -> Timeline:
    """Tell of init-2, killed; then init-2 once more, or the app all the same."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1").start("init-2").kill("init-2")
    if retried:
        pod.restart("init-2").end("init-2")
    return quiet(pod.start_apps().story)


def reinit_killed() -> Timeline:
    story, pod = lost_sandbox()
    pod.new_sandbox().start("init-1").kill("init-1").run_init("init-2").start_apps()
    return story.reach().timeline()


def last_reinit_failed() -> Timeline:
    story, pod = lost_sandbox()
    pod.new_sandbox().run_init("init-1").run_init("init-2", 3)
    return story.reach().timeline()


def together_for_an_instant() -> Timeline:
    """Tell of two inits that the status shows together, within less than the second that its stamps tell."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox()
    story.now = (story.now // 1_000_000_000 + 1) * 1_000_000_000
    pod.start("init-1").start("init-2").end("init-1").end("init-2").start_apps()
    return quiet(story)


def without_end(timeline: Timeline) -> Timeline:
    """Take the end of the observation away."""
    return without(timeline, lambda r: r.kind is Kind.HOLD_END)


def without_control(timeline: Timeline) -> Timeline:
    """Take the positive control away."""
    return without(timeline, lambda r: r.kind is Kind.REACHED)


def trace_only(timeline: Timeline) -> Timeline:
    return disconnected(timeline, Source.RUNTIME)


def status_only(timeline: Timeline) -> Timeline:
    return disconnected(timeline, Source.RUNTIME, Source.TRACE)


def never_started() -> Timeline:
    """Tell of a Pod whose inits ran and whose app did not."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1").run_init("init-2")
    return story.timeline()


def killed_by_the_next_fault() -> Timeline:
    story, pod = patched()
    story.reach().hold().fault("kill", "app")
    pod.kill("app").restart("app")
    return story.timeline()


QUIET = quiet(patched()[0])
BACKOFF = (0.3, 10.4, 20.5)
NOMINAL = (0, 10, 20)

CASES: Cases = {
    "ran_in_order": Case(
        accept=[
            (ran_in_order(*ORDER), healthy()),
            (ran_in_order(*ORDER), trace_only(healthy())),
            (ran_in_order(*ORDER), disconnected(healthy(), Source.TRACE)),
            (ran_in_order(*ORDER, after=FAULT), reinitialised()),
        ],
        reject=[
            (ran_in_order(*ORDER), together()),
            (ran_in_order(*ORDER), eager_app()),
            (ran_in_order(*ORDER), killed_and_passed()),
            (ran_in_order("init-1", "init-2"), failing()),
            (ran_in_order("init-2", "init-1"), healthy()),
            (ran_in_order(*ORDER, after=FAULT), reinit_skips_second()),
            (ran_in_order(*ORDER), never_started()),
        ],
        open=[
            (ran_in_order(*ORDER), gapped(never_started())),
            (ran_in_order(*ORDER), trace_alone(killed_and_passed())),
            (ran_in_order(*ORDER), trace_alone(killed_and_passed(retried=True))),
            (ran_in_order(*ORDER), status_only(never_started())),
            (ran_in_order(*ORDER, after=FAULT), healthy()),
        ],
    ),
    "never_overlapped": Case(
        accept=[
            (never_overlapped(*ORDER), healthy()),
            (never_overlapped("init-1", "init-2"), trace_only(healthy())),
        ],
        reject=[
            (never_overlapped("init-1", "init-2"), together()),
            (never_overlapped("init-2", "app"), trace_only(eager_app())),
            (never_overlapped("init-1", "init-2"), status_only(together())),
            (never_overlapped("init-1", "init-2"), status_only(together_for_an_instant())),
        ],
        open=[
            (never_overlapped(*ORDER), gapped(healthy())),
            (never_overlapped("init-1", "nobody"), healthy()),
            (never_overlapped("init-1", "init-2"), status_only(healthy())),
        ],
    ),
    "started_only_after": Case(
        accept=[
            (started_only_after("app", "init-1", "init-2"), healthy()),
            (started_only_after("app", "init-1", "init-2", after=FAULT), reinitialised()),
        ],
        reject=[
            (started_only_after("app", "init-1", "init-2"), eager_app()),
            (started_only_after("app", "init-2", after=FAULT), reinit_skips_second()),
            (started_only_after("app", "init-1"), never_started()),
        ],
        open=[
            (started_only_after("app", "init-1"), gapped(never_started())),
            (started_only_after("app", "init-2"), trace_alone(killed_and_passed())),
            (started_only_after("app", "init-2"), status_only(never_started())),
        ],
    ),
    "overlapped": Case(
        accept=[
            (overlapped("app-a", "app-b"), two_apps(parallel=True)),
            (overlapped("app-a", "app-b"), status_only(two_apps(parallel=True))),
            (overlapped("app-a", "app-b"), disconnected(two_apps(parallel=True), Source.STATUS)),
        ],
        reject=[
            (overlapped("app-a", "app-b"), two_apps(parallel=False)),
            (overlapped("init-1", "app"), healthy()),
        ],
        open=[
            (overlapped("app-a", "app-b"), disconnected(two_apps(parallel=True), Source.STATUS, Source.RUNTIME)),
            (overlapped("init-1", "app"), gapped(without(never_started(), lambda r: r.container == "app"))),
        ],
    ),
    "ran": Case(
        accept=[
            (ran("init-1"), healthy()),
            (ran("init-1", times=1), healthy()),
            (ran("init-1", times=1, after=FAULT), reinitialised()),
            (ran("init-1", at_least=3), crashing(*BACKOFF)),
            (ran("app", times=2, after=FAULT), app_killed(2)),
            (ran("init-1", times=0, after=FAULT), app_killed()),
        ],
        reject=[
            (ran("init-1", times=2), healthy()),
            (ran("init-1", times=1), rerun()),
            (ran("app"), never_started()),
            (ran("init-1", at_least=5), crashing(*BACKOFF)),
        ],
        open=[
            (ran("app"), gapped(never_started())),
            (ran("init-1", times=1), status_only(healthy())),
            (ran("init-1", times=1), gapped(healthy())),
        ],
    ),
    "never_ran": Case(
        accept=[
            (never_ran("init-2", "app"), failing()),
            (never_ran("init-2", "app"), trace_only(failing())),
        ],
        reject=[(never_ran("app"), healthy()), (never_ran("init-1", after=FAULT), rerun())],
        open=[
            (never_ran("app"), gapped(failing())),
            (never_ran("app"), gapped(failing(), Source.STATUS)),
            (never_ran("app"), status_only(failing())),
            (never_ran("app"), without_end(failing())),
            (never_ran("app"), never_started()),
            (never_ran("init-3", after=FAULT), without_control(QUIET)),
        ],
    ),
    "restarted": Case(
        accept=[
            (restarted("app"), app_killed()),
            (restarted("app", times=2), app_killed(2)),
            (restarted("app"), trace_only(app_killed())),
            (restarted("app", times=1, after=None), app_killed()),
        ],
        reject=[
            (restarted("app"), app_stays_down()),
            (restarted("app"), app_killed(2)),
            (restarted("app"), trace_only(app_stays_down())),
        ],
        open=[
            (restarted("app"), gapped(app_killed())),
            (restarted("app"), status_only(app_killed())),
            (restarted("app"), healthy()),
            (restarted("nobody"), app_killed()),
            (restarted("app"), Story().fault_failed().timeline()),
        ],
    ),
    "not_restarted": Case(
        accept=[
            (not_restarted("app"), QUIET),
            (not_restarted("app", "init-2"), trace_only(QUIET)),
            (not_restarted("init-1", after=None), healthy()),
            (not_restarted("app"), gapped(QUIET, Source.TRACE)),
            (not_restarted("app"), gapped(QUIET, Source.RUNTIME)),
        ],
        reject=[(not_restarted("app"), app_killed()), (not_restarted("init-2", "init-1"), rerun())],
        open=[
            (not_restarted("app"), gapped(QUIET)),
            (not_restarted("app"), gapped(QUIET, Source.STATUS)),
            (not_restarted("app"), gapped(trace_only(QUIET), Source.TRACE)),
            (not_restarted("app"), without_control(QUIET)),
            (not_restarted("app"), without_end(QUIET)),
            (not_restarted("app"), status_only(QUIET)),
            (not_restarted("nobody"), QUIET),
        ],
    ),
    "not_rerun": Case(
        accept=[(not_rerun("init-1", "init-2"), QUIET), (not_rerun("init-1"), app_killed())],
        reject=[
            (not_rerun("init-1"), rerun()),
            (not_rerun("init-1", "init-2"), rerun(image_patch=False)),
            (not_rerun("init-1"), status_only(rerun())),
            (not_rerun("init-1"), gapped(rerun())),
            (not_rerun("init-1"), reinitialised()),
        ],
        open=[
            (not_rerun("init-1"), gapped(QUIET)),
            (not_rerun("init-1"), without_control(QUIET)),
            (not_rerun("init-1"), status_only(QUIET)),
        ],
    ),
    "kept_running": Case(
        accept=[(kept_running("app"), QUIET), (kept_running("app"), killed_by_the_next_fault())],
        reject=[(kept_running("app"), app_killed()), (kept_running("app"), app_stays_down())],
        open=[
            (kept_running("app"), gapped(QUIET)),
            (kept_running("app"), without_control(QUIET)),
            (kept_running("init-1"), QUIET),
        ],
    ),
    "reran_in_order": Case(
        accept=[
            (reran_in_order("init-1", "init-2"), reinitialised()),
            (reran_in_order("init-1", "init-2"), trace_only(reinitialised())),
            (reran_in_order("init-1", "init-2"), disconnected(reinitialised(), Source.TRACE)),
            (reran_in_order("init-1", "init-2", "init-3"), reinitialised(("init-1", "init-2", "init-3"))),
        ],
        reject=[
            (reran_in_order("init-1", "init-2"), reinit_skips_second()),
            (reran_in_order("init-1", "init-2"), trace_only(reinit_skips_second())),
            (reran_in_order("init-1", "init-2"), reinit_parallel()),
            (reran_in_order("init-1", "init-2"), reinit_twice()),
            (reran_in_order("init-1", "init-2"), reinit_fails()),
            (reran_in_order("init-1", "init-2"), reinit_killed()),
            (reran_in_order("init-1", "init-2"), last_reinit_failed()),
            (reran_in_order("init-2", "init-1"), reinitialised()),
            (reran_in_order("init-1", "init-2"), app_killed()),
        ],
        open=[
            (reran_in_order("init-1", "init-2"), gapped(reinitialised())),
            (reran_in_order("init-1", "init-2"), trace_alone(reinit_killed())),
            (reran_in_order("init-1", "init-2"), status_only(reinit_skips_second())),
        ],
    ),
    "exited_with": Case(
        accept=[
            (exited_with("init-1", 1), failing()),
            (exited_with("init-1", 42), failing(42)),
            (exited_with("app", 137, after=FAULT), app_killed()),
            (exited_with("init-1", 1, run=-1), crashing(*BACKOFF)),
            (exited_with("init-1", 1), status_only(failing())),
        ],
        reject=[
            (exited_with("init-1", 1), failing(2)),
            (exited_with("init-1", 0, run=2), crashing(*BACKOFF)),
            (exited_with("app", 137), healthy()),
        ],
        open=[
            (exited_with("app", 137), gapped(healthy())),
            (exited_with("app", 137), trace_only(healthy())),
        ],
    ),
    "new_container": Case(
        accept=[(new_container("app", FAULT), app_killed()), (new_container("init-2"), reinitialised())],
        reject=[(new_container("init-2"), reinit_skips_second()), (new_container("app"), QUIET)],
        open=[
            (new_container("app"), disconnected(app_killed(), Source.STATUS)),
            (new_container("app"), gapped(QUIET)),
            (new_container("nobody"), QUIET),
        ],
    ),
    "gaps_followed_curve": Case(
        accept=[
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(*BACKOFF)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(0.5, 14.9, 29.9, windows=False)),
            (
                gaps_followed_curve("init-1", nominal=NOMINAL),
                crashing(10, 25, 36, kubelet="v1.34.4", windows=False),
            ),
            (gaps_followed_curve("init-1", nominal=NOMINAL), trace_only(crashing(*BACKOFF))),
        ],
        reject=[
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(0.3, 0.4, 0.4)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(0.3, 10.2, 10.2)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(0.3, 60, 20.2)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(10, 25, 36, windows=False)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), busy(crashing(0.3, 60, 20.2), 9.0)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), busy(crashing(0.3, 0.4, 0.4), 60.0)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), stuck()),
        ],
        open=[
            (gaps_followed_curve("init-1", nominal=NOMINAL), crashing(0.3, 10.2)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), gapped(crashing(*BACKOFF))),
            (gaps_followed_curve("init-1", nominal=NOMINAL), busy(crashing(0.3, 30, 20.2), 60.0)),
            (gaps_followed_curve("init-1", nominal=NOMINAL), busy(stuck(), 600.0)),
        ],
    ),
    "restarted_within": Case(
        accept=[(restarted_within("app", "restart"), app_killed())],
        reject=[
            (restarted_within("app", "restart"), late_restart()),
            (restarted_within("app", "restart"), app_stays_down()),
        ],
        open=[
            (restarted_within("app", "restart"), gapped(app_stays_down())),
            (restarted_within("app", "no-such-window"), app_killed()),
            (restarted_within("app", "quiet"), app_stays_down_briefly()),
            (restarted_within("app", "restart"), busy(late_restart(), 600.0)),
            (restarted_within("app", "restart"), busy(app_stays_down(), 600.0)),
        ],
    ),
    "phase_reached_within": Case(
        accept=[(phase_reached_within("Pending", "rerun"), reinitialised())],
        reject=[
            (phase_reached_within("Failed", "rerun"), app_stays_down()),
            (phase_reached_within("Running", "restart"), slow_reinit()),
        ],
        open=[
            (phase_reached_within("Failed", "rerun"), gapped(app_stays_down())),
            (phase_reached_within("Failed", "quiet"), app_stays_down_briefly()),
            (phase_reached_within("Failed", "rerun"), busy(app_stays_down(), 600.0)),
            (phase_reached_within("Running", "restart"), busy(slow_reinit(), 600.0)),
        ],
    ),
}
