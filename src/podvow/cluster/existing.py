"""A cluster that podvow did not make: named explicitly by file and context, never the current one by silence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from podvow.cluster import health, kind
from podvow.cluster.engine import enter_engine_network, find_engine
from podvow.cluster.node import CA_FILE, DockerNodeAccess
from podvow.cluster.process import CommandError
from podvow.cluster.provider import Cluster
from podvow.errors import UsageError


def existing_cluster(kubeconfig: Path | str | None, context: str | None) -> Cluster:
    """Return a cluster of the user's.

    A `kind-NAME` context whose node containers the engine shows gets node access; any other gets none.

    Args:
        kubeconfig: the file; explicit.
        context: the context in it; explicit.

    Raises:
        UsageError: when one of them is missing or cannot be read.
    """
    if not kubeconfig:
        raise UsageError(
            f"no kubeconfig given for the existing cluster (context {context!r})",
            hint="--kubeconfig FILE --context NAME",
        )
    if not context:
        raise UsageError(
            f"no context of {kubeconfig} given: podvow never uses the current one by silence",
            hint=f"--context NAME; kubectl config get-contexts --kubeconfig {kubeconfig} lists them",
        )
    path = Path(kubeconfig).expanduser()
    endpoint = health.read_endpoint(path, context)
    access = _node_access(context, endpoint)
    return Cluster(
        provider="existing",
        name=context.removeprefix("kind-") if access else context,
        kubeconfig=path,
        context=context,
        access=access,
        server_version=health.server_version(endpoint),
    )


def _node_access(context: str, endpoint: health.Endpoint) -> DockerNodeAccess | None:
    """The way onto the nodes of a kind cluster of this machine's engine."""
    name = context.removeprefix("kind-")
    if name == context or not shutil.which("docker", path=os.environ.get("PATH")) or not find_engine():
        return None
    found = kind.nodes(name)
    if not found:
        return None
    enter_engine_network()
    access = DockerNodeAccess()
    return access if _same_cluster(access, found[0].name, endpoint) else None


def _same_cluster(access: DockerNodeAccess, control: str, endpoint: health.Endpoint) -> bool:
    """Whether the nodes belong to the kubeconfig: a file from another machine may have the same context name."""
    try:
        ours = access.exec(control, ["cat", CA_FILE]).stdout
    except CommandError:
        return False
    return ours.decode(errors="replace").strip() == endpoint.ca.strip()
