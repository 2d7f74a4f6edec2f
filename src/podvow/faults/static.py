"""A static Pod: a manifest in the folder that the kubelet reads by itself; the API shows its mirror."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from podvow.cluster.node import put_file
from podvow.faults.base import FaultContext
from podvow.journal.undo import RemoveStatic

_FOLDER = "/etc/kubernetes/manifests"


def path_of(namespace: str) -> str:
    """Return the file of a scenario's static Pod."""
    return f"{_FOLDER}/{namespace}.json"


def undoing(namespace: str, node: str) -> RemoveStatic:
    """Return the undo, for the journal."""
    return RemoveStatic(node, path_of(namespace))


def write(context: FaultContext, manifest: Mapping[str, Any]) -> None:
    """Give the node a Pod without the API server.

    Args:
        context: names node and namespace.
        manifest: the Pod, prepared; a node selector has no meaning here and is left out.
    """
    spec = {key: value for key, value in manifest["spec"].items() if key != "nodeSelector"}
    put_file(
        context.nodes, context.node, path_of(context.namespace), json.dumps({**manifest, "spec": spec}).encode()
    )


def remove(context: FaultContext) -> None:
    """Take the manifest away; the kubelet ends the Pod and its mirror."""
    remove_path(context, path_of(context.namespace))


def remove_path(context: FaultContext, path: str) -> None:
    """Take a manifest away by its path; harmless when it is not there."""
    context.nodes.exec(context.node, ["rm", "-f", path])


def mirror_name(manifest: Mapping[str, Any], node: str) -> str:
    """Return the name under which the API shows a static Pod."""
    return f"{manifest['metadata']['name']}-{node}"
