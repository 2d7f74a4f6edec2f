"""Effective resources of a Pod with init containers (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

from typing import Any

import pytest

from podvow.expect import qos, quota_used
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import object_shows, running

_SAME: dict[str, Any] = {
    "requests": {"cpu": "20m", "memory": "16Mi"},
    "limits": {"cpu": "20m", "memory": "16Mi"},
}


def sized(*names: str) -> dict[str, Any]:
    kinds = {
        "initContainers": [{"name": n, "resources": _SAME} for n in names if n.startswith("init")],
        "containers": [{"name": n, "resources": _SAME} for n in names if n.startswith("app")],
    }
    return {"spec": {kind: listed for kind, listed in kinds.items() if listed}}


@claim("resources.effective-request.is-max-of-inits-and-sum-of-apps")
@scenario(
    pod="sized",
    objects=("objects/quota",),
    steady=object_shows("ResourceQuota", "status/used/pods", "1"),
    typical_s=3,
)
def test_quota_counts_the_highest_init_or_the_sum_of_apps_per_resource(timeline: Trial) -> None:
    timeline.must(
        quota_used("requests.cpu", "50m"),
        quota_used("requests.memory", "48Mi"),
        quota_used("limits.cpu", "140m"),
        quota_used("limits.memory", "64Mi"),
    )


@claim("resources.qos.includes-inits")
@pytest.mark.parametrize(
    ("expected", "edits"),
    [
        pytest.param("BestEffort", {}, id="nothing-set"),
        pytest.param("Burstable", sized("app"), id="inits-without"),
        pytest.param("Guaranteed", sized("init-1", "init-2", "app"), id="all-equal"),
    ],
)
@scenario(pod="valid-pod", steady=running("app"), typical_s=5)
def test_the_qos_class_counts_init_containers_too(timeline: Trial, expected: str, edits: object) -> None:
    timeline.must(qos(expected))
