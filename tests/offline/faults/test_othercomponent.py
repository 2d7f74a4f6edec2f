"""Another program in a component of the control plane: chosen by its manifest, taken back byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from podvow.errors import InjectionError
from podvow.faults import controlplane, othercomponent
from podvow.faults.base import FaultContext, NodeLostError
from podvow.faults.controlplane import FOLDER
from podvow.journal.act import Site, act
from podvow.journal.audit import audit_nodes
from podvow.journal.undo import RestoreComponent
from tests.offline.faults.component import MANIFEST, NODE, OWN, OWN_PROGRAM, ControlPlane, silent
from tests.offline.journal.cluster import World

PROGRAM = b"#!/bin/sh\n"
DIGEST = hashlib.sha256(PROGRAM).hexdigest()
SCHEDULER = "kube-scheduler"
PATH = othercomponent.path_of(SCHEDULER, DIGEST)
UNDO = RestoreComponent(NODE, SCHEDULER)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlplane, "PATIENCE_S", 0.3)
    monkeypatch.setattr(controlplane, "_POLL_S", 0.01)
    monkeypatch.setattr(controlplane, "_BACK_OFF_S", 0.05)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def plane(world: World) -> ControlPlane:
    return ControlPlane(world.nodes, world.api)


@pytest.fixture
def site(world: World, plane: ControlPlane) -> Site:
    return Site(world.site.api, plane)


@pytest.fixture
def context(site: Site) -> FaultContext:
    return site.context(NODE)


def choose(context: FaultContext, mutant: str = "a-bug") -> float:
    othercomponent.put(context, SCHEDULER, PROGRAM, DIGEST)
    return othercomponent.choose(context, SCHEDULER, DIGEST, "PODVOW_MUTANT", mutant)


def running(context: FaultContext) -> list[str]:
    return controlplane.running(context, SCHEDULER, "PODVOW_MUTANT")


def test_it_is_copied_once_and_whole(context: FaultContext, plane: ControlPlane) -> None:
    assert othercomponent.put(context, SCHEDULER, PROGRAM, DIGEST)
    assert not othercomponent.put(context, SCHEDULER, PROGRAM, DIGEST)
    assert plane.nodes.path(NODE, PATH).read_bytes() == PROGRAM


def test_what_is_chosen_runs_and_is_told_which_mutant(context: FaultContext) -> None:
    choose(context)
    assert running(context) == [f"{PATH} a-bug"]
    choose(context, "another")
    assert running(context) == [f"{PATH} another"]
    choose(context, "")
    assert running(context) == [f"{PATH} "]


def test_the_folder_of_manifests_holds_nothing_else_that_the_kubelet_reads(
    context: FaultContext, plane: ControlPlane
) -> None:
    choose(context)
    assert [path.name for path in plane.nodes.path(NODE, MANIFEST).parent.iterdir()] == ["kube-scheduler.yaml"]


def test_it_is_seen_as_left_and_one_undo_takes_it_back_byte_for_byte(
    context: FaultContext, plane: ControlPlane, site: Site
) -> None:
    before = plane.nodes.state()
    choose(context)
    choose(context, "another")
    (leak,) = audit_nodes(site, [NODE])
    assert "kube-scheduler runs another program than its own" in str(leak)
    assert leak.undo == UNDO
    assert act(UNDO, site) == "kube-scheduler of node worker runs its own program again"
    assert running(context) == [f"{OWN_PROGRAM} "]
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN
    assert act(UNDO, site) == "kube-scheduler of node worker ran its own program"
    assert plane.nodes.state() == before
    assert not plane.nodes.path(NODE, FOLDER).exists()
    assert audit_nodes(site, [NODE]) == []


def test_what_was_put_there_and_never_chosen_goes_too(
    context: FaultContext, plane: ControlPlane, site: Site
) -> None:
    before = plane.nodes.state()
    othercomponent.put(context, SCHEDULER, PROGRAM, DIGEST)
    act(UNDO, site)
    assert plane.nodes.state() == before


def test_another_component_of_the_node_keeps_what_it_has(context: FaultContext, plane: ControlPlane) -> None:
    other = othercomponent.path_of("kube-apiserver", DIGEST)
    othercomponent.put(context, "kube-apiserver", PROGRAM, DIGEST)
    choose(context)
    othercomponent.restore(context, SCHEDULER)
    assert plane.nodes.path(NODE, other).is_file()


def test_its_own_program_is_given_back_while_the_api_server_is_silent(
    context: FaultContext, plane: ControlPlane, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(context)
    silent(plane.api)
    # What waits for its end asks it again, once it runs its own program.
    monkeypatch.setattr(controlplane, "_late", lambda *_: [])
    assert act(UNDO, site).endswith("runs its own program again")
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN


@pytest.mark.parametrize("broken", ["dies", "stuck", "unwell", "leaderless"])
def test_what_does_not_work_is_said_to(context: FaultContext, plane: ControlPlane, broken: str) -> None:
    plane.dies, plane.stuck = broken == "dies", broken == "stuck"
    plane.code = "500" if broken == "unwell" else "200"
    plane.leads = broken != "leaderless"
    if not plane.leads:
        for name in ("kube-controller-manager", "kube-scheduler"):
            lease = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
            plane.api.canned[f"{controlplane._LEASES}/{name}"] = lease
    said = {
        "dies": r"kube-scheduler runs as \[\]",
        "stuck": OWN_PROGRAM,
        "unwell": "answers 500",
        "leaderless": "does not lead",
    }
    with pytest.raises(NodeLostError, match=said[broken]):
        choose(context)
    plane.dies = plane.stuck = False
    plane.code, plane.leads = "200", True
    othercomponent.restore(context, SCHEDULER)
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN


def test_one_that_was_told_to_end_and_does_not_is_ended(context: FaultContext, plane: ControlPlane) -> None:
    plane.lingers = True
    choose(context)
    assert running(context) == [f"{PATH} a-bug"]
    assert plane.ended == 1


def test_one_that_still_answers_is_not_ended(context: FaultContext, plane: ControlPlane) -> None:
    plane.stuck = True
    with pytest.raises(NodeLostError, match=OWN_PROGRAM):
        choose(context)
    assert plane.ended == 0


def test_a_leader_that_gave_up_does_not_wait_for_the_kubelet_s_back_off(
    context: FaultContext, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(context)
    monkeypatch.setattr(controlplane, "PATIENCE_S", 60.0)
    plane.held_back = {"kube-controller-manager"}
    lease = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
    plane.api.canned[f"{controlplane._LEASES}/kube-controller-manager"] = lease
    choose(context, "another")
    assert not plane.held_back


def test_a_manifest_of_podvow_s_whose_own_one_is_lost_is_no_ground_to_build_on(
    context: FaultContext, plane: ControlPlane
) -> None:
    choose(context)
    plane.nodes.path(NODE, f"{FOLDER}/{SCHEDULER}/own.yaml").unlink()
    with pytest.raises(InjectionError, match="own one is lost"):
        choose(context, "another")


@pytest.mark.parametrize("value", ["a b", 'a"', "-a", "A"])
def test_a_name_that_would_be_more_than_a_value_is_refused(
    context: FaultContext, plane: ControlPlane, value: str
) -> None:
    with pytest.raises(InjectionError, match="no name of a mutant"):
        choose(context, value)
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN


def test_crashes_are_counted_by_the_component_s_own_words(
    context: FaultContext, plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    folder = logs / f"kube-system_{SCHEDULER}-worker_uid" / SCHEDULER
    folder.mkdir(parents=True)
    (folder / "0.log").write_text(
        "2026-01-01T00:00:00.5Z stderr F panic: before\n"
        "2026-03-01T00:00:00.5Z stderr F panic: runtime error\n"
        "2026-03-01T00:00:01.5Z stderr F fatal error: all goroutines are asleep\n"
        "2026-03-01T00:00:02.5Z stderr F no panic: at all\n"
    )
    monkeypatch.setattr(othercomponent, "_PANICS", othercomponent._PANICS.replace("/var/log/pods", str(logs)))
    assert othercomponent.panics(context, SCHEDULER, 1_770_000_000.0) == 2
    assert othercomponent.panics(context, SCHEDULER, 1_800_000_000.0) == 0
    assert othercomponent.panics(context, "kube-apiserver", 0.0) == 0
    assert plane.nodes.calls
