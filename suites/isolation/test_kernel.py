"""Rights, kernel settings, files and processes of init containers, and what of them reaches the app."""

from __future__ import annotations

from podvow.expect import (
    FAULT,
    exited_with,
    kept_uid,
    never_ran,
    never_said,
    new_sandbox,
    reran_in_order,
    restarted,
    said,
    started_only_after,
)
from podvow.faults import kill_pause
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import exited, running, runs
from podvow.scenario.conditions import said as has_said
from podvow.scenario.edits import containers

CAPABILITIES = 'echo "caps=$(grep CapEff /proc/self/status | cut -f2)"'

PRIVILEGED = scenario(
    pod="privileged-init",
    steady=running("app") & has_said("app", "ttl="),
    fault=kill_pause(),
    until=running("app", anew=True) & has_said("app", "ttl=", anew=True),
    typical_s=14,
)


@claim("isolation.capabilities.stay-in-init")
@PRIVILEGED
def test_rights_of_a_privileged_init_container_do_not_reach_the_app(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "caps=0*[1-9a-f][0-9a-f]{8,}"),
        said("app", "caps=0+", run=1),
        said("app", "wrote=[1-9][0-9]*", run=1),
        said("app", "caps=0+", run=2),
        never_said("app", "wrote=0"),
    )


@claim("isolation.capabilities.stay-in-init")
@scenario(
    pod="bare",
    edits=containers(
        inits={
            "init-1": {
                "image": "podvow/busybox:blue",
                "command": ["sh", "-c", CAPABILITIES],
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
            }
        },
        apps={"app": {"command": ["sh", "-c", f"{CAPABILITIES}; exec sleep 3600"]}},
    ),
    steady=running("app") & has_said("app", "caps="),
    typical_s=5,
)
def test_a_capability_that_an_init_container_adds_is_not_the_apps(timeline: Trial) -> None:
    # NET_ADMIN is bit 12: the lowest bit of the fourth digit from the right
    timeline.must(
        said("init-1", "caps=[0-9a-f]+[13579bdf][0-9a-f]{3}"),
        said("app", "caps=[0-9a-f]+[02468ace][0-9a-f]{3}"),
    )


@claim("isolation.sysctl.lasts-as-long-as-the-sandbox")
@PRIVILEGED
def test_a_network_setting_of_an_init_container_lasts_as_long_as_the_sandbox(
    timeline: Trial,
) -> None:
    timeline.must(
        said("init-1", "before=64", run=1),
        said("init-1", "after=77", run=1),
        said("app", "ttl=77", run=1),
        new_sandbox(),
        said("init-1", "before=64", run=2),
        said("app", "ttl=77", run=2),
        started_only_after("app", "init-1", after=FAULT),
        kept_uid(),
    )


@claim("isolation.filesystems.separate")
@scenario(pod="separate-filesystems", steady=running("app") & has_said("app", "image="), typical_s=6)
def test_what_an_init_container_writes_outside_volumes_is_seen_by_nobody_else(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "wrote=0"),
        said("init-2", "own=1"),
        said("init-2", "image=blue"),
        said("init-2", "shared=ours"),
        said("app", "own=1"),
        said("app", "image=blue"),
        said("app", "shared=ours"),
    )


@claim("isolation.volumes.outlive-what-init-made")
@scenario(
    pod="runs-once-only",
    steady=running("app"),
    fault=kill_pause(),
    until=runs("init-1", 3) & exited("init-1"),
    hold="quiet",
    typical_s=45,
)
def test_an_init_container_that_is_not_idempotent_breaks_when_it_runs_again(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "made=0", run=1),
        new_sandbox(),
        said("init-1", "made=1", run=2),
        exited_with("init-1", 1, after=FAULT),
        exited_with("init-1", 1, run=2, after=FAULT),
        never_ran("init-2", "app", after=FAULT),
        kept_uid(),
    )


@claim("isolation.processes.shared-list")
@scenario(
    pod="shared-processes",
    steady=running("app") & has_said("app", "first="),
    fault=kill_pause(),
    until=running("app", anew=True) & has_said("app", "first=", anew=True),
    typical_s=12,
)
def test_with_a_shared_list_of_processes_init_containers_are_in_it_too(timeline: Trial) -> None:
    timeline.must(
        said("init-1", "first=pause", run=1),
        said("app", "first=pause", run=1),
        new_sandbox(),
        reran_in_order("init-1"),
        said("init-1", "first=pause", run=2),
        said("app", "first=pause", run=2),
        restarted("app"),
        started_only_after("app", "init-1", after=FAULT),
    )
