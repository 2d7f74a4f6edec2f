"""What holds up a namespace that does not go: finalizers of which object, stuck Pods, APIs that do not answer.

The namespace's own conditions, set by the namespace controller while it deletes, say which kinds are left
(https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/#NamespaceStatus); the objects
are then asked for by name.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from podvow.api import Api, ApiError

_UNAVAILABLE = "NamespaceDeletionDiscoveryFailure"
_TROUBLE = (_UNAVAILABLE, "NamespaceDeletionGroupVersionParsingFailure", "NamespaceDeletionContentFailure")
_REMAINING = "NamespaceContentRemaining"
_LEFT = re.compile(r"([a-z0-9.-]+?)\.? has \d+ resource instances")
_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_AT_MOST = 5


def holdups(api: Api, namespace: str) -> list[str]:
    """Tell what holds up a namespace that is being deleted, most telling first; empty when nothing can be told."""
    try:
        raw = api.get(f"/api/v1/namespaces/{namespace}")
    except ApiError as error:
        return [error.message]
    said = {
        str(c.get("type")): str(c.get("message") or c.get("reason") or "")
        for c in (raw.get("status") or {}).get("conditions") or ()
        if c.get("status") == "True"
    }
    found = [*_objects(api, namespace, said.get(_REMAINING, ""))]
    found += [f"finalizer {each} on the namespace itself" for each in _own_finalizers(raw)]
    if _UNAVAILABLE in said:
        found += _unavailable(api)
    found += [f"{kind}: {said[kind]}" for kind in _TROUBLE if said.get(kind)]
    if not found and said.get(_REMAINING):
        found = [said[_REMAINING]]
    if not found and not raw["metadata"].get("deletionTimestamp"):
        found = ["its deletion was not asked for, or not accepted"]
    return found


def _own_finalizers(raw: Mapping[str, Any]) -> list[str]:
    """Return what keeps the namespace besides the controller that empties it."""
    own = [*(raw["metadata"].get("finalizers") or ()), *((raw.get("spec") or {}).get("finalizers") or ())]
    return [str(each) for each in own if each != "kubernetes"]


def _objects(api: Api, namespace: str, remaining: str) -> Iterator[str]:
    """Name the objects that are left, Pods always."""
    kinds = dict.fromkeys(("pods", *_LEFT.findall(remaining)))
    for kind in kinds:
        plural, _, group = kind.partition(".")
        with contextlib.suppress(ApiError, KeyError, TypeError):
            base = f"/apis/{group}/{_version(api, group)}" if group else "/api/v1"
            items = api.get(f"{base}/namespaces/{namespace}/{plural}").get("items") or ()
            told = [_stuck(api, kind, item) for item in items]
            yield from told[:_AT_MOST]
            if len(told) > _AT_MOST:
                yield f"and {len(told) - _AT_MOST} more {kind}"


def _version(api: Api, group: str) -> str:
    return str(api.get(f"/apis/{group}")["preferredVersion"]["version"])


def _stuck(api: Api, kind: str, raw: Mapping[str, Any]) -> str:
    metadata = raw["metadata"]
    what = f"{kind.removesuffix('s') if kind == 'pods' else kind} {metadata['name']}"
    finalizers = metadata.get("finalizers") or ()
    if finalizers:
        return f"{what}: finalizer {', '.join(map(str, finalizers))}"
    node = (raw.get("spec") or {}).get("nodeName", "") if kind == "pods" else ""
    if not metadata.get("deletionTimestamp"):
        return f"{what}: not deleted yet"
    if node:
        return f"{what}: its kubelet has not let it go ({_node(api, str(node))})"
    return f"{what}: being deleted"


def _node(api: Api, name: str) -> str:
    try:
        status = api.get(f"/api/v1/nodes/{name}").get("status") or {}
    except ApiError as error:
        return f"node {name}: {error.message}"
    ready: Mapping[str, Any] = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
    return f"node {name} has Ready={ready.get('status', 'unknown')}"


def _unavailable(api: Api) -> list[str]:
    """Name the aggregated APIs that do not answer: nobody can tell what of theirs is in the namespace."""
    try:
        services = api.get(_SERVICES).get("items") or ()
    except ApiError:
        return []
    told = []
    for service in services:
        for condition in (service.get("status") or {}).get("conditions") or ():
            if condition.get("type") == "Available" and condition.get("status") != "True":
                why = condition.get("message") or condition.get("reason") or "no reason given"
                told.append(f"API {service['metadata']['name']} is unavailable: {why}")
    return told
