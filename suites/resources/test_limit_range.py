"""What a LimitRange does to init containers (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import accepted, applied_resources, rejected_with
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import applied
from podvow.scenario.sized import sized


@claim("resources.limit-range.fills-in-inits")
@pytest.mark.parametrize(
    ("edits", "given"),
    [
        pytest.param(sized("init-1", "app"), "cpu=30m/60m memory=20Mi/40Mi", id="nothing-set"),
        pytest.param(sized("init-1 cpu=40m/50m", "app"), "cpu=40m/50m memory=20Mi/40Mi", id="one-resource-set"),
        pytest.param(sized("init-1 cpu=/50m", "app"), "cpu=50m/50m memory=20Mi/40Mi", id="limit-set"),
        pytest.param(sized("init-1 cpu=40m/", "app"), "cpu=40m/60m memory=20Mi/40Mi", id="request-set"),
    ],
)
@scenario(pod="gated", objects=("objects/defaults",), steady=applied(), typical_s=2)
def test_defaults_are_filled_into_a_regular_init_container(timeline: Trial, given: str, edits: object) -> None:
    timeline.must(
        accepted(),
        applied_resources("init-1", *given.split()),
        applied_resources("app", "cpu=30m/60m", "memory=20Mi/40Mi"),
    )


@claim("resources.limit-range.fills-in-inits")
@scenario(
    pod="gated",
    objects=("objects/defaults",),
    edits=sized("side-1", "init-1 memory=10Mi", "side-2 cpu=5m/10m", "app memory=/50Mi"),
    steady=applied(),
    typical_s=2,
)
def test_defaults_are_filled_into_sidecars_and_each_container_by_itself(timeline: Trial) -> None:
    timeline.must(
        applied_resources("side-1", "cpu=30m/60m", "memory=20Mi/40Mi"),
        applied_resources("init-1", "cpu=30m/60m", "memory=10Mi/10Mi"),
        applied_resources("side-2", "cpu=5m/10m", "memory=20Mi/40Mi"),
        applied_resources("app", "cpu=30m/60m", "memory=50Mi/50Mi"),
    )


@claim("resources.limit-range.pod-limit-uses-effective-value")
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(sized("init-1 cpu=80m", "init-2 cpu=80m", "app cpu=80m"), id="inits-beside-the-app"),
        pytest.param(sized("init-1 cpu=100m", "side-1 cpu=50m", "app cpu=50m"), id="sidecar-after-a-big-init"),
    ],
)
@scenario(pod="gated", objects=("objects/pod-ceiling",), steady=applied(), typical_s=2)
def test_a_pod_whose_containers_exceed_the_ceiling_only_together_is_taken(timeline: Trial, edits: object) -> None:
    timeline.must(accepted())


@claim("resources.limit-range.pod-limit-uses-effective-value")
@pytest.mark.parametrize(
    ("edits", "limit"),
    [
        pytest.param(sized("init-1 cpu=120m", "app cpu=10m"), "120m", id="an-init-above-it"),
        pytest.param(sized("side-1 cpu=60m", "app cpu=60m"), "120m", id="sidecar-and-app-above-it"),
        pytest.param(
            sized("side-1 cpu=30m", "init-1 cpu=80m", "app cpu=10m"), "110m", id="sidecar-before-a-big-init"
        ),
    ],
)
@scenario(pod="gated", objects=("objects/pod-ceiling",), expect_rejection=True, steady=applied(), typical_s=2)
def test_a_pod_whose_effective_limit_exceeds_the_ceiling_is_refused(
    timeline: Trial, limit: str, edits: object
) -> None:
    timeline.must(rejected_with(403, f"maximum cpu usage per Pod is 100m, but limit is {limit}"))
