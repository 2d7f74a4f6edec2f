"""Which survivors there are, where they are planted, and when each is as it is meant to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podvow.cluster import imagelist
from podvow.errors import UsageError
from podvow.labels import COHORT_LABEL, MANAGED_LABEL, RUN_LABEL
from podvow.scenario.manifest import containers_of, images_of, pod_specs
from podvow.timeline.timeline import TRACE_VOLUME
from podvow.upgrade import cohort
from podvow.upgrade.cohort import Planted, expected, image_patch, plan, unsettled
from tests.offline.upgrade.build import raw_pod

NODES = ("node-a", "node-b")


@pytest.fixture(scope="module")
def planted() -> list[Planted]:
    return plan("u1", "podvow-survivors-u1", NODES, statics=True)


def names(planted: list[Planted]) -> list[str]:
    return [f"{each.manifest['kind']} {each.manifest['metadata']['name']}" for each in planted]


def test_the_service_comes_first_and_the_samplers_last(planted: list[Planted]) -> None:
    found = names(planted)
    assert found[:3] == ["Service web", "PodDisruptionBudget web", "Deployment web"]
    assert found[-1] == "DaemonSet sampler"


def test_pods_are_planted_on_every_node_and_workloads_once(planted: list[Planted]) -> None:
    found = names(planted)
    assert [name for name in found if "three-inits" in name] == ["Pod three-inits-1", "Pod three-inits-2"]
    assert [
        found.count(f"{kind} {kind.lower()}") for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job")
    ] == [1] * 4
    pinned = [
        each.manifest["spec"]["nodeSelector"]
        for each in planted
        if "three-inits" in str(each.manifest["metadata"]["name"])
    ]
    assert pinned == [{"kubernetes.io/hostname": node} for node in NODES]


def test_every_shape_that_was_asked_for_is_there(planted: list[Planted]) -> None:
    specs = [spec for each in planted for _, spec in pod_specs(each.manifest)]
    regular = {sum("restartPolicy" not in c for c in spec.get("initContainers") or ()) for spec in specs}
    assert {0, 1, 2, 3} <= regular
    assert {"Always", "OnFailure", "Never"} <= {spec.get("restartPolicy") for spec in specs}
    assert any(c.get("restartPolicy") == "Always" for spec in specs for c in spec.get("initContainers") or ())
    states = {each.manifest["metadata"].get("annotations", {}).get(cohort.STEADY) for each in planted}
    assert states >= {"ready", "initialising", "crash-looping", "succeeded"}


def test_survivors_outlive_the_run_that_planted_them(planted: list[Planted]) -> None:
    for each in planted:
        for metadata in (each.manifest["metadata"], *(m for m, _ in pod_specs(each.manifest))):
            assert metadata["labels"][COHORT_LABEL] == "u1"
            assert not {MANAGED_LABEL, RUN_LABEL} & metadata["labels"].keys(), "podvow recover would remove it"


def test_all_write_their_trace_but_the_samplers_and_use_only_images_that_nodes_have(planted: list[Planted]) -> None:
    for each in planted:
        for _, spec in pod_specs(each.manifest):
            traced = any(volume["name"] == TRACE_VOLUME for volume in spec.get("volumes") or ())
            assert traced is (each.manifest["metadata"]["name"] != "sampler")
            assert len({c["name"] for c in containers_of(spec)}) == len(list(containers_of(spec)))
    known = {ref for image in imagelist.load() for ref in image.refs}
    assert images_of([each.manifest for each in planted]) <= known


def test_static_pods_need_a_way_onto_the_nodes(planted: list[Planted]) -> None:
    static = [each for each in planted if not each.path]
    assert [(each.manifest["metadata"]["name"], each.node) for each in static] == [("static", n) for n in NODES]
    assert "nodeSelector" not in static[0].manifest["spec"]
    assert all(each.path for each in plan("u1", "n", NODES, statics=False))


def test_objects_go_to_the_collection_of_their_kind(planted: list[Planted]) -> None:
    paths = {each.manifest["kind"]: each.path for each in planted if each.path}
    assert paths["Pod"] == "/api/v1/namespaces/podvow-survivors-u1/pods"
    assert paths["PodDisruptionBudget"] == "/apis/policy/v1/namespaces/podvow-survivors-u1/poddisruptionbudgets"


def test_how_many_pods_there_will_be(planted: list[Planted]) -> None:
    counts = expected(planted, 3)
    assert (counts["web"], counts["job"], counts["statefulset"]) == (2, 2, 2)
    assert (counts["sampler"], counts["daemonset"]) == (3, 3)
    assert (counts["static"], counts["no-init"]) == (2, 2)


@pytest.mark.parametrize(
    ("steady", "status", "met"),
    [
        ("ready", {}, True),
        ("ready", {"conditions": [{"type": "Ready", "status": "False"}]}, False),
        ("succeeded", {"phase": "Succeeded"}, True),
        ("succeeded", {}, False),
        ("crash-looping", {}, True),
        ("crash-looping", {"containerStatuses": [{"name": "app", "restartCount": 0}]}, False),
        ("initialising", {"initContainerStatuses": [{"name": "init-2", "state": {"running": {}}}]}, True),
        ("initialising", {}, False),
    ],
)
def test_when_a_survivor_is_as_it_is_meant_to_be(steady: str, status: dict[str, Any], *, met: bool) -> None:
    lacks = unsettled(raw_pod("x", steady=steady, **status))
    assert (lacks == "") is met
    assert met or lacks.endswith(f"not {steady}")


def test_the_image_that_is_changed_afterwards(planted: list[Planted]) -> None:
    patches = [image_patch(each.manifest) for each in planted]
    green = {"spec": {"initContainers": [{"name": "init-1", "image": "podvow/busybox:green"}]}}
    assert [patch for patch in patches if patch] == [green, green]


def test_a_folder_without_the_samplers_service_and_a_survivor_without_a_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lacks web\.yaml"):
        plan("u1", "n", NODES, statics=False, folder=tmp_path)
    for name in ("web", "sampler"):
        text = (cohort.FOLDER / "no-init.yaml").read_text(encoding="utf-8").replace("no-init", name)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert plan("u1", "n", ["one"], statics=False, folder=tmp_path)
    broken = (
        (tmp_path / "web.yaml").read_text(encoding="utf-8").replace("podvow.dev/shape: web", "podvow.dev/shape: x")
    )
    (tmp_path / "web.yaml").write_text(broken, encoding="utf-8")
    with pytest.raises(UsageError, match="it lacks its label"):
        plan("u1", "n", ["one"], statics=False, folder=tmp_path)
