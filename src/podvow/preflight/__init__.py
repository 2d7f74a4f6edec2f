"""What must be true before anything is created, checked with one answer for everything that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from podvow.api import Api, ApiError
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.permissions import Need
from podvow.preflight import access, nodes
from podvow.preflight.finding import Finding, raise_if_unusable
from podvow.preflight.late import await_images

__all__ = ["Finding", "await_images", "check", "raise_if_unusable"]


def check(
    api: Api,
    profile: ClusterProfile,
    *,
    needs: Sequence[Need] = (),
    images: Sequence[str] = (),
    require_nodes: int = 1,
    chosen: Sequence[str] = (),
    has_image: Callable[[NodeProfile, str], bool | None] | None = None,
    may_pull: bool = False,
) -> list[Finding]:
    """Check that a run can be carried out.

    Args:
        api: the connection.
        profile: what the cluster is.
        needs: the permissions that the run needs.
        images: images that the fixtures use.
        require_nodes: how many nodes the run needs.
        chosen: the nodes that will be used, when they were chosen; else any that take Pods.
        has_image: tells whether a node has an image (None: not known), when somebody knows better than the
            node's status, which names no more than 50 images.
        may_pull: whether images that are missing can be pulled.

    Returns:
        Everything that was found; see `raise_if_unusable`.
    """
    try:
        api.text("/readyz")
    except ApiError as error:
        return [Finding("error", f"the API server is not ready: {error.message}", error.hint, "connection")]
    used, about_nodes = nodes.check_nodes(profile, chosen, require_nodes)
    findings = _on("nodes", about_nodes)
    findings += _on("versions", nodes.check_versions(profile, used))
    findings += access.check_access(api, needs)
    for node in used:
        asked = has_image or nodes.reported
        findings += _on("images", nodes.check_images(node, images, asked, may_pull=may_pull))
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="preflight") as pool:
        short = pool.map(lambda node: nodes.check_disk(api, node), used)
        findings += _on("nodes", (found for found in short if found))
    findings += [Finding("warning", note, topic="gates") for note in profile.notes]
    findings += [
        Finding("warning", f"node {node.name}: {note}", topic="gates") for node in used for note in node.notes
    ]
    return findings


def _on(topic: str, findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, topic=topic) for finding in findings]
