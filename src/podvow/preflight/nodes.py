"""Whether versions and nodes are such that the fixtures can run there; asks, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from packaging.version import Version

from podvow import imageref
from podvow.api import Api, ApiError
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.preflight.finding import Finding

OLDEST = Version("1.29")
NEWEST = Version("1.37")
"""The newest release whose promises podvow knows."""
_DISK_NEEDED = 2 << 30


def check_versions(profile: ClusterProfile, used: Sequence[NodeProfile]) -> Iterator[Finding]:
    """Yield what is wrong with the versions of API server and kubelets."""
    parts = [("API server", profile.server_version, profile.version)]
    parts += [(f"kubelet of {node.name}", node.kubelet_version, node.version) for node in used]
    for what, text, version in parts:
        release = Version(f"{version.major}.{version.minor}")
        if not version.major:
            yield Finding("error", f"the {what} has a version that cannot be read: {text!r}")
        elif release < OLDEST:
            hint = f"podvow knows the promises of {OLDEST} to {NEWEST}"
            yield Finding("error", f"the {what} is too old: {text}", hint)
        elif release > NEWEST:
            hint = f"it is judged by the promises of {NEWEST}, the newest release that podvow knows"
            yield Finding("warning", f"the {what} is newer than podvow: {text}", hint)


def check_nodes(
    profile: ClusterProfile,
    chosen: Sequence[str],
    require_nodes: int,
) -> tuple[list[NodeProfile], list[Finding]]:
    """Return the nodes that take Pods, and what is wrong with the others.

    Args:
        profile: the cluster.
        chosen: names of the nodes that will be used; empty for any.
        require_nodes: how many are needed.
    """
    known = sorted(node.name for node in profile.nodes)
    findings = [
        Finding("error", f"there is no node {name}", f"nodes: {', '.join(known)}")
        for name in chosen
        if name not in known
    ]
    candidates = [node for node in profile.nodes if not chosen or node.name in chosen]
    usable = [node for node in candidates if node.usable]
    short = len(usable) < require_nodes
    for node in candidates:
        if node.usable:
            continue
        # a control plane that takes no Pods is how most clusters are, not news
        if not (chosen or short or not node.ready):
            continue
        reason, hint = _unusable(node)
        findings.append(Finding("error" if chosen else "warning", f"node {node.name} {reason}", hint))
    if short and not chosen:
        text = f"{require_nodes} node(s) must take Pods, {len(usable)} of {len(candidates)} do"
        hint = "; ".join(f"{node.name} {_unusable(node)[0]}" for node in candidates if not node.usable)
        findings.append(Finding("error", text, hint or "add a node, or choose fewer scenarios"))
    return usable, findings


def _unusable(node: NodeProfile) -> tuple[str, str]:
    if not node.ready:
        return "is not Ready", f"see `kubectl describe node {node.name}`"
    if not node.schedulable:
        return "is cordoned", f"kubectl uncordon {node.name}"
    return f"is tainted {', '.join(node.taints)}", "choose another node or remove the taint"


def check_images(
    node: NodeProfile,
    images: Sequence[str],
    has_image: Callable[[NodeProfile, str], bool | None],
    *,
    may_pull: bool,
) -> Iterator[Finding]:
    """Yield the images that a node lacks, or may lack.

    Args:
        node: the node.
        images: references.
        has_image: tells whether the node has an image; None for not known.
        may_pull: whether what is missing can be pulled.
    """
    answers = {image: has_image(node, image) for image in dict.fromkeys(images)}
    absent = [image for image, answer in answers.items() if answer is False]
    unsure = [image for image, answer in answers.items() if answer is None]
    if absent:
        level: Literal["error", "warning"] = "warning" if may_pull else "error"
        hint = "it will be pulled, which takes time" if may_pull else "load them with `podvow cluster up`"
        yield Finding(level, f"node {node.name} lacks the image(s) {', '.join(absent)}", hint)
    if unsure:
        text = f"whether node {node.name} has {', '.join(unsure)} cannot be told"
        yield Finding("warning", text, "a node reports no more than 50 images")


def reported(node: NodeProfile, image: str) -> bool | None:
    """Look for an image in the node's status; short names match with any registry before them."""
    if any(imageref.is_same(name, image) for name in node.images):
        return True
    return None if node.images_truncated else False


def check_disk(api: Api, node: NodeProfile) -> Finding | None:
    """Return what a node is short of; None when nothing is known to be."""
    if node.pressures:
        text = f"node {node.name} reports {', '.join(node.pressures)}"
        return Finding("error", text, "the kubelet evicts Pods there: free some space, memory or processes")
    try:
        summary: dict[str, Any] = api.get(f"/api/v1/nodes/{node.name}/proxy/stats/summary", retry=False)
    except ApiError:
        return None  # needs the optional permission; the kubelet's own threshold was asked above
    free = ((summary.get("node") or {}).get("fs") or {}).get("availableBytes")
    if free is not None and free < _DISK_NEEDED:
        return Finding("warning", f"node {node.name} has only {free / (1 << 20):.0f} MiB of disk left")
    return None
