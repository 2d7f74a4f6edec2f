"""Images changed and sandboxes lost in Pods with sidecars (sidecar-containers#differences-from-init-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import (
    FAULT,
    SECOND_FAULT,
    SINCE_FAULT,
    exited_with,
    image_changed,
    image_is,
    image_unchanged,
    initialised_in_order,
    kept_ip,
    kept_running,
    kept_sandbox,
    kept_uid,
    never_overlapped,
    never_said,
    new_sandbox,
    not_rerun,
    overlapped,
    phase_while_initialising,
    ran,
    reran_in_order,
    restarted,
    said,
    was_signalled,
)
from podvow.faults import kill_pause, remove_sandbox, set_image, stop_sandbox
from podvow.faults.base import Fault
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import image_id_changed, running, started, started_anew
from podvow.scenario.edits import containers
from podvow.scenario.model import Inject, promised

BLUE, GREEN = "podvow/busybox:blue", "podvow/busybox:green"
MIXED = ("init-1", "side-1", "init-2", "side-2", "init-3", "app")
INITS = ("init-1", "init-2", "init-3")
LOSSES = [
    pytest.param(kill_pause(), id="kill_pause"),
    pytest.param(stop_sandbox(), id="stop_sandbox"),
    pytest.param(remove_sandbox(), id="remove_sandbox"),
]


@claim("sidecars.image.restarts-only-that-sidecar")
@scenario(
    pod="sidecar-mixed",
    steady=running("app", "side-1", "side-2"),
    fault=set_image("side-1", GREEN),
    until=image_id_changed("side-1"),
    then=(Inject(set_image("side-1", BLUE)), promised(image_id_changed("side-1"))),
    typical_s=22,
)
def test_the_image_of_a_sidecar_can_be_changed_again(timeline: Trial) -> None:
    timeline.must(
        restarted("side-1", after=FAULT),
        restarted("side-1", after=SECOND_FAULT),
        image_changed("side-1", after=SECOND_FAULT),
        kept_running("side-2", "app", after=SINCE_FAULT),
    )


@claim("sidecars.image.restarts-only-that-sidecar")
@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
@scenario(
    pod="sidecar-mixed",
    steady=running("app", "side-1", "side-2"),
    fault=set_image("side-1", GREEN),
    until=image_id_changed("side-1"),
    hold="quiet",
    typical_s=46,
)
def test_changing_the_image_of_a_sidecar_restarts_that_sidecar_only(timeline: Trial, restart_policy: str) -> None:
    timeline.must(
        restarted("side-1"),
        image_changed("side-1"),
        said("side-1", "image=green", after=FAULT),
        was_signalled("side-1"),
        kept_running("side-2", "app"),
        image_unchanged("side-2", "app", *INITS),
        not_rerun(*INITS),
        kept_sandbox(),
        kept_uid(),
        kept_ip(),
    )


@claim("sidecars.image.changed-while-initialising")
@scenario(
    pod="sidecar-mixed",
    edits=containers(inits={"init-2": {"command": ["sleep", "20"]}}),
    steady=started("init-2") & running("side-1"),
    fault=set_image("side-1", GREEN),
    until=running("app"),
    typical_s=36,
)
def test_a_sidecar_whose_image_changes_restarts_beside_the_init_container_that_runs(timeline: Trial) -> None:
    timeline.must(
        restarted("side-1"),
        image_is("side-1", GREEN, after=FAULT),
        said("side-1", "image=green", after=FAULT),
        # at once, and not only when the Pod has initialised
        initialised_in_order("side-1", "init-3", after=FAULT),
        not_rerun("init-1", "init-2"),
        exited_with("init-2", 0, after=FAULT),
        *(ran(container, times=1, after=FAULT) for container in ("side-2", "init-3", "app")),
    )


@claim("sidecars.image.changed-while-initialising")
@scenario(
    pod="sidecar-mixed",
    steady=started("init-1"),
    fault=set_image("side-2", GREEN),
    until=running("app"),
    typical_s=18,
)
def test_a_sidecar_that_has_not_started_starts_with_its_new_image(timeline: Trial) -> None:
    timeline.must(
        said("side-2", "image=green"),
        never_said("side-2", "image=blue"),
        said("side-1", "image=blue"),
        initialised_in_order(*MIXED),
        *(ran(container, times=1) for container in MIXED),
    )


@claim("sidecars.image.app-change-leaves-sidecars")
@scenario(
    pod="sidecar-mixed",
    restart_policy="Never",
    steady=running("app", "side-1", "side-2"),
    fault=set_image("app", GREEN),
    until=image_id_changed("app"),
    hold="quiet",
    typical_s=46,
)
def test_changing_the_image_of_an_app_leaves_sidecars_running(timeline: Trial) -> None:
    timeline.must(
        restarted("app"),
        image_changed("app"),
        kept_running("side-1", "side-2"),
        not_rerun(*INITS),
        kept_sandbox(),
        kept_uid(),
    )


@claim("sidecars.sandbox-loss.everything-again-in-order")
@pytest.mark.parametrize("fault", LOSSES)
@scenario(
    pod="sidecar-mixed",
    steady=running("app", "side-1", "side-2"),
    until=running("app", "side-1", "side-2", anew=True),
    typical_s=34,
)
def test_a_lost_sandbox_brings_inits_and_sidecars_up_again_in_order(timeline: Trial, fault: Fault) -> None:
    timeline.must(
        new_sandbox(),
        initialised_in_order(*MIXED, after=FAULT),
        reran_in_order(*INITS),
        *(restarted(container) for container in ("side-1", "side-2", "app")),
        never_overlapped(*INITS, after=FAULT),
        overlapped("side-1", "init-2", after=FAULT),
        overlapped("side-1", "side-2", "app", after=FAULT),
        phase_while_initialising("Pending", after=FAULT),
        kept_uid(),
    )


@claim("sidecars.sandbox-loss.everything-again-in-order")
@pytest.mark.parametrize("restart_policy", ["Always", "OnFailure"])
@scenario(
    pod="sidecar-long-init",
    steady=started("init-1"),
    fault=stop_sandbox(),
    until=started_anew("init-1"),
    typical_s=20,
)
def test_a_sandbox_lost_between_two_sidecars_makes_initialisation_begin_again(
    timeline: Trial, restart_policy: str
) -> None:
    timeline.must(
        new_sandbox(),
        initialised_in_order("side-1", "side-2", "init-1", after=FAULT),
        *(restarted(container) for container in ("side-1", "side-2", "init-1")),
        *(ran(container, times=0) for container in ("side-3", "app")),
        kept_uid(),
    )
