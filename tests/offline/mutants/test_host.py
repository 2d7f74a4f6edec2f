"""Which nodes programs are swapped on."""

from __future__ import annotations

import pytest

from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.cluster.provider import DISTURBED, ROLE_LABEL
from podvow.errors import ClusterUnusableError
from podvow.mutants.definition import Target
from podvow.mutants.host import found_in

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
