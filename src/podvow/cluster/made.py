"""Which cluster podvow made under a name: noted when it is made, compared before it is changed or deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from podvow.authority import authority
from podvow.cluster import health, kind
from podvow.cluster.node import CA_FILE
from podvow.cluster.process import CommandError
from podvow.errors import UsageError
from podvow.paths import cache_dir
from podvow.safety.identity import Identity, Place

if TYPE_CHECKING:
    from pathlib import Path

    from podvow.cluster.node import NodeAccess


def note(name: str, access: NodeAccess) -> Identity:
    """Note which cluster was made; asked of its control plane itself, not through the kubeconfig.

    Raises:
        ClusterUnusableError: when it does not tell.
    """
    namespace = kind.kubectl_json(access, kind.nodes(name)[0].name, "get", "namespace", "kube-system")
    place = Place.of(health.read_endpoint(kind.kubeconfig(name), kind.context(name)))
    identity = Identity(str(namespace["metadata"]["uid"]), place)
    temporary = _file(name).with_suffix(".tmp")
    temporary.write_text(json.dumps(identity.to_json()) + "\n")
    temporary.replace(_file(name))
    return identity


def noted(name: str) -> Identity | None:
    """Return which cluster was made under a name; None when that was not noted, or cannot be read."""
    try:
        return Identity.from_json(json.loads(_file(name).read_text()))
    except (OSError, ValueError):
        return None


def check(name: str, access: NodeAccess) -> None:
    """Refuse a kind cluster that somebody else made under the same name after podvow's was deleted.

    A control plane that does not run cannot be asked; then there is nothing to compare.

    Raises:
        UsageError: when it is one.
    """
    expected = noted(name)
    control = next((node.name for node in kind.nodes(name) if node.running and node.role == "control-plane"), "")
    if expected is None or not control:
        return
    try:
        answer = access.exec(control, ["cat", CA_FILE], check=False)
    except CommandError:
        return
    if answer.code == 0 and authority(answer.stdout.decode(errors="replace")) != expected.place.authority:
        raise UsageError(
            f"the kind cluster {name!r} is not the one that podvow made under this name",
            hint=f"kind delete cluster --name {name}, if nobody needs it; or give another --name",
        )


def _file(name: str) -> Path:
    return cache_dir("clusters") / name / kind.IDENTITY
