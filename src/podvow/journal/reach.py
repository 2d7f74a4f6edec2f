"""The way to the cluster that a journal, or a person, names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from podvow.api import Api
from podvow.cluster import lifecycle
from podvow.cluster.existing import existing_cluster
from podvow.errors import ClusterUnusableError, UsageError
from podvow.journal.act import Site
from podvow.journal.entry import Header
from podvow.journal.silent import awaken


@dataclass(frozen=True)
class Target:
    """A cluster, by name.

    Attributes:
        provider: `kind` or `existing`.
        name: of a kind cluster.
        kubeconfig: file of an existing cluster.
        context: context of an existing cluster.
    """

    provider: str
    name: str = ""
    kubeconfig: str = ""
    context: str = ""

    def __str__(self) -> str:
        return f"kind cluster {self.name}" if self.provider == "kind" else f"{self.context} of {self.kubeconfig}"


Connect = Callable[[Target], Site]
"""Raises `NoClusterError` for a cluster that is not there, `ClusterUnusableError` for one that does not answer."""


def target_of(header: Header) -> Target:
    """Return the cluster of a journal.

    Raises:
        UsageError: the journal names none.
    """
    about = {key: str(header.cluster.get(key, "")) for key in ("provider", "name", "kubeconfig", "context")}
    if about["provider"] == "kind" and about["name"]:
        return Target("kind", about["name"])
    if about["provider"] == "existing" and about["kubeconfig"] and about["context"]:
        return Target("existing", "", about["kubeconfig"], about["context"])
    raise UsageError(
        f"the journal of run {header.run} does not say on which cluster it was", hint="--name or --kubeconfig"
    )


def connect(target: Target) -> Site:
    """Connect to a cluster, even to a kind cluster of ours some of whose workers are switched off.

    An API server that a dead run left with another program than its own, and that does not answer with it, gets its
    own one back first: nothing else could be asked, not even what that run has left.
    """
    if target.provider != "kind":
        cluster = existing_cluster(Path(target.kubeconfig), target.context)
        return Site(Api.connect(cluster.kubeconfig, cluster.context), cluster.access)
    cluster = lifecycle.attach(target.name, wounded=True, silent=True)
    site = Site(Api.connect(cluster.kubeconfig, cluster.context), cluster.access)
    if not cluster.server_version:
        _awaken(site, target.name)
    return site


def _awaken(site: Site, name: str) -> None:
    """Let the API server of a cluster answer again, if it is silent on podvow's account."""
    try:
        done = awaken(site, lifecycle.control_plane(name))
    except BaseException:
        site.api.close()
        raise
    if not done:
        site.api.close()
        raise ClusterUnusableError(f"the API server of cluster {name!r} does not answer", hint="podvow up")
