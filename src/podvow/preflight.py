"""What must be true before anything is created, checked with one answer for everything that is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from packaging.version import Version

from podvow.api import ApiError
from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from podvow.api import Api
    from podvow.cluster.profile import ClusterProfile, NodeProfile

OLDEST = Version("1.29")
NEWEST = Version("1.37")
"""The newest release whose promises podvow knows."""
_DISK_NEEDED = 2 << 30
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Permission:
    """A verb on a resource that a run needs.

    Attributes:
        lost: what cannot be done without it; empty when nothing can.
    """

    group: str
    resource: str
    verb: str
    lost: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")


def _permissions(group: str, resource: str, verbs: str, lost: str = "") -> tuple[Permission, ...]:
    return tuple(Permission(group, resource, verb, lost) for verb in verbs.split())


_NAMESPACES = (
    *_permissions("", "namespaces", "create get list watch delete"),
    *_permissions("", "serviceaccounts", "create"),
)
_PERMISSIONS = (
    *_permissions("", "pods", "create get list watch patch delete"),
    *_permissions("", "configmaps", "create get patch delete"),
    *_permissions("coordination.k8s.io", "leases", "create get patch delete"),
    *_permissions("", "secrets", "create delete"),
    *_permissions("", "services", "create delete"),
    *_permissions("apps", "daemonsets", "create get list watch patch delete"),
    *_permissions("apps", "deployments", "create get list watch patch delete"),
    *_permissions("apps", "statefulsets", "create get list watch patch delete"),
    *_permissions("batch", "jobs", "create get list watch patch delete"),
    *_permissions("discovery.k8s.io", "endpointslices", "list watch"),
    *_permissions("", "resourcequotas", "create list watch delete"),
    *_permissions("", "limitranges", "create delete"),
    *_permissions("", "pods/ephemeralcontainers", "patch"),
    *_permissions("", "pods/eviction", "create"),
    *_permissions("", "pods/resize", "patch"),
    *_permissions("", "nodes/status", "patch", "nobody can offer an extended resource on a node"),
    *_permissions("", "events", "list watch"),
    *_permissions("", "nodes", "get list"),
    *_permissions("", "pods/log", "get"),
    *_permissions("", "nodes/proxy", "get", "feature gates and back-off of the kubelets stay unknown"),
    *_permissions("", "pods/exec", "create", "traces are read from the logs only"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands in the way (error) or that should be known (warning)."""

    level: Literal["error", "warning"]
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.text}" + (f" → {self.hint}" if self.hint else "")


def check(
    api: Api,
    profile: ClusterProfile,
    *,
    namespace_needed: bool = True,
    images: Sequence[str] = (),
    require_nodes: int = 1,
    nodes: Sequence[str] = (),
    has_image: Callable[[NodeProfile, str], bool | None] | None = None,
    may_pull: bool = False,
) -> list[Finding]:
    """Check that a run can be carried out.

    Args:
        api: the connection.
        profile: what the cluster is.
        namespace_needed: whether the run makes its namespaces itself.
        images: images that the fixtures use.
        require_nodes: how many nodes the run needs.
        nodes: the nodes that will be used, when they were chosen; else any that take Pods.
        has_image: tells whether a node has an image (None: not known), when somebody knows better than the
            node's status, which names no more than 50 images.
        may_pull: whether images that are missing can be pulled.

    Returns:
        Everything that was found; see `raise_if_unusable`.
    """
    try:
        api.text("/readyz")
    except ApiError as error:
        return [Finding("error", f"the API server is not ready: {error.message}", error.hint)]
    used, findings = _check_nodes(profile, nodes, require_nodes)
    findings += _check_versions(profile, used)
    findings += _check_permissions(api, (*_NAMESPACES, *_PERMISSIONS) if namespace_needed else _PERMISSIONS)
    for node in used:
        findings += _check_images(node, images, has_image or _reported, may_pull=may_pull)
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="preflight") as pool:
        findings += [found for found in pool.map(lambda node: _check_disk(api, node), used) if found]
    findings += [Finding("warning", note) for note in profile.notes]
    findings += [Finding("warning", f"node {node.name}: {note}") for node in used for note in node.notes]
    return findings


def raise_if_unusable(findings: Sequence[Finding]) -> None:
    """Raise one error that names everything that stands in the way.

    Args:
        findings: what `check` returned.

    Raises:
        ClusterUnusableError: there is an error among the findings.
    """
    errors = [finding for finding in findings if finding.level == "error"]
    if not errors:
        return
    if len(errors) == 1:
        raise ClusterUnusableError(errors[0].text, hint=errors[0].hint)
    text = f"the cluster cannot be used, {len(errors)} things are missing:"
    lines = (f"  - {error.text}" + (f" → {error.hint}" if error.hint else "") for error in errors)
    raise ClusterUnusableError("\n".join((text, *lines)))


def _check_versions(profile: ClusterProfile, used: Sequence[NodeProfile]) -> Iterator[Finding]:
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


def _check_nodes(
    profile: ClusterProfile,
    chosen: Sequence[str],
    require_nodes: int,
) -> tuple[list[NodeProfile], list[Finding]]:
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


def _check_permissions(api: Api, wanted: Sequence[Permission]) -> list[Finding]:
    try:
        if _allowed(api, Permission("*", "*", "*")):
            return []
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="preflight") as pool:
            answers = list(pool.map(lambda permission: _allowed(api, permission), wanted))
    except ApiError as error:
        return [Finding("error", f"permissions cannot be checked: {error.message}", error.hint)]
    denied = [permission for permission, allowed in zip(wanted, answers, strict=True) if not allowed]
    hint = "grant it in the whole cluster, or use a context that has it"
    return [
        Finding("warning", f"may not {permission}: {permission.lost}")
        if permission.lost
        else Finding("error", f"may not {permission}", hint)
        for permission in denied
    ]


def _allowed(api: Api, permission: Permission) -> bool:
    resource, _, subresource = permission.resource.partition("/")
    attributes = {
        "group": permission.group,
        "resource": resource,
        "subresource": subresource,
        "verb": permission.verb,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool((api.post(_REVIEWS, review).get("status") or {}).get("allowed"))


def _check_images(
    node: NodeProfile,
    images: Sequence[str],
    has_image: Callable[[NodeProfile, str], bool | None],
    *,
    may_pull: bool,
) -> Iterator[Finding]:
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


def _reported(node: NodeProfile, image: str) -> bool | None:
    """Look for an image in the node's status; short names match with any registry before them."""
    if any(name == image or name.endswith(f"/{image}") for name in node.images):
        return True
    return None if node.images_truncated else False


def _check_disk(api: Api, node: NodeProfile) -> Finding | None:
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
