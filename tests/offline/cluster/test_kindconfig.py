from __future__ import annotations

from typing import Any

import pytest
import yaml

from podvow.cluster import kind, kindconfig
from podvow.errors import UsageError
from podvow.paths import FIXTURES
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

COREFILE = """\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
}
"""


def configured(version: str = "v1.37.2", **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"cgroup_v1": False, "local_image": False, **more}
    return kindconfig.configure(
        yaml.safe_load((FIXTURES / "kind" / "default.yaml").read_text()), version=version, **settings
    )


def patches(config: dict[str, Any]) -> dict[str, Any]:
    return {document["kind"]: document for document in map(yaml.safe_load, config.get("kubeadmConfigPatches", []))}


def test_a_published_image_on_cgroup_v2_gets_the_file_as_it_is() -> None:
    assert configured() == yaml.safe_load((FIXTURES / "kind" / "default.yaml").read_text())


@pytest.mark.parametrize(
    ("version", "cgroup_v1", "patched"),
    [("v1.34.4", True, False), ("v1.35.0", True, True), ("v1.37.2", True, True), ("v1.37.2", False, False)],
)
def test_kubelets_that_refuse_cgroup_v1_are_told_to_take_it(
    version: str, *, cgroup_v1: bool, patched: bool
) -> None:
    found = patches(configured(version, cgroup_v1=cgroup_v1))
    assert found == (
        {"KubeletConfiguration": {"kind": "KubeletConfiguration", "failCgroupV1": False}} if patched else {}
    )


def test_an_image_of_ours_brings_no_network_and_names_the_real_tags() -> None:
    config = configured(local_image=True, etcd_tag="3.7.1", coredns_tag="v1.14.5")
    assert config["networking"]["disableDefaultCNI"] is True
    assert config["networking"]["ipFamily"] == "ipv4"
    assert patches(config)["ClusterConfiguration"] == {
        "kind": "ClusterConfiguration",
        "etcd": {"local": {"imageTag": "3.7.1"}},
        "dns": {"imageTag": "v1.14.5"},
    }


def test_patches_of_the_file_are_kept_and_the_file_is_not_changed() -> None:
    base = {"kind": "Cluster", "kubeadmConfigPatches": ["kind: InitConfiguration\n"]}
    config = kindconfig.configure(base, version="v1.36.0", cgroup_v1=True, local_image=True)
    assert list(patches(config)) == ["InitConfiguration", "KubeletConfiguration"]
    assert base == {"kind": "Cluster", "kubeadmConfigPatches": ["kind: InitConfiguration\n"]}


@pytest.mark.parametrize("text", ["nodes: []", "[]", "{", "kind: Pod"])
def test_what_is_no_kind_configuration_is_a_usage_error(tmp_path: Any, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="kind configuration"):
        kind.read_config(path)


def test_every_configuration_of_the_house_is_one() -> None:
    for path in sorted((FIXTURES / "kind").glob("*.yaml")):
        assert kind.read_config(path)["nodes"][0] == {"role": "control-plane"}


def test_the_forward_plugin_is_cut_with_its_block_and_nothing_else() -> None:
    assert kindconfig.without_forward(COREFILE) == COREFILE.replace(
        "    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n", ""
    )
    assert kindconfig.without_forward(".:53 {\n  forward . 8.8.8.8\n  errors\n}\n") == ".:53 {\n  errors\n}\n"


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".a", "A", "a b", "-a", "a..b"])
def test_a_name_that_could_leave_the_folder_of_clusters_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a name"):
        kind.check_name(name)


def test_usual_names_are_names() -> None:
    for name in ("podvow", "podvow-b", "v1.37.2"):
        kind.check_name(name)
