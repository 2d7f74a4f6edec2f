from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from podvow.cluster.profile import (
    NodeProfile,
    Windows,
    parse_duration,
    parse_quantity,
    read_profile,
)
from podvow.errors import UsageError
from tests.offline.api.stub import Stub, reply, status

if TYPE_CHECKING:
    from podvow.api import Api

METRICS = """\
# HELP kubernetes_feature_enabled [BETA] Stage and enablement of a feature.
# TYPE kubernetes_feature_enabled gauge
kubernetes_feature_enabled{name="ContainerRestartRules",stage="BETA"} 1
kubernetes_feature_enabled{name="EventedPLEG",stage="ALPHA"} 0
kubernetes_feature_enabled{name="PodObservedGenerationTracking",stage=""} 1
other_metric{name="Nothing"} 1
"""


def node(name: str = "n1", *, ready: str = "True", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"node-role.kubernetes.io/control-plane": "", "zone": "z"}},
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.36.3", "containerRuntimeVersion": "containerd://2.3.7"},
            "allocatable": {"pods": "110", "cpu": "1930m"},
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": "172.18.0.2"}],
            "conditions": [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": "False"}],
            "images": [{"names": ["registry.test/busybox:1.36", "registry.test/busybox@sha256:00"]}],
            **status,
        },
    }


@pytest.fixture
def cluster(stub: Stub) -> Stub:
    stub.always("/metrics", reply(METRICS))
    stub.always("/api/v1/namespaces/kube-system", reply({"metadata": {"uid": "u-1"}}))
    for name in ("n1", "n2"):
        stub.always(f"/api/v1/nodes/{name}/proxy/metrics", reply(METRICS))
        stub.always(f"/api/v1/nodes/{name}/proxy/configz", reply({"kubeletconfig": {"syncFrequency": "1m0s"}}))
    return stub


@pytest.mark.parametrize(
    ("text", "value"), [("1930m", 1.93), ("4", 4), ("20Gi", 20 * 2**30), ("2k", 2000), ("1e3", 1000), ("?", 0)]
)
def test_quantities_are_numbers(text: str, value: float) -> None:
    assert parse_quantity(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"), [("5m0s", 300), ("1h1m1s", 3661), ("500ms", 0.5), ("1.5s", 1.5), ("", 0)]
)
def test_durations_are_seconds(text: str, value: float) -> None:
    assert parse_duration(text) == pytest.approx(value)


def test_the_profile_says_what_the_cluster_is(api: Api, cluster: Stub) -> None:
    features: dict[str, Any] = {"features": {"supplementalGroupsPolicy": True}, "declaredFeatures": ["A", "B"]}
    cluster.always("/api/v1/nodes", reply({"items": [node("n2"), node("n1", **features)]}))
    profile = read_profile(api)
    assert (profile.server_version, profile.version) == ("v1.37.2", Version("1.37.2"))
    assert profile.kube_system_uid == "u-1"
    assert profile.server_address == api.server_address
    assert profile.gate("ContainerRestartRules") is True
    assert not profile.notes
    assert [each.name for each in profile.nodes] == ["n1", "n2"]
    first = profile.node("n1")
    assert first.version == Version("1.36.3")
    assert (first.ready, first.usable, first.cpu, first.allocatable_pods) == (True, True, 1.93, 110)
    assert (first.pod_cidr, first.address, first.roles) == ("10.244.0.0/24", "172.18.0.2", ("control-plane",))
    assert first.declared_features == ("A", "B")
    assert first.images == {"registry.test/busybox:1.36", "registry.test/busybox@sha256:00"}
    assert first.capabilities == (
        "kubelet-metrics",
        "kubelet-configuration",
        "declared-features",
        "supplemental-groups-policy",
    )
    with pytest.raises(UsageError, match="n1, n2"):
        profile.node("n3")


def test_gates_that_left_the_metrics_are_on_when_they_graduated(api: Api, cluster: Stub) -> None:
    cluster.always("/api/v1/nodes", reply({"items": [node()]}))
    profile = read_profile(api).node("n1")
    assert profile.gate("EventedPLEG") is False
    assert profile.gate("SidecarContainers") is True
    assert profile.gate("NodeDeclaredFeatures") is False
    assert profile.gate("NeverHeardOf") is False


def test_what_may_not_be_read_is_unknown_and_noted(api: Api, cluster: Stub) -> None:
    cluster.always("/api/v1/nodes", reply({"items": [node()]}))
    forbidden = status(403, "Forbidden", "nodes/proxy")
    for path in ("/metrics", "/api/v1/namespaces/kube-system"):
        cluster.always(path, forbidden)
    for path in ("metrics", "configz"):
        cluster.always(f"/api/v1/nodes/n1/proxy/{path}", forbidden)
    profile = read_profile(api)
    assert profile.gate("ContainerRestartRules") is None
    assert profile.kube_system_uid == ""
    assert len(profile.notes) == 2
    first = profile.node("n1")
    assert first.gate("SidecarContainers") is None
    assert (first.backoff_initial_s, first.backoff_max_s) == (10, 300)
    assert len(first.notes) == 2
    assert "Forbidden" in first.notes[0]


def test_a_node_that_is_not_ready_is_not_asked(api: Api, cluster: Stub) -> None:
    cluster.always("/api/v1/nodes", reply({"items": [node(ready="Unknown")]}))
    first = read_profile(api).node("n1")
    assert not first.usable
    assert cluster.count("/api/v1/nodes/n1/proxy/metrics") == 0
    assert "not ready" in first.notes[0]


@pytest.mark.parametrize(
    ("reduced", "period", "expected"),
    [(0, None, (10, 300)), (0, "1s", (1, 1)), (0, "2m0s", (10, 120)), (1, None, (1, 60)), (1, "5m0s", (1, 300))],
)
def test_the_backoff_is_what_the_kubelet_was_told(
    api: Api, cluster: Stub, reduced: int, period: str | None, expected: tuple[float, float]
) -> None:
    gate = 'kubernetes_feature_enabled{name="ReduceDefaultCrashLoopBackOffDecay",stage="ALPHA"}'
    configuration = {"crashLoopBackOff": {"maxContainerRestartPeriod": period} if period else {}}
    cluster.always("/api/v1/nodes", reply({"items": [node()]}))
    cluster.always("/api/v1/nodes/n1/proxy/metrics", reply(f"{gate} {reduced}\n"))
    cluster.always("/api/v1/nodes/n1/proxy/configz", reply({"kubeletconfig": configuration}))
    first = read_profile(api).node("n1")
    assert (first.backoff_initial_s, first.backoff_max_s) == expected


def test_the_backoff_doubles_up_to_its_cap() -> None:
    windows = Windows.of(NodeProfile("n", "v1.37.2"))
    assert [windows.backoff(n)[0] for n in range(1, 9)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert windows.backoff(1)[1] == windows.restart
    assert all(lower < upper for lower, upper in map(windows.backoff, range(1, 50)))


def test_an_immediate_restart_can_be_told_from_a_delayed_one() -> None:
    for version in ("v1.29.6", "v1.37.2"):
        windows = Windows.of(NodeProfile("n", version))
        assert windows.restart < windows.backoff(2)[0]


def test_older_kubelets_restart_later() -> None:
    old, new = (Windows.of(NodeProfile("n", version)) for version in ("v1.34.4", "v1.35.4"))
    assert old.backoff(2)[1] == new.backoff(2)[1] + 15


def test_a_grace_period_has_a_floor() -> None:
    windows = Windows.of(NodeProfile("n", "v1.37.2"))
    assert windows.terminate(0) == windows.terminate(2)
    assert windows.terminate(30) - windows.terminate(2) == 28
