"""A control plane that is silent on podvow's account: its node alone tells what is to be given back."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podvow.api import Api
from podvow.cluster import lifecycle
from podvow.cluster.provider import Cluster
from podvow.errors import ClusterUnusableError
from podvow.faults import controlplane, othercomponent
from podvow.journal import silent
from podvow.journal.act import Site
from podvow.journal.reach import Target, connect
from tests.offline.faults.component import MANIFEST, NODE, OWN, ControlPlane
from tests.offline.journal.cluster import World

SCHEDULER = "kube-scheduler"
DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlplane, "_POLL_S", 0.01)
    monkeypatch.setattr(silent, "_POLL_S", 0.01)


@pytest.fixture
def plane(tmp_path: Path) -> ControlPlane:
    world = World(tmp_path)
    return ControlPlane(world.nodes, world.api)


@pytest.fixture
def site(plane: ControlPlane) -> Site:
    api: Any = plane.api
    return Site(api, plane)


def leave(plane: ControlPlane, site: Site, *, age_s: float) -> None:
    """Leave a component with another program, as a run that died so long ago."""
    context = site.context(NODE)
    plane.nodes.write(NODE, othercomponent.path_of(SCHEDULER, DIGEST))
    othercomponent.choose(context, SCHEDULER, DIGEST, "PODVOW_MUTANT", "a-bug")
    manifest = plane.nodes.path(NODE, MANIFEST)
    at_s = manifest.stat().st_mtime - age_s
    os.utime(manifest, (at_s, at_s))


def test_a_component_that_a_dead_run_left_gets_its_own_program_back(plane: ControlPlane, site: Site) -> None:
    leave(plane, site, age_s=1000.0)
    (done,) = silent.awaken(site, [NODE])
    assert done == "kube-scheduler of node worker runs its own program again"
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN
    assert silent.awaken(site, [NODE]) == []


def test_a_run_that_may_live_is_given_its_time(
    plane: ControlPlane, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(plane, site, age_s=0.0)
    monkeypatch.setattr(silent, "PATIENCE_S", 30.0)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        othercomponent.restore(site.context(NODE), SCHEDULER)

    # Only the module's own view of `time`: subprocess waits with `time.sleep` too.
    monkeypatch.setattr(silent, "time", SimpleNamespace(sleep=wait))
    assert silent.awaken(site, [NODE]) == ["kube-scheduler of node worker was given its own program back"]
    assert waited


def test_it_is_not_waited_for_for_ever(plane: ControlPlane, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(plane, site, age_s=0.0)
    monkeypatch.setattr(silent, "PATIENCE_S", 0.1)
    (done,) = silent.awaken(site, [NODE])
    assert done.endswith("runs its own program again")


@pytest.fixture
def attached(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let podvow's cluster be the made-up one, whose API server does not answer."""

    def attach(name: str, **_: bool) -> Cluster:
        return Cluster("kind", name, Path("kubeconfig"), "kind-podvow", plane)

    monkeypatch.setattr(lifecycle, "attach", attach)
    monkeypatch.setattr(lifecycle, "control_plane", lambda _: [NODE])
    monkeypatch.setattr(Api, "connect", lambda *_: plane.api)


@pytest.mark.usefixtures("attached")
def test_recovery_begins_with_it_where_nobody_answers(plane: ControlPlane, site: Site) -> None:
    leave(plane, site, age_s=1000.0)
    assert connect(Target("kind", "podvow")).access is plane
    assert plane.nodes.path(NODE, MANIFEST).read_bytes() == OWN
    assert not plane.api.closed


@pytest.mark.usefixtures("attached")
def test_an_api_server_that_is_silent_for_another_reason_is_an_error(plane: ControlPlane) -> None:
    with pytest.raises(ClusterUnusableError, match="does not answer"):
        connect(Target("kind", "podvow"))
    assert plane.api.closed
