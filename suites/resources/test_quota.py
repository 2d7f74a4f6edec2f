"""What a quota counts: a Pod's effective request and limit (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podvow.expect import Fact, accepted, quota_used
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import object_shows
from podvow.scenario.sized import sized

COUNTED = object_shows("ResourceQuota", "status/used/pods", "1")
QUOTA = scenario(pod="gated", objects=("objects/quota",), steady=COUNTED, typical_s=3)


def shape(name: str, *containers: str, **used: str) -> Any:
    """A row: containers, and what the quota must count, each as request/limit."""
    amounts = {
        f"{kind}.{resource.replace('_', '-')}": amount
        for resource, both in used.items()
        for kind, amount in zip(("requests", "limits"), both.split("/"), strict=True)
    }
    return pytest.param(sized(*containers), amounts, id=name)


def counted(used: Mapping[str, str]) -> list[Fact]:
    """What the quota must count, as expectations."""
    return [quota_used(resource, amount) for resource, amount in used.items()]


@claim(
    "resources.effective-request.is-max-of-inits-and-sum-of-apps",
    "resources.effective-limit.is-max-of-inits-and-sum-of-apps",
)
@pytest.mark.parametrize(
    ("edits", "used"),
    [
        shape(
            "an-init-above-the-app",
            "init-1 cpu=90m/110m memory=50Mi/70Mi",
            "app cpu=20m/30m memory=10Mi/20Mi",
            cpu="90m/110m",
            memory="50Mi/70Mi",
        ),
        shape(
            "an-init-below-the-app",
            "init-1 cpu=20m/30m memory=10Mi/20Mi",
            "app cpu=90m/110m memory=50Mi/70Mi",
            cpu="90m/110m",
            memory="50Mi/70Mi",
        ),
        shape(
            "inits-are-not-added",
            "init-1 cpu=40m/50m memory=30Mi/35Mi",
            "init-2 cpu=60m/70m memory=20Mi/45Mi",
            "init-3 cpu=50m/80m memory=25Mi/40Mi",
            "app cpu=10m/20m memory=10Mi/15Mi",
            cpu="60m/80m",
            memory="30Mi/45Mi",
        ),
        shape(
            "apps-are-added",
            "init-1 cpu=50m/60m memory=40Mi/50Mi",
            "app cpu=30m/35m memory=20Mi/25Mi",
            "app-b cpu=40m/45m memory=30Mi/35Mi",
            cpu="70m/80m",
            memory="50Mi/60Mi",
        ),
        shape(
            "another-winner-per-resource",
            "init-1 cpu=90m/95m memory=10Mi/20Mi",
            "init-2 cpu=10m/20m memory=60Mi/65Mi",
            "app cpu=30m/100m memory=25Mi/35Mi",
            "app-b cpu=30m/40m memory=25Mi/35Mi",
            cpu="90m/140m",
            memory="60Mi/70Mi",
        ),
        shape(
            "equal",
            "init-1 cpu=50m/50m memory=32Mi/32Mi",
            "app cpu=50m/50m memory=32Mi/32Mi",
            cpu="50m/50m",
            memory="32Mi/32Mi",
        ),
    ],
)
@QUOTA
def test_quota_counts_the_highest_init_or_the_sum_of_apps(
    timeline: Trial, used: dict[str, str], edits: object
) -> None:
    timeline.must(*counted(used))


@claim("resources.effective-request.local-storage-counts")
@pytest.mark.parametrize(
    ("edits", "used"),
    [
        shape(
            "init-wins",
            "init-1 cpu=10m/20m memory=10Mi/20Mi ephemeral-storage=3Gi/4Gi",
            "app cpu=30m/40m memory=30Mi/40Mi ephemeral-storage=1Gi/2Gi",
            cpu="30m/40m",
            memory="30Mi/40Mi",
            ephemeral_storage="3Gi/4Gi",
        ),
        shape(
            "apps-and-sidecar-win",
            "side-1 cpu=10m/20m memory=10Mi/20Mi ephemeral-storage=1Gi/2Gi",
            "init-1 cpu=30m/40m memory=30Mi/40Mi ephemeral-storage=1Gi/1Gi",
            "app cpu=10m/20m memory=10Mi/20Mi ephemeral-storage=2Gi/3Gi",
            cpu="40m/60m",
            memory="40Mi/60Mi",
            ephemeral_storage="3Gi/5Gi",
        ),
    ],
)
@scenario(pod="gated", objects=("objects/quota-storage",), steady=COUNTED, typical_s=3)
def test_quota_counts_local_storage_by_the_same_rule(timeline: Trial, used: dict[str, str], edits: object) -> None:
    timeline.must(*counted(used))


@claim("resources.effective-request.sidecars-add-up")
@pytest.mark.parametrize(
    ("edits", "used"),
    [
        shape(
            "sidecar-with-apps",
            "init-1 cpu=20m/25m memory=10Mi/15Mi",
            "side-1 cpu=30m/40m memory=20Mi/30Mi",
            "app cpu=40m/50m memory=30Mi/40Mi",
            cpu="70m/90m",
            memory="50Mi/70Mi",
        ),
        shape(
            "sidecar-before-a-big-init",
            "side-1 cpu=30m/40m memory=20Mi/30Mi",
            "init-1 cpu=100m/110m memory=60Mi/70Mi",
            "app cpu=10m/20m memory=10Mi/20Mi",
            cpu="130m/150m",
            memory="80Mi/100Mi",
        ),
        shape(
            "sidecar-after-a-big-init",
            "init-1 cpu=100m/110m memory=60Mi/70Mi",
            "side-1 cpu=30m/40m memory=20Mi/30Mi",
            "app cpu=10m/20m memory=10Mi/20Mi",
            cpu="100m/110m",
            memory="60Mi/70Mi",
        ),
        shape(
            "sidecars-around-a-big-init",
            "side-1 cpu=20m/25m memory=10Mi/15Mi",
            "init-1 cpu=100m/110m memory=60Mi/70Mi",
            "side-2 cpu=40m/45m memory=20Mi/25Mi",
            "app cpu=10m/20m memory=10Mi/20Mi",
            cpu="120m/135m",
            memory="70Mi/85Mi",
        ),
        shape(
            "each-init-with-the-sidecars-before-it",
            "side-1 cpu=10m/15m memory=10Mi/15Mi",
            "init-1 cpu=50m/60m memory=30Mi/35Mi",
            "side-2 cpu=20m/25m memory=20Mi/25Mi",
            "init-2 cpu=45m/50m memory=25Mi/30Mi",
            "app cpu=5m/10m memory=5Mi/10Mi",
            cpu="75m/90m",
            memory="55Mi/70Mi",
        ),
        shape(
            "sum-of-apps-and-sidecars-wins",
            "side-1 cpu=50m/60m memory=40Mi/50Mi",
            "init-1 cpu=60m/70m memory=30Mi/35Mi",
            "app cpu=40m/45m memory=20Mi/25Mi",
            "app-b cpu=40m/45m memory=20Mi/25Mi",
            cpu="130m/150m",
            memory="80Mi/100Mi",
        ),
        shape(
            "another-winner-per-resource",
            "side-1 cpu=10m/20m memory=40Mi/50Mi",
            "init-1 cpu=100m/100m memory=5Mi/10Mi",
            "app cpu=20m/120m memory=30Mi/35Mi",
            cpu="110m/140m",
            memory="70Mi/85Mi",
        ),
    ],
)
@QUOTA
def test_sidecars_count_with_the_apps_and_with_every_later_init(
    timeline: Trial, used: dict[str, str], edits: object
) -> None:
    timeline.must(*counted(used))


@claim("resources.pod-level.replaces-effective-request")
@pytest.mark.parametrize(
    ("edits", "used"),
    [
        shape(
            "above-the-containers",
            "pod cpu=200m/300m memory=100Mi/120Mi",
            "init-1 cpu=90m/100m memory=50Mi/60Mi",
            "app cpu=20m/30m memory=10Mi/20Mi",
            cpu="200m/300m",
            memory="100Mi/120Mi",
        ),
        shape(
            "one-resource-only",
            "pod cpu=200m/300m",
            "side-1 cpu=10m/20m memory=10Mi/20Mi",
            "init-1 cpu=90m/100m memory=50Mi/60Mi",
            "app cpu=20m/30m memory=10Mi/20Mi",
            cpu="200m/300m",
            memory="60Mi/80Mi",
        ),
        shape(
            "containers-without",
            "pod cpu=200m/300m memory=100Mi/120Mi",
            "init-1",
            "app",
            cpu="200m/300m",
            memory="100Mi/120Mi",
        ),
    ],
)
@QUOTA
def test_quota_counts_the_pods_own_resources_where_it_has_some(
    timeline: Trial, used: dict[str, str], edits: object
) -> None:
    timeline.must(*counted(used))


@claim("resources.quota.defaults-satisfy-it-for-inits")
@pytest.mark.parametrize(
    ("edits", "used"),
    [
        shape(
            "inits-without",
            "init-1",
            "init-2",
            "app cpu=10m/20m memory=10Mi/20Mi",
            cpu="30m/60m",
            memory="20Mi/40Mi",
        ),
        shape(
            "a-sidecar-without",
            "side-1",
            "init-1 cpu=40m/70m memory=15Mi/30Mi",
            "app cpu=10m/20m memory=10Mi/20Mi",
            cpu="70m/130m",
            memory="35Mi/70Mi",
        ),
    ],
)
@scenario(pod="gated", objects=("objects/quota", "objects/defaults"), steady=COUNTED, typical_s=3)
def test_a_quota_takes_an_init_container_that_is_given_default_resources(
    timeline: Trial, used: dict[str, str], edits: object
) -> None:
    timeline.must(accepted(), *counted(used))
