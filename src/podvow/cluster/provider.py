"""What the rest of podvow knows of a cluster, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from podvow.cluster.node import NodeAccess
    from podvow.safety.identity import Identity

DEFAULT_NAME = "podvow"
ROLE_LABEL = "podvow.dev/role"
STEADY = "steady"
DISTURBED = "disturbed"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that can be talked to from this process.

    Attributes:
        provider: `kind` when podvow made it, `existing` when it was there.
        name: its name with its provider.
        kubeconfig: the file to use.
        context: the context to use in it.
        access: the way onto its nodes; None when there is none.
        server_version: what it said when last asked, such as v1.37.2; a hint, ask the API for facts.
        identity: which one podvow made, as noted when it was made; None for one that podvow did not make.
    """

    provider: Literal["kind", "existing"]
    name: str
    kubeconfig: Path
    context: str
    access: NodeAccess | None
    server_version: str = ""
    identity: Identity | None = None
