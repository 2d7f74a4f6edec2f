"""The configuration that kind is given: the house's file and what version, machine and node image need."""

from __future__ import annotations

import copy
import re
from typing import Any

import yaml

# From this version on the kubelet refuses cgroup v1 unless it is told otherwise.
_REFUSES_CGROUP_V1 = (1, 35)


def minor(version: str) -> tuple[int, int]:
    """Return (1, 37) for v1.37.2."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def configure(
    base: dict[str, Any],
    *,
    version: str,
    cgroup_v1: bool,
    local_image: bool,
    etcd_tag: str = "",
    coredns_tag: str = "",
) -> dict[str, Any]:
    """Return the configuration for one cluster.

    Args:
        base: the house's file.
        version: of Kubernetes.
        cgroup_v1: whether the machine is on cgroup v1.
        local_image: whether the node image is one of ours: it has no network plugin.
        etcd_tag: the tag under which the node image holds etcd, if it is not kubeadm's.
        coredns_tag: the same for CoreDNS.
    """
    config = copy.deepcopy(base)
    patches: list[dict[str, Any]] = []
    if cgroup_v1 and minor(version) >= _REFUSES_CGROUP_V1:
        patches.append({"kind": "KubeletConfiguration", "failCgroupV1": False})
    if local_image:
        config.setdefault("networking", {})["disableDefaultCNI"] = True
        own: dict[str, Any] = {"kind": "ClusterConfiguration"}
        if etcd_tag:
            own["etcd"] = {"local": {"imageTag": etcd_tag}}
        if coredns_tag:
            own["dns"] = {"imageTag": coredns_tag}
        if len(own) > 1:
            patches.append(own)
    texts = [*config.get("kubeadmConfigPatches", []), *(yaml.safe_dump(patch) for patch in patches)]
    if texts:
        config["kubeadmConfigPatches"] = texts
    return config


def without_forward(corefile: str) -> str:
    """Return a Corefile without its forward plugin.

    In a network without uplink nobody answers a forwarded question: names outside the cluster would time out after
    seconds instead of failing at once.
    """
    lines = corefile.splitlines(keepends=True)
    kept: list[str] = []
    depth = 0
    for line in lines:
        if depth or re.match(r"\s*forward\s", line):
            depth += line.count("{") - line.count("}")
            continue
        kept.append(line)
    return "".join(kept)
