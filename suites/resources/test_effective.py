"""Effective resources of a Pod with init containers (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

from podvow.expect import cgroup_had, qos, quota_used, ran_in_order
from podvow.marks import Trial, claim, scenario
from podvow.probes.node import pod_cgroup
from podvow.scenario.conditions import object_shows, running
from podvow.scenario.model import Look


@claim(
    "resources.effective-request.is-max-of-inits-and-sum-of-apps",
    "resources.effective-limit.is-max-of-inits-and-sum-of-apps",
)
@scenario(
    pod="sized",
    objects=("objects/quota",),
    steady=object_shows("ResourceQuota", "status/used/pods", "1") & running("app-a", "app-b"),
    then=(Look(pod_cgroup()),),
    typical_s=6,
)
def test_quota_counts_the_highest_init_or_the_sum_of_apps_per_resource(timeline: Trial) -> None:
    timeline.must(
        quota_used("requests.cpu", "50m"),
        quota_used("requests.memory", "48Mi"),
        quota_used("limits.cpu", "140m"),
        quota_used("limits.memory", "64Mi"),
        ran_in_order("init-1", "init-2", "app-a"),
        qos("Burstable"),
        cgroup_had("cpu=50m/140m", "memory=/64Mi"),
    )
