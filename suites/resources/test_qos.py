"""The QoS class of a Pod with init containers (pod-qos; init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import qos
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import pod_shows
from podvow.scenario.sized import sized

SAME = "cpu=20m memory=16Mi"
GATED = pod_shows("status/conditions/PodScheduled/reason", "SchedulingGated")


@claim("resources.qos.includes-inits")
@pytest.mark.parametrize(
    ("expected", "edits"),
    [
        pytest.param("BestEffort", sized("init-1", "app"), id="nothing-set"),
        pytest.param("Burstable", sized("init-1", f"app {SAME}"), id="init-without"),
        pytest.param("Burstable", sized(f"init-1 {SAME}", "app"), id="app-without"),
        pytest.param("Guaranteed", sized(f"init-1 {SAME}", f"app {SAME}"), id="all-equal"),
        pytest.param("Guaranteed", sized("init-1 cpu=40m memory=32Mi", f"app {SAME}"), id="init-of-another-size"),
        pytest.param(
            "Guaranteed", sized("init-1 cpu=/20m memory=/16Mi", f"app {SAME}"), id="init-with-limits-only"
        ),
        pytest.param(
            "Burstable", sized("init-1 cpu=10m/20m memory=16Mi", f"app {SAME}"), id="init-below-its-limit"
        ),
        pytest.param(
            "Burstable", sized("init-1 cpu=20m/ memory=16Mi/", f"app {SAME}"), id="init-with-requests-only"
        ),
        pytest.param("Burstable", sized("init-1 cpu=20m", f"app {SAME}"), id="init-without-memory"),
        pytest.param("Burstable", sized(f"init-1 {SAME}", "init-2", f"app {SAME}"), id="second-init-without"),
        pytest.param("BestEffort", sized("init-1 ephemeral-storage=1Gi", "app"), id="init-with-storage-only"),
    ],
)
@scenario(pod="gated", steady=GATED, typical_s=2)
def test_init_containers_count_for_the_qos_class(timeline: Trial, expected: str, edits: object) -> None:
    timeline.must(qos(expected))


@claim("resources.qos.includes-sidecars")
@pytest.mark.parametrize(
    ("expected", "edits"),
    [
        pytest.param("Guaranteed", sized(f"side-1 {SAME}", f"init-1 {SAME}", f"app {SAME}"), id="all-equal"),
        pytest.param("Burstable", sized("side-1", f"init-1 {SAME}", f"app {SAME}"), id="sidecar-without"),
        pytest.param("Burstable", sized("side-1 cpu=5m/", "init-1", "app"), id="only-the-sidecar"),
    ],
)
@scenario(pod="gated", steady=GATED, typical_s=2)
def test_sidecars_count_for_the_qos_class(timeline: Trial, expected: str, edits: object) -> None:
    timeline.must(qos(expected))


@claim("resources.pod-level.decides-qos")
@pytest.mark.parametrize(
    ("expected", "edits"),
    [
        pytest.param("Guaranteed", sized(f"pod {SAME}", "init-1", "app"), id="containers-without"),
        pytest.param(
            "Burstable", sized("pod cpu=40m/80m memory=32Mi", f"init-1 {SAME}", f"app {SAME}"), id="below"
        ),
        pytest.param("Burstable", sized("pod cpu=40m/", "init-1", "app"), id="request-only"),
        pytest.param("Guaranteed", sized(f"pod {SAME}", "side-1 cpu=5m/10m", "app"), id="burstable-sidecar"),
    ],
)
@scenario(pod="gated", steady=GATED, typical_s=2)
def test_the_pods_own_resources_decide_the_qos_class(timeline: Trial, expected: str, edits: object) -> None:
    timeline.must(qos(expected))
