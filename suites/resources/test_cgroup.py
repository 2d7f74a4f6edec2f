"""The Pod's cgroup on its node (init-containers#resource-sharing-within-containers)."""

from __future__ import annotations

import pytest

from podvow.expect import cgroup_had, probed, qos, ran
from podvow.marks import Trial, claim, scenario
from podvow.probes.node import pod_cgroup
from podvow.scenario.conditions import running
from podvow.scenario.model import Look
from podvow.scenario.sized import sized

CGROUP = pod_cgroup().name


@claim("resources.cgroup.has-effective-limit")
@pytest.mark.parametrize(
    ("edits", "has"),
    [
        pytest.param(
            sized("init-1 cpu=50m/170m memory=12Mi/72Mi", "app cpu=20m/60m memory=16Mi/32Mi"),
            "cpu=50m/170m memory=/72Mi",
            id="highest-init",
        ),
        pytest.param(
            sized(
                "init-1 cpu=30m/60m memory=12Mi/40Mi",
                "app cpu=10m/70m memory=16Mi/32Mi",
                "app-b cpu=30m/90m memory=16Mi/40Mi",
            ),
            "cpu=40m/160m memory=/72Mi",
            id="sum-of-apps",
        ),
        pytest.param(
            sized(
                "side-1 cpu=10m/30m memory=12Mi/24Mi",
                "init-1 cpu=50m/110m memory=12Mi/32Mi",
                "app cpu=10m/20m memory=16Mi/48Mi",
            ),
            "cpu=60m/140m memory=/72Mi",
            id="sidecar-and-init",
        ),
    ],
)
@scenario(pod="bare", steady=running("app"), then=(Look(pod_cgroup()),), typical_s=6)
def test_the_pods_cgroup_has_the_effective_request_and_limit(timeline: Trial, has: str, edits: object) -> None:
    timeline.must(
        ran("init-1", times=1),
        qos("Burstable"),
        cgroup_had(*has.split()),
        probed(CGROUP, "qos", "Burstable"),
    )


@claim("resources.cgroup.no-limit-if-one-container-has-none")
@pytest.mark.parametrize(
    ("edits", "has"),
    [
        pytest.param(
            sized("init-1 memory=/24Mi", "app cpu=20m/60m memory=16Mi/32Mi"),
            "cpu=20m/none memory=/32Mi",
            id="init-without-cpu",
        ),
        pytest.param(
            sized("init-1 cpu=20m/60m", "app cpu=10m/50m memory=16Mi/32Mi"),
            "cpu=20m/60m memory=/none",
            id="init-without-memory",
        ),
        pytest.param(
            sized("side-1", "init-1 cpu=20m/60m memory=/24Mi", "app cpu=10m/50m memory=/32Mi"),
            "cpu=20m/none memory=/none",
            id="sidecar-without",
        ),
        pytest.param(
            sized("init-1 cpu=20m/60m memory=/24Mi", "app", "app-b cpu=10m/50m memory=/32Mi"),
            "cpu=20m/none memory=/none",
            id="app-without",
        ),
    ],
)
@scenario(pod="bare", steady=running("app"), then=(Look(pod_cgroup()),), typical_s=6)
def test_the_pods_cgroup_has_no_limit_if_one_container_has_none(timeline: Trial, has: str, edits: object) -> None:
    timeline.must(ran("init-1", times=1), cgroup_had(*has.split()))


@claim("resources.qos.decides-cgroup")
@pytest.mark.parametrize(
    ("expected", "edits", "has"),
    [
        pytest.param("BestEffort", sized("init-1", "app"), "cpu=0/none memory=/none", id="BestEffort"),
        pytest.param(
            "Guaranteed",
            sized("init-1 cpu=40m memory=24Mi", "app cpu=30m memory=32Mi"),
            "cpu=40m memory=/32Mi",
            id="Guaranteed",
        ),
        pytest.param("Burstable", sized("init-1 cpu=40m", "app"), "cpu=40m/none memory=/none", id="Burstable"),
        pytest.param(
            "Guaranteed",
            sized("pod cpu=50m memory=40Mi", "init-1 cpu=30m/40m memory=12Mi/24Mi", "app"),
            "cpu=50m memory=/40Mi",
            id="Guaranteed-by-the-Pods-own",
        ),
        pytest.param(
            "Burstable",
            sized("pod cpu=50m/60m memory=40Mi", "init-1 cpu=40m memory=24Mi", "app cpu=30m memory=32Mi"),
            "cpu=50m/60m memory=/40Mi",
            id="Burstable-by-the-Pods-own",
        ),
    ],
)
@scenario(pod="bare", steady=running("app"), then=(Look(pod_cgroup()),), typical_s=6)
def test_the_qos_class_with_inits_decides_where_the_cgroup_lies(
    timeline: Trial, expected: str, has: str, edits: object
) -> None:
    timeline.must(qos(expected), cgroup_had(*has.split()), probed(CGROUP, "qos", expected))


@claim("resources.pod-level.limits-cgroup")
@pytest.mark.parametrize(
    ("edits", "has"),
    [
        pytest.param(
            sized("pod cpu=70m/210m memory=40Mi/96Mi", "init-1 cpu=50m/170m memory=12Mi/72Mi", "app"),
            "cpu=70m/210m memory=/96Mi",
            id="containers-without",
        ),
        pytest.param(
            sized("pod cpu=80m/90m", "side-1", "init-1 memory=/24Mi", "app memory=/32Mi"),
            "cpu=80m/90m memory=/none",
            id="cpu-only",
        ),
        pytest.param(
            sized("pod memory=40Mi/96Mi", "side-1", "init-1 cpu=20m/60m", "app cpu=10m/50m"),
            "memory=/96Mi",
            id="memory-only",
        ),
    ],
)
@scenario(pod="bare", steady=running("app"), then=(Look(pod_cgroup()),), typical_s=6)
def test_the_pods_own_limit_is_that_of_its_cgroup(timeline: Trial, has: str, edits: object) -> None:
    timeline.must(ran("init-1", times=1), cgroup_had(*has.split()))
