"""The first transition that differs: found in mutated timelines, not where only clocks, names or races differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.compare.align import first_difference
from podvow.compare.model import Difference, Sure
from podvow.compare.story import APPS, STARTING, story
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Kind
from tests.offline.report import build
from tests.offline.report.build import Cluster

Change = Callable[[Cluster], None]


def between(before: Timeline, after: Timeline, told: str = "") -> Difference | None:
    return first_difference(story(before), story(after), told)


def lost() -> Cluster:
    return build.sandbox_loss("x.lost")


def two_apps(first: str = "app-a") -> Cluster:
    """A Pod whose apps start in the given order, and are killed then."""
    c = Cluster("x.two", apps=("app-a", "app-b"))
    c.sandbox(0.5)
    c.run("init-1", 0.8, 1.2)
    c.run("init-2", 1.5, 1.9)
    for n, app in enumerate(("app-a", "app-b") if first == "app-a" else ("app-b", "app-a")):
        c.run(app, 2.2 + n / 10, 5.0 + n / 10, 137)
    c.fault(4.9, "kill_containers")
    for n, app in enumerate(("app-a", "app-b") if first == "app-b" else ("app-b", "app-a")):
        c.run(app, 6.0 + n / 10)
    c.hold(7, 20)
    return c


@pytest.mark.parametrize(
    "make", [build.sandbox_loss, build.back_off, build.image_change, build.gapped, build.status_only]
)
def test_a_timeline_does_not_differ_from_itself(make: Callable[[str], Cluster]) -> None:
    assert between(make("x.s").timeline(), make("x.s").timeline()) is None


def _again(c: Cluster) -> None:
    c.run("init-1", 7.0, 7.4)


def _app_dies(c: Cluster) -> None:
    c.add(7.0, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", id="app-a-2-0123456789abcdef", code=1)


def _second_sandbox_lost(c: Cluster) -> None:
    c.add(7.0, Source.RUNTIME, Kind.SANDBOX_EXITED, id="sandbox1", code=137)


def _not_reached(c: Cluster) -> None:
    c.add(7.0, Source.HARNESS, Kind.MISSED, condition="app-a running", waited_s=5.0, last="waiting")


@pytest.mark.parametrize(
    ("mutate", "subject", "text"),
    [
        (_again, "init-1", "init-1 #3 started"),
        (_app_dies, "app-a", "app-a #2 exited 1"),
        (_second_sandbox_lost, "sandbox", "sandbox #2 ended"),
        (_not_reached, "podvow", "not reached: app-a running"),
    ],
)
def test_what_happens_once_more_after_the_fault_is_the_first_difference(
    mutate: Change, subject: str, text: str
) -> None:
    mutated = lost()
    mutate(mutated)
    found = between(lost().timeline(), mutated.timeline())
    assert found
    assert (found.subject, found.cause, found.before, found.sure) == (
        subject,
        "fault 1 (kill_sandbox)",
        None,
        Sure.WITNESSED,
    )
    assert found.after
    assert found.after.text == text
    assert found.after.at_s == pytest.approx(3.6, abs=0.1)
    assert found.told_before == "nothing of the kind in 8.2 s"
    reverse = between(mutated.timeline(), lost().timeline())
    assert reverse
    assert (reverse.before, reverse.after) == (found.after, None)


def test_init_containers_that_do_not_run_again_are_told_with_what_happened_instead() -> None:
    skipped = build.started("x.lost")
    skipped.fault(3.4, "kill_sandbox", sandbox="sandbox0")
    skipped.add(3.5, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", id="app-a-1-0123456789abcdef", code=137)
    skipped.add(3.52, Source.RUNTIME, Kind.SANDBOX_EXITED, id="sandbox0", code=137)
    skipped.sandbox(4.6)
    skipped.run("app-a", 4.9)
    skipped.reached(6.6, "app-a running again", control=True)
    skipped.hold(6.6, 5)
    found = between(lost().timeline(), skipped.timeline())
    assert found
    assert found.cause == "fault 1 (kill_sandbox)"
    assert found.before
    assert found.before.text == "init-1 #2 started"
    assert found.before.at_s == pytest.approx(1.5, abs=0.1)


def test_an_app_that_starts_before_the_last_init_has_ended_breaks_the_order() -> None:
    ordered, broken = (Cluster("x.order") for _ in range(2))
    for c, app_s in ((ordered, 2.5), (broken, 1.7)):
        c.sandbox(0.5)
        c.run("init-1", 0.8, 1.2)
        c.run("init-2", 1.5, 2.0)
        c.run("app-a", app_s)
    found = between(ordered.timeline(), broken.timeline())
    assert found
    assert found.subject == STARTING
    assert APPS in f"{found.before} {found.after}"


def test_apps_that_start_and_die_side_by_side_may_do_so_in_any_order() -> None:
    assert between(two_apps("app-a").timeline(), two_apps("app-b").timeline()) is None


def test_whether_a_stopped_container_heeds_its_signal_in_time_is_no_difference() -> None:
    ended, killed = build.started("x.s"), build.started("x.s")
    for c, code in ((ended, 143), (killed, 137)):
        c.fault(3.4, "stop_sandbox")
        c.add(4.0, Source.RUNTIME, Kind.CONTAINER_EXITED, "app-a", id="app-a-1-0123456789abcdef", code=code)
        c.hold(4.5, 9)
    assert between(ended.timeline(), killed.timeline()) is None


def test_an_exit_that_races_the_fault_falls_on_either_side_of_it() -> None:
    def raced(exit_s: float) -> Timeline:
        c = Cluster("x.race", inits=())
        c.sandbox(0.5)
        c.run("app-a", 1.0, exit_s, 1)
        c.fault(5.0, "set_image")
        c.run("app-a", 6.0)
        c.hold(7, 20)
        return c.timeline()

    assert between(raced(4.7), raced(5.3)) is None
    told = between(raced(2.0), raced(5.3))
    assert told
    assert told.cause == "the start"


def test_a_run_that_was_cut_off_by_the_end_of_the_evidence_is_no_difference() -> None:
    def looped(runs: int, slow: float, end_s: float) -> Timeline:
        c = Cluster("x.loop", inits=("init-1",))
        c.sandbox(0.4)
        for n in range(runs):
            c.run("init-1", 1 + n * 10 * slow, 1.5 + n * 10 * slow, 1)
        c.reached(end_s, "enough")
        return c.timeline()

    assert between(looped(3, 1.0, 23), looped(2, 1.4, 24)) is None
    assert between(looped(3, 1.0, 80), looped(2, 1.0, 80)) is not None


def test_what_is_missing_where_nobody_looked_is_told_as_unsure() -> None:
    blind = lost()
    blind.records = [r for r in blind.records if not (r.kind is Kind.SANDBOX_EXITED and r.source is Source.RUNTIME)]
    seen = between(lost().timeline(), blind.timeline())
    assert seen
    assert seen.sure is Sure.WITNESSED
    blind.gap(3.4, 4.5, Source.RUNTIME)
    unsure = between(lost().timeline(), blind.timeline())
    assert unsure
    assert (unsure.subject, unsure.sure) == ("sandbox", Sure.GAP)


def test_a_fault_that_failed_is_the_first_difference() -> None:
    failed = build.started("x.lost")
    failed.fault(3.4, "kill_sandbox", error="no such sandbox")
    done = build.started("x.lost")
    done.fault(3.4, "kill_sandbox")
    found = between(done.timeline(), failed.timeline())
    assert found
    assert found.before
    assert found.after
    assert (found.before.text, found.after.text) == ("fault took place", "fault failed")


def test_a_fault_that_never_came_is_a_difference() -> None:
    without = build.started("x.lost")
    without.hold(5, 30)
    found = between(lost().timeline(), without.timeline())
    assert found
    assert found.before
    assert found.before.text == "fault kill_sandbox"
    assert found.cause == "the start"


def _shown(phases: list[str], ready: list[str]) -> Timeline:
    c = Cluster("x.status", inits=())
    for n, (phase, state) in enumerate(zip(phases, ready, strict=True)):
        raw: dict[str, Any] = c.object()
        raw["status"] = {"phase": phase, "conditions": [{"type": "Ready", "status": state}]}
        c.add(1.0 + n, Source.STATUS, Kind.SNAPSHOT, object=raw)
    c.hold(2 + len(phases), 30)
    return c.timeline()


def test_a_published_state_that_contradicts_is_firmer_than_one_that_is_missing() -> None:
    before = _shown(["Pending", "Running", "Succeeded"], ["False", "True", "False"])
    contradicts = between(before, _shown(["Pending", "Running", "Failed"], ["False", "True", "False"]))
    assert contradicts
    assert (contradicts.subject, contradicts.sure) == ("phase", Sure.STATUS)
    merged = between(before, _shown(["Pending", "Succeeded", "Succeeded"], ["False", "True", "False"]))
    assert merged
    assert (merged.subject, merged.sure) == ("phase", Sure.MERGED)


def test_of_published_states_only_those_count_that_the_expectations_name() -> None:
    before = _shown(["Pending", "Running", "Running"], ["False", "False", "True"])
    after = _shown(["Pending", "Pending", "Running"], ["False", "False", "False"])
    named = between(before, after, "condition Ready became True: never")
    assert named
    assert named.subject == "condition Ready"
    assert between(before, after, "init-1 ran once") is None


def test_answers_to_requests_are_compared_case_by_case_without_uids() -> None:
    def table(status: int, message: str) -> Timeline:
        c = Cluster("x.table[none]")
        for case in ("probes/none", "probes/other"):
            causes = [{"field": "spec.x", "message": message, "reason": "r"}] if case == "probes/other" else []
            c.add(1, Source.HARNESS, Kind.ANSWERED, case=case, status=status if causes else 200, causes=causes)
        return c.timeline()

    uid = "owner ffe027ea-3a07-4426-88b9-170423aeaeb3"
    other = "owner 46cc10d4-df4d-4f9f-9e1f-90b52feef74d"
    assert between(table(422, uid), table(422, other)) is None
    found = between(table(422, uid), table(400, uid))
    assert found
    assert found.after
    assert found.after.text.startswith("answered 400, spec.x: owner")
    ours, theirs = (story(table(status, uid), case="none") for status in (422, 400))
    assert first_difference(ours, theirs) is None


def _of_workload(names: list[str], crashes: str) -> Timeline:
    c = Cluster("x.workload", inits=(), pod=names[0])
    for n, name in enumerate(names):
        c.pod, c.uid, c._n, c._states = name, f"uid-{name}", {}, {}
        raw = c.object()
        raw["metadata"]["generateName"] = "web-5d9c7b8f6-"
        c.add(0.1 + n / 100, Source.STATUS, Kind.SNAPSHOT, object=raw)
        c.sandbox(0.5)
        c.run("app-a", 1.0 + n / 10, 2.0 if name == crashes else None, 1)
    c.hold(3, 30)
    return c.timeline()


def test_pods_of_a_workload_are_matched_by_what_befell_them_not_by_name_or_birth() -> None:
    assert between(_of_workload(["web-a", "web-b"], "web-a"), _of_workload(["web-y", "web-z"], "web-z")) is None
    found = between(_of_workload(["web-a", "web-b"], "web-a"), _of_workload(["web-y", "web-z"], ""))
    assert found
    assert found.subject.endswith("of Pod 2 of web")
    fewer = between(_of_workload(["web-a", "web-b"], ""), _of_workload(["web-y"], ""))
    assert fewer
    assert fewer.before
    assert fewer.before.text == "Pod 2 of web appeared"


def _elsewhere(timeline: Timeline, shift_ns: int, stretch: float, suffix: str) -> Timeline:
    """Return what another cluster would have recorded: another clock, other names, UIDs and ids, another speed."""
    start = timeline.start_ns

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: f"{v}{suffix}" if k in {"id", "sandbox", "uid"} else renamed(v) for k, v in value.items()}
        return [renamed(v) for v in value] if isinstance(value, list) else value

    def moved(record: Record) -> Record:
        t_ns = start + shift_ns + int((record.t_ns - start) * stretch)
        uid = f"{record.uid}{suffix}" if record.uid else ""
        data = renamed(record.data)
        for shot in [data["object"]] if record.kind is Kind.SNAPSHOT else []:
            for status in (*shot["status"]["initContainerStatuses"], *shot["status"]["containerStatuses"]):
                status["containerID"] = (
                    f"{status['containerID']}{suffix}" if status["containerID"][-1:] != "/" else ""
                )
                for state in status["state"].values():
                    if "containerID" in state:
                        state["containerID"] = f"{state['containerID']}{suffix}"
        return replace(record, t_ns=t_ns, uid=uid, data=data)

    return Timeline(timeline.meta, [moved(r) for r in timeline.records if r.kind is not Kind.GAP])


@given(shift_s=st.integers(-10_000, 10_000), stretch=st.floats(0.7, 3.0), suffix=st.sampled_from(["", "9", "abc"]))
def test_another_clock_other_ids_and_another_speed_are_no_difference(
    shift_s: int, stretch: float, suffix: str
) -> None:
    timeline = lost().timeline()
    assert between(timeline, _elsewhere(timeline, shift_s * build.SECOND, stretch, suffix)) is None


@given(stretch=st.floats(0.8, 1.4), after_s=st.floats(0.1, 0.9))
def test_a_container_that_runs_again_is_found_at_any_speed(stretch: float, after_s: float) -> None:
    mutated = lost()
    mutated.run("init-2", 6.6 + after_s, 6.7 + after_s)
    found = between(lost().timeline(), _elsewhere(mutated.timeline(), 0, stretch, "z"))
    assert found
    assert found.after
    assert found.after.text == "init-2 #3 started"
