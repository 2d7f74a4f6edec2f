"""Ephemeral containers in a Pod that initialises (ephemeral-containers, debug-running-pod#ephemeral-container)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    SECOND_FAULT,
    SINCE_FAULT,
    backed_off,
    condition_stayed,
    exited_with,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_ran,
    never_signalled,
    not_rerun,
    phase_stayed,
    pod_failed,
    ran,
    reran_in_order,
    restart_count_was,
    started_only_after,
)
from podvow.faults import debug, kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.profiles import REAL_BACKOFF
from podvow.scenario.conditions import Condition, exited, phase, running, runs, started, waiting
from podvow.scenario.model import Inject, Until, promised

STUCK = [
    pytest.param("unpullable-init", waiting("init-2", "ImagePullBackOff"), id="unpullable"),
    pytest.param("wants-configmap", waiting("init-2", "CreateContainerConfigError"), id="not-configured"),
]


@claim("debugging.ephemeral.starts-while-initialising")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="long-init",
    steady=started("init-2") & running("init-2"),
    fault=debug(),
    until=promised(running("debug")),
    then=(Inject(debug("another")), Until(running("another"))),
    hold="quiet",
    typical_s=40,
)
def test_an_ephemeral_container_starts_beside_a_running_init_container_and_leaves_it_alone(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        ran("debug", times=1),
        ran("another", times=1),
        kept_running("init-2"),
        never_signalled("init-2"),
        not_rerun("init-1"),
        never_ran("init-3", "app"),
        phase_stayed("Pending"),
        condition_stayed("Initialized", "False"),
        kept_sandbox(),
        kept_uid(),
    )


@claim("debugging.ephemeral.starts-while-initialising")
@pytest.mark.parametrize(("pod", "steady"), STUCK)
@scenario(fault=debug(), until=running("debug"), hold="quiet", typical_s=36)
def test_an_ephemeral_container_starts_while_an_init_container_cannot(
    timeline: Trial, pod: str, steady: Condition
) -> None:
    timeline.must(
        ran("debug", times=1),
        not_rerun("init-1"),
        never_ran("init-2", "app"),
        restart_count_was("init-2", 0),
        phase_stayed("Pending"),
        condition_stayed("Initialized", "False"),
        kept_sandbox(),
    )


@claim("debugging.ephemeral.starts-while-initialising")
@scenario(
    pod="failing-init",
    # into a back-off of ten seconds, which the ephemeral container must neither shorten nor lengthen
    steady=runs("init-2", 2) & exited("init-2"),
    fault=debug(),
    until=runs("init-2", 3) & running("debug"),
    typical_s=24,
    profiles=REAL_BACKOFF,
)
def test_an_ephemeral_container_starts_during_a_back_off_and_does_not_change_it(timeline: Trial) -> None:
    timeline.must(
        ran("debug", times=1),
        backed_off("init-2", 0, 10),
        ran("init-1", times=1),
        never_ran("init-3", "app"),
        kept_sandbox(),
        phase_stayed("Pending"),
    )


@claim("debugging.ephemeral.starts-while-initialising")
@scenario(
    pod="failing-init",
    steady=runs("init-2", 2) & exited("init-2"),
    fault=debug(image="podvow/missing:1"),
    until=promised(runs("init-2", 3)),
    typical_s=24,
    profiles=REAL_BACKOFF,
)
def test_an_ephemeral_container_that_cannot_start_keeps_no_init_container_from_its_next_try(
    timeline: Trial,
) -> None:
    timeline.must(
        never_ran("debug", "init-3", "app"),
        backed_off("init-2", 0, 10),
        kept_sandbox(),
        phase_stayed("Pending"),
    )


@claim("debugging.ephemeral.not-started-again")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=debug(),
    until=running("debug"),
    then=(Inject(kill_pause()), Until(running("app-a", "app-b", anew=True), control=True)),
    hold="quiet",
    typical_s=50,
)
def test_an_ephemeral_container_is_not_started_again_in_a_new_sandbox(timeline: Trial) -> None:
    timeline.must(
        ran("debug", times=1),
        never_ran("debug", after=SECOND_FAULT),
        reran_in_order("init-1", "init-2", "init-3", after=SECOND_FAULT),
        started_only_after("app-a", "init-1", "init-2", "init-3", after=SECOND_FAULT),
        kept_uid(after=SINCE_FAULT),
    )


@claim("debugging.ephemeral.does-not-count-for-the-pod")
@scenario(
    pod="failing-init",
    restart_policy="Never",
    edits={"spec": {"initContainers": [{"name": "init-2", "command": ["sh", "-c", "sleep 8; exit 1"]}]}},
    steady=started("init-2"),
    fault=debug(),
    until=phase("Failed"),
    hold="quiet",
    typical_s=45,
)
def test_a_running_ephemeral_container_does_not_keep_a_pod_from_failing(timeline: Trial) -> None:
    timeline.must(
        ran("debug", times=1),
        pod_failed(),
        exited_with("init-2", 1),
        ran("init-2", times=1),
        never_ran("init-3", "app"),
    )


@claim("debugging.ephemeral.not-started-again")
@scenario(
    pod="three-inits-two-apps",
    steady=running("app-a", "app-b"),
    fault=debug(seconds=3, code=1),
    until=exited("debug"),
    hold="quiet",
    typical_s=45,
)
def test_an_ephemeral_container_that_fails_is_not_started_again(timeline: Trial) -> None:
    timeline.must(
        exited_with("debug", 1),
        ran("debug", times=1),
        kept_running("app-a", "app-b"),
        phase_stayed("Running"),
    )
