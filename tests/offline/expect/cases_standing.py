"""Examples of clusters that break a standing invariant, and of evidence that just does not say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podvow.expect.base import Fact
from podvow.expect.invariants import STANDING
from podvow.timeline import Source, Timeline
from podvow.timeline.record import Kind, Record
from tests.offline.expect.builder import Story, disconnected, edited
from tests.offline.expect.cases_order import (
    eager_app,
    healthy,
    reinit_skips_second,
    status_only,
    together,
    trace_only,
)
from tests.offline.expect.healthy import STORIES, told
from tests.offline.expect.table import Case, Cases, quiet, steady

FACTS = {fact.name: fact for fact in STANDING}


def _broken(name: str, *timelines: Timeline) -> tuple[str, Case]:
    fact: Fact = FACTS[name]
    accept = [(fact, told(story)) for story in STORIES]
    return name, Case(accept=accept, reject=[(fact, timeline) for timeline in timelines])


def backwards() -> Timeline:
    """Tell of inits in the wrong order."""
    story = Story()
    pod = story.pod()
    pod.initialise(inits=("init-2", "init-1"))
    return quiet(story)


def reinit_starts_late() -> Timeline:
    """Tell of a new sandbox in which the inits begin with the second one."""
    story, pod = steady()
    story.fault()
    pod.lose_sandbox().initialise(inits=("init-2",))
    return story.reach().timeline()


def failure_ignored(*, next_init: bool) -> Timeline:
    """Tell of a kubelet that goes on after a failed init."""
    story = Story()
    pod = story.pod()
    pod.new_sandbox().run_init("init-1", 0 if next_init is False else 1)
    pod.run_init("init-2", 1 if next_init is False else 0).start_apps()
    return quiet(story)


def reinit_failure_ignored() -> Timeline:
    """Tell of a kubelet that honours a success of the old sandbox after a failure in the new one."""
    story, pod = steady()
    story.fault()
    pod.lose_sandbox().new_sandbox().run_init("init-1", 1).run_init("init-2").start_apps()
    return story.reach().timeline()


def snapshots(pick: Callable[[dict[str, Any]], bool], change: Callable[[dict[str, Any]], None]) -> Timeline:
    """Change some snapshots of a healthy story."""

    def chosen(record: Record) -> bool:
        return record.kind is Kind.SNAPSHOT and pick(record.data["object"])

    return edited(healthy(), chosen, lambda data: change(data["object"]))


def _not_initialized(raw: dict[str, Any]) -> None:
    for condition in raw["status"]["conditions"]:
        if condition["type"] == "Initialized":
            condition["status"] = "False"


def _last(raw: dict[str, Any]) -> bool:
    return bool(raw["status"]["phase"] == "Running")


def patched_then(**status: Any) -> Timeline:
    """Let the last snapshot of a patched Pod say something else."""
    story, pod = steady()
    pod.patch_image("app")
    pod.kill("app").restart("app")
    last = story.timeline().snapshots()[-1].record.seq
    return edited(
        story.timeline(),
        lambda r: r.source is Source.STATUS and r.seq == last,
        lambda data: data["object"]["status"].update(status),
    )


def terminal_left(first: str = "Failed") -> Timeline:
    story, pod = steady(policy="Never")
    pod.finish(first).finish("Running")
    return quiet(story)


def uid_swapped() -> Timeline:
    _, pod = steady()
    pod.uid = "uid-2"
    return pod.snap().story.timeline()


def never_restarted(name: str = "app") -> Timeline:
    story = Story()
    pod = story.pod(policy="Never")
    pod.initialise()
    pod.end("app", 1) if name == "app" else pod
    pod.restart(name)
    return quiet(story)


def generation_lost() -> Timeline:
    _, pod = steady()
    pod.patch_image("app")
    pod.generation = 1
    return pod.snap().story.timeline()


CASES: Cases = dict(
    (
        _broken(
            "inits_one_at_a_time",
            together(),
            trace_only(together()),
            backwards(),
            reinit_starts_late(),
            disconnected(backwards(), Source.TRACE, Source.STATUS),
        ),
        _broken("apps_waited_for_inits", eager_app(), reinit_skips_second(), failure_ignored(next_init=False)),
        _broken(
            "failed_init_blocked",
            failure_ignored(next_init=True),
            failure_ignored(next_init=False),
            trace_only(failure_ignored(next_init=False)),
            disconnected(failure_ignored(next_init=True), Source.TRACE),
            reinit_failure_ignored(),
            trace_only(reinit_failure_ignored()),
        ),
        _broken(
            "status_showed_order",
            together(),
            status_only(together()),
            snapshots(lambda _: True, lambda raw: _not_initialized(raw) if "conditions" in raw["status"] else None),
        ),
        _broken(
            "identity_stayed",
            snapshots(_last, lambda raw: raw["spec"].update(nodeName="other")),
            snapshots(_last, lambda raw: raw["spec"]["containers"].append({"name": "intruder"})),
            uid_swapped(),
        ),
        _broken("terminal_phase_was_final", terminal_left(), terminal_left("Succeeded")),
        _broken("never_ran_twice", never_restarted(), never_restarted("init-1")),
        _broken("generations_rose", generation_lost(), patched_then(observedGeneration=1)),
    )
)
