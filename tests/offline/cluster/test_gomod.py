from __future__ import annotations

import pytest

from podvow.cluster.nodeimage import gomod
from podvow.cluster.nodeimage.programs import Wanted
from podvow.errors import ClusterUnusableError, UsageError
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

UPSTREAM = """\
// This is a generated file. Do not edit directly.

module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

godebug (
\twinsymlink=0
)

require (
\tgithub.com/example/thing v1.2.3
\tk8s.io/api v0.0.0
)

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/client-go => ./staging/src/k8s.io/client-go
\tgithub.com/example/thing => github.com/other/thing v1.2.4
)

replace k8s.io/kubelet v0.0.0 => ./staging/src/k8s.io/kubelet
"""


def test_staging_folders_become_published_modules_and_nothing_else_is_replaced() -> None:
    text = gomod.kubernetes_module(UPSTREAM, "v1.37.2")
    assert [line for line in text.splitlines() if line.startswith("replace")] == [
        "replace k8s.io/api => k8s.io/api v0.37.2",
        "replace k8s.io/client-go => k8s.io/client-go v0.37.2",
        "replace k8s.io/kubelet => k8s.io/kubelet v0.37.2",
    ]
    assert "require k8s.io/kubernetes v1.37.2\n" in text
    assert "staging" not in text


def test_language_and_godebug_lines_are_repeated_because_only_a_main_module_has_them() -> None:
    text = gomod.kubernetes_module(UPSTREAM, "v1.37.2")
    assert "\ngo 1.26.0\ngodebug default=go1.26\ngodebug (\n\twinsymlink=0\n)\n" in text


@pytest.mark.parametrize("version", ["1.37.2", "v1.37", "latest", "v2.0.0", "v1.37.2; rm"])
def test_what_is_no_version_of_kubernetes_is_a_usage_error(version: str) -> None:
    with pytest.raises(UsageError, match="not a Kubernetes version"):
        gomod.staging_version(version)


def test_prereleases_have_staging_versions_too() -> None:
    assert gomod.staging_version("v1.38.0-alpha.1") == "v0.38.0-alpha.1"


@pytest.mark.parametrize(
    ("wanted", "served", "expected"),
    [
        ("v3.7.0", ["v3.6.9", "v3.7.0", "v3.7.1"], "v3.7.0"),
        ("v1.14.6", ["v1.14.4", "v1.14.5", "v1.14.9", "v1.14.7-rc.1"], "v1.14.5"),
        # As near above as below: the newer.
        ("v1.14.6", ["v1.14.5", "v1.14.7"], "v1.14.7"),
    ],
)
def test_the_nearest_served_patch_is_taken(wanted: str, served: list[str], expected: str) -> None:
    assert gomod.nearest(wanted, served) == expected


def test_another_minor_is_never_taken() -> None:
    with pytest.raises(ClusterUnusableError, match=r"v3\.7\.0 is wanted.*no version of 3\.7"):
        gomod.nearest("v3.7.0", ["v3.6.9", "v3.8.0"])


def test_programs_say_their_version() -> None:
    flags = gomod.kubernetes_ldflags("v1.37.2", commit="abc", date="2026-11-01T00:00:00Z")
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=37" in flags


def test_imports_are_behind_a_build_tag() -> None:
    text = gomod.imports_file(["example.org/a", "example.org/b"])
    assert text.startswith("//go:build tools\n\npackage tools\n")
    assert '\t_ "example.org/a"\n\t_ "example.org/b"\n' in text


def test_what_kubeadm_wants_is_read_from_its_listing() -> None:
    wanted = Wanted.parse(
        "r.example/kube-proxy:v1.37.2\nr.example/coredns/coredns:v1.14.6\nr.example/etcd:3.7.0-0\n"
    )
    assert wanted.tag("coredns") == "v1.14.6"
    assert wanted.with_tag("etcd", "v3.7.1") == "r.example/etcd:v3.7.1"
