"""Which nodes programs are swapped on."""

from __future__ import annotations

from pathlib import Path

import pytest

from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.cluster.provider import DISTURBED, ROLE_LABEL
from podvow.errors import ClusterUnusableError
from podvow.mutants import host
from podvow.mutants.definition import Target
from podvow.mutants.host import found_in, places
from podvow.mutants.share import Place
from podvow.session import Session

CONTROL = NodeProfile("control-plane", "v1.37.1", ready=True, roles=("control-plane",), taints=("control",))
STEADY = NodeProfile("worker", "v1.36.3", ready=True)
FAULTY = NodeProfile("worker2", "v1.36.3", ready=True, labels={ROLE_LABEL: DISTURBED})
ALL = frozenset(Target)


def test_each_program_has_its_place_and_its_version() -> None:
    found = found_in(ClusterProfile("v1.37.2", (CONTROL, STEADY, FAULTY)), "podvow", ALL)
    assert found.nodes == {
        Target.KUBELET: "worker2",
        Target.API_SERVER: "control-plane",
        Target.CONTROLLER_MANAGER: "control-plane",
        Target.SCHEDULER: "control-plane",
    }
    assert found.versions[Target.KUBELET] == "v1.36.3"
    assert {found.versions[target] for target in ALL - {Target.KUBELET}} == {"v1.37.2"}


def test_only_what_is_asked_for_must_be_there() -> None:
    profile = ClusterProfile("v1.37.2", (CONTROL, STEADY))
    assert set(found_in(profile, "podvow", frozenset({Target.SCHEDULER})).nodes) == {Target.SCHEDULER}
    with pytest.raises(ClusterUnusableError, match="no worker for faults"):
        found_in(profile, "podvow", frozenset({Target.KUBELET}))


@pytest.mark.parametrize("control", [(), (CONTROL, CONTROL)])
def test_which_of_several_api_servers_answers_is_chance(control: tuple[NodeProfile, ...]) -> None:
    with pytest.raises(ClusterUnusableError, match="not one"):
        found_in(ClusterProfile("v1.37.2", (*control, FAULTY)), "podvow", frozenset({Target.API_SERVER}))


def test_the_worker_that_is_meant_is_taken() -> None:
    another = NodeProfile("worker3", "v1.37.0", ready=True, labels={ROLE_LABEL: DISTURBED})
    profile = ClusterProfile("v1.37.2", (CONTROL, STEADY, FAULTY, another))
    kubelet = frozenset({Target.KUBELET})
    assert found_in(profile, "podvow", kubelet).nodes == {Target.KUBELET: "worker2"}
    found = found_in(profile, "podvow", kubelet, node="worker3")
    assert (found.nodes, found.versions) == ({Target.KUBELET: "worker3"}, {Target.KUBELET: "v1.37.0"})
    with pytest.raises(ClusterUnusableError, match="podvow has no worker worker for faults"):
        found_in(profile, "podvow", kubelet, node="worker")


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        ({"a": ["w2"]}, [Place("a")]),
        ({"a": []}, [Place("a")]),
        ({"a": ["w2"], "b": []}, [Place("a"), Place("b")]),
        ({"a": ["w2", "w3"]}, [Place("a", "w2"), Place("a", "w3")]),
        ({"a": ["w2", "w3"], "b": ["w4"]}, [Place("a", "w2"), Place("a", "w3"), Place("b", "w4")]),
        ({"a": ["w2", "w3"], "away": []}, [Place("a", "w2"), Place("a", "w3"), Place("away")]),
    ],
)
def test_every_worker_for_faults_is_a_place(
    workers: dict[str, list[str]], expected: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_workers", lambda session: workers[session.name])
    sessions = [Session("r", Path("r"), name=name) for name in workers]
    assert places(sessions, ALL) == expected
    assert places(sessions, frozenset({Target.SCHEDULER})) == [Place(name) for name in workers]


def test_a_cluster_that_is_away_is_a_place_and_says_so_itself(tmp_path: Path) -> None:
    assert places([Session("r", tmp_path, name="there-is-none")], ALL) == [Place("there-is-none")]
