"""Examples of the facts about a restart of all containers in place."""

from __future__ import annotations

from podvow.expect import ended_before_grace, held_back, phase_while_condition
from podvow.timeline import Source, Timeline
from tests.offline.expect.builder import Story, disconnected, gapped
from tests.offline.expect.table import Case, Cases, steady


def restarted_all(*, took_s: float = 2.0, ended: bool = True) -> Timeline:
    """Tell of an app that is killed, and of the other one, which is killed for it after some seconds."""
    story, pod = steady(apps=("app", "other"))
    story.fault("kill_containers", "app")
    pod.kill("app")
    story.wait(took_s)
    if not ended:
        return story.reach().timeline()
    pod.kill("other")
    pod.await_restart("app", "RestartingAllContainers").await_restart("other", "RestartingAllContainers")
    pod.run_init("init-1").run_init("init-2").start_apps()
    return story.reach().timeline()


def no_run() -> Timeline:
    """Tell of a fault that came before anything had started."""
    story = Story()
    story.pod()
    return story.fault().reach().timeline()


def looping(*gaps_s: float, end: bool = True) -> Timeline:
    """Tell of an app that ends again and again, with given pauses; without `end` it does not come back any more."""
    story = Story()
    pod = story.pod(policy="Never")
    pod.initialise()
    for gap_s in gaps_s:
        pod.end("app", 88)
        story.wait(gap_s)
        pod.restart("app")
    if not end:
        pod.end("app", 88)
    return story.hold(5).timeline()


CASES: Cases = {
    "ended_before_grace": Case(
        accept=[(ended_before_grace("other"), restarted_all())],
        reject=[
            (ended_before_grace("other"), restarted_all(took_s=31)),
            (ended_before_grace("other"), restarted_all(took_s=31, ended=False)),
        ],
        open=[
            (ended_before_grace("other"), restarted_all(ended=False)),
            (ended_before_grace("other"), gapped(restarted_all(took_s=31, ended=False))),
            (ended_before_grace("init-1"), restarted_all()),
            (ended_before_grace("app"), no_run()),
        ],
    ),
    "phase_while_condition": Case(
        accept=[
            (phase_while_condition("Ready", "Running", after=None), restarted_all()),
            (phase_while_condition("Ready", "Running"), restarted_all()),
        ],
        reject=[(phase_while_condition("Ready", "Pending"), restarted_all())],
        open=[
            (phase_while_condition("AllContainersRestarting", "Pending"), restarted_all()),
            (phase_while_condition("Ready", "Running"), gapped(restarted_all())),
            (phase_while_condition("Ready", "Running"), disconnected(restarted_all(), Source.STATUS)),
        ],
    ),
    "held_back": Case(
        accept=[(held_back("app", run=3, at_least_s=10), looping(1, 10))],
        reject=[
            (held_back("app", run=3, at_least_s=10), looping(1, 2)),
            (held_back("app", run=2, at_least_s=10), looping(1, 10)),
        ],
        open=[
            (held_back("app", run=3, at_least_s=10), looping(1)),
            (held_back("app", run=3, at_least_s=10), looping(1, end=False)),
            (held_back("app", run=1, at_least_s=10), looping(1)),
            (held_back("app", run=3, at_least_s=10), gapped(looping(1, 2))),
        ],
    ),
}
