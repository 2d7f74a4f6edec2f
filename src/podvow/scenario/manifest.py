"""Fixtures: plain manifests from `fixtures/`, edited for a scenario and wrapped with the trace."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from podvow import yamlfile
from podvow.errors import UsageError
from podvow.paths import FIXTURES
from podvow.shapes import MAP_OF_TEXT, wrong
from podvow.timeline.objects import CONTAINER, METADATA, POD_SPEC
from podvow.timeline.timeline import TRACE_VOLUME

Manifest = dict[str, Any]

UNTRACED = "podvow.dev/untraced"
"""Annotation with the comma-separated names of containers whose command stays as it is (`*`: all of them)."""

_HARMLESS = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
"""Capabilities that the standard "baseline" allows to add."""


_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_CONTAINERS = [{**CONTAINER, "image!": str}]
_SPEC = {**POD_SPEC, "containers!": _CONTAINERS, "initContainers": _CONTAINERS}
_ANY_OBJECT = {
    "apiVersion!": str,
    "kind!": str,
    "metadata!": METADATA,
    "data": MAP_OF_TEXT,
    "stringData": MAP_OF_TEXT,
}
_POD_SHAPE = {**_ANY_OBJECT, "spec!": _SPEC}
_OTHER_SHAPE = {**_ANY_OBJECT, "spec": {"replicas": int, "template": {"metadata": METADATA, "spec!": _SPEC}}}


@cache
def trace_script() -> str:
    """Return the script that wraps a fixture container's command (fixtures/scripts/trace.sh)."""
    lines = (FIXTURES / "scripts" / "trace.sh").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#")) + "\n"


@cache
def _parsed(path: Path) -> tuple[Manifest, ...]:
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise UsageError(f"no fixture {path.relative_to(FIXTURES)}", hint=f"there are: {names}")
    return read_manifests(path)


def read_manifests(path: Path) -> tuple[Manifest, ...]:
    """Read the objects of a manifest file.

    Args:
        path: a YAML file.

    Returns:
        Its documents in file order; every one has what podvow reads of it, with the types that the API wants.

    Raises:
        UsageError: it is no list of Kubernetes objects; document and place are named.
    """
    found: list[Manifest] = []
    documents = [_without_nulls(d) for d in yamlfile.load_all(path, what="manifest") if d is not None]
    for number, document in enumerate(documents, start=1):
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise UsageError(f"broken manifest {path}: document {number} has no kind or apiVersion")
        if not isinstance(document.get("metadata"), dict) or not document["metadata"].get("name"):
            raise UsageError(f"broken manifest {path}: document {number} has no metadata.name")
        name = document["metadata"]["name"]
        spec = document.get("spec")
        if document["kind"] == "Pod" and not (isinstance(spec, dict) and spec.get("containers")):
            raise UsageError(f"broken manifest {path}: Pod {name} has no containers")
        shape = _POD_SHAPE if document["kind"] == "Pod" else _OTHER_SHAPE
        if problem := wrong(document, shape, f"document {number}"):
            raise UsageError(f"broken manifest {path}: {problem}")
        if not _NAME.fullmatch(name):
            raise UsageError(f"broken manifest {path}: document {number}: {name!r} is no name of an object")
        found.append(document)
    if not found:
        raise UsageError(f"broken manifest {path}: it is empty")
    return tuple(found)


def _without_nulls(value: Any) -> Any:
    """Return raw JSON without keys that are null: in a manifest that means the same as to leave them out."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def load_fixture(name: str) -> tuple[Manifest, ...]:
    """Read the objects of a fixture.

    Args:
        name: path below `fixtures/` without `.yaml`; a bare name is looked up in `fixtures/pods/`.

    Returns:
        Fresh copies of the documents, in file order.

    Raises:
        UsageError: the file is missing or is no list of Kubernetes objects.
    """
    relative = name if "/" in name else f"pods/{name}"
    return tuple(copy.deepcopy(document) for document in _parsed(FIXTURES / f"{relative}.yaml"))


def pod_specs(manifest: Manifest) -> Iterator[tuple[Manifest, Manifest]]:
    """Yield (metadata, spec) of the Pod that a manifest is or makes (workloads: their Pod template)."""
    if manifest["kind"] == "Pod":
        yield manifest["metadata"], manifest["spec"]
    elif "template" in (manifest.get("spec") or {}):
        template = manifest["spec"]["template"]
        yield template.setdefault("metadata", {}), template["spec"]


def containers_of(spec: Mapping[str, Any]) -> Iterator[Manifest]:
    """Yield the init containers and the containers of a Pod spec in order."""
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def reaches_host(manifest: Manifest) -> bool:
    """Tell whether a Pod that a manifest is or makes reaches into its node.

    That is what the Pod Security Standard "baseline" refuses: the node's namespaces, its files, its ports, and
    containers that are privileged or have capabilities that runtimes do not give by themselves.
    Source: concepts/security/pod-security-standards#baseline.
    """
    return any(_reaches_host(spec) for _, spec in pod_specs(manifest))


def _reaches_host(spec: Mapping[str, Any]) -> bool:
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        return True
    if any("hostPath" in volume for volume in spec.get("volumes") or ()):
        return True
    for container in containers_of(spec):
        security = container.get("securityContext") or {}
        added = (security.get("capabilities") or {}).get("add") or ()
        ports = container.get("ports") or ()
        if security.get("privileged") or not _HARMLESS.issuperset(added) or any(p.get("hostPort") for p in ports):
            return True
    return False


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def merge_patch(target: Any, patch: Any, *, keep_none: bool = False) -> Any:
    """Return `target` with a strategic-like merge of `patch`: maps merge, lists of named things merge by name.

    Args:
        target: raw JSON.
        patch: raw JSON; None removes a key, an empty list empties a list.
        keep_none: keep None as a value, so that the result is a patch that does what both do.
    """
    if isinstance(patch, dict):
        merged = dict(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if value is None and not keep_none:
                merged.pop(key, None)
            else:
                merged[key] = merge_patch(merged.get(key), value, keep_none=keep_none)
        return merged
    if patch and _named(patch):
        by_name = {item["name"]: item for item in target} if _named(target) else {}
        for item in patch:
            by_name[item["name"]] = merge_patch(by_name.get(item["name"]), item, keep_none=keep_none)
        return list(by_name.values())
    return copy.deepcopy(patch)


def wrap_with_trace(metadata: Mapping[str, Any], spec: Manifest) -> None:
    """Make every container of a Pod spec write its starts, output and exits to the Pod's trace, in place.

    Containers without a command, and those named by the `podvow.dev/untraced` annotation, are left alone.
    """
    untraced = str((metadata.get("annotations") or {}).get(UNTRACED, "")).split(",")
    if "*" in untraced:
        return
    wrapped = False
    for container in containers_of(spec):
        if container["name"] in untraced or not container.get("command"):
            continue
        own = [*container["command"], *container.pop("args", [])]
        container["command"] = ["sh", "-c", trace_script(), container["name"], *own]
        container.setdefault("volumeMounts", []).append({"name": TRACE_VOLUME, "mountPath": "/podvow"})
        wrapped = True
    if wrapped:
        spec.setdefault("volumes", []).append({"name": TRACE_VOLUME, "emptyDir": {}})


def prepare(manifest: Manifest, *, labels: Mapping[str, str], namespace: str, node: str) -> Manifest:
    """Return a manifest ready for the API server: labelled, traced, pinned to a node.

    Args:
        manifest: as it stands in `fixtures/` (with a scenario's edits).
        labels: labels of the run and the scenario; set on the object and on its Pod template.
        namespace: where it goes.
        node: host name of the node for its Pods; empty leaves it to the scheduler.
    """
    ready: Manifest = copy.deepcopy(manifest)
    metadata = ready["metadata"]
    metadata["namespace"] = namespace
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    for pod_metadata, spec in pod_specs(ready):
        pod_metadata["labels"] = {**(pod_metadata.get("labels") or {}), **labels}
        wrap_with_trace(pod_metadata, spec)
        if node and "nodeName" not in spec:
            spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), "kubernetes.io/hostname": node}
    return ready


def images_of(manifests: Sequence[Manifest]) -> frozenset[str]:
    """Return the images that a fixture's containers name and that must be on the node (pull policy not Always)."""
    return frozenset(
        container["image"]
        for manifest in manifests
        for _, spec in pod_specs(manifest)
        for container in containers_of(spec)
        if container.get("imagePullPolicy") == "Never" or container["image"].startswith("podvow/")
    )
