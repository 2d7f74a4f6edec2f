"""The cohort of survivors as data: which manifests are planted where, and when each Pod is as it is meant to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from podvow.errors import UsageError
from podvow.labels import COHORT_LABEL, SHAPE_LABEL
from podvow.paths import FIXTURES
from podvow.scenario.manifest import Manifest, prepare, read_manifests

FOLDER = FIXTURES / "survivors"
STEADY = "podvow.dev/steady"
"""Annotation: what state of a Pod is meant, a word of `Steady`."""
PATCH_IMAGE = "podvow.dev/patch-image"
"""Annotation: `CONTAINER=IMAGE`, changed once the Pod is as it is meant to be."""
STATIC = "podvow.dev/static"
"""Annotation of a static Pod."""
SAMPLER = "sampler"
"""Shape of the Pods that ask the Service."""
_FIRST = ("web",)
"""What others read from their environment has to be there before them."""
_LAST = (SAMPLER,)


class Steady(StrEnum):
    """States of survivors."""

    READY = "ready"
    INITIALISING = "initialising"
    CRASH_LOOPING = "crash-looping"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Planted:
    """An object that is to be made.

    Attributes:
        path: where the API takes it; empty for a static Pod.
        manifest: the object, ready.
        node: the node of a static Pod; empty for the others.
    """

    path: str
    manifest: Manifest
    node: str = ""


def collection(manifest: Mapping[str, Any], namespace: str) -> str:
    """Return the API path of an object's kind in a namespace."""
    version = manifest["apiVersion"]
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    return f"{base}/namespaces/{namespace}/{manifest['kind'].lower()}s"


def plan(
    cohort: str, namespace: str, nodes: Sequence[str], *, statics: bool, folder: Path = FOLDER
) -> list[Planted]:
    """Return the objects of a cohort, in the order in which they are made.

    Pods are planted on every node, workloads once: a controller puts its Pods where it likes.

    Args:
        cohort: its id.
        namespace: where they go.
        nodes: the nodes that Pods are planted on.
        statics: whether static Pods can be planted.
        folder: of the manifests.

    Raises:
        UsageError: a manifest is broken.
    """
    found: list[Planted] = []
    paths = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    middle = [name for name in paths if name not in {*_FIRST, *_LAST}]
    for name in [*_FIRST, *middle, *_LAST]:
        if name not in paths:
            raise UsageError(f"{folder} lacks {name}.yaml", hint="the samplers need it")
        for manifest in read_manifests(paths[name]):
            found += _planted(manifest, {COHORT_LABEL: cohort}, namespace, nodes, statics=statics)
    return found


def _planted(
    manifest: Manifest, labels: Mapping[str, str], namespace: str, nodes: Sequence[str], *, statics: bool
) -> list[Planted]:
    metadata = manifest["metadata"]
    if manifest["kind"] != "Pod":
        ready = prepare(manifest, labels=labels, namespace=namespace, node="")
        return [Planted(collection(manifest, namespace), ready)]
    if metadata.get("labels", {}).get(SHAPE_LABEL) != metadata["name"] or STEADY not in metadata["annotations"]:
        raise UsageError(f"survivor {metadata['name']}: it lacks its label {SHAPE_LABEL} or annotation {STEADY}")
    if STATIC in metadata["annotations"]:
        ready = prepare(manifest, labels=labels, namespace=namespace, node="")
        return [Planted("", ready, node) for node in nodes] if statics else []
    found = []
    for number, node in enumerate(nodes, start=1):
        named = {**manifest, "metadata": {**metadata, "name": f"{metadata['name']}-{number}"}}
        ready = prepare(named, labels=labels, namespace=namespace, node=node)
        found.append(Planted(collection(manifest, namespace), ready))
    return found


def expected(planted: Sequence[Planted], nodes: int) -> Counter[str]:
    """Return how many Pods of each shape a cohort has at least.

    Args:
        planted: its objects.
        nodes: how many nodes take Pods.
    """
    counts: Counter[str] = Counter()
    for each in planted:
        spec = each.manifest.get("spec") or {}
        match each.manifest["kind"]:
            case "Pod":
                counts[shape_of(each.manifest)] += 1
            case "DaemonSet":
                counts[shape_of(spec["template"])] += nodes
            case "Deployment" | "StatefulSet" | "Job":
                counts[shape_of(spec["template"])] += int(spec.get("replicas") or spec.get("parallelism") or 1)
            case _:
                pass
    return counts


def shape_of(pod: Mapping[str, Any]) -> str:
    """Return the shape of a survivor."""
    return str((pod["metadata"].get("labels") or {}).get(SHAPE_LABEL, ""))


def unsettled(pod: Mapping[str, Any]) -> str:
    """Return what a survivor still lacks to be as it is meant to be; empty when nothing."""
    meant = str((pod["metadata"].get("annotations") or {}).get(STEADY, Steady.READY))
    status = pod.get("status") or {}
    match meant:
        case Steady.SUCCEEDED:
            met = status.get("phase") == "Succeeded"
        case Steady.CRASH_LOOPING:
            met = any(c.get("restartCount", 0) > 0 for c in status.get("containerStatuses") or ())
        case Steady.INITIALISING:
            met = any("running" in (c.get("state") or {}) for c in status.get("initContainerStatuses") or ())
        case _:
            met = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return "" if met else f"{pod['metadata']['name']} is {status.get('phase', 'not there')}, not {meant}"


def image_patch(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change of an image that a survivor is to get; empty for none."""
    asked = str((pod["metadata"].get("annotations") or {}).get(PATCH_IMAGE, ""))
    container, _, image = asked.partition("=")
    if not image:
        return {}
    inits = {c["name"] for c in pod["spec"].get("initContainers") or ()}
    field = "initContainers" if container in inits else "containers"
    return {"spec": {field: [{"name": container, "image": image}]}}
