"""A guard around the API server of the tests: a kubeconfig on the disk and what is allowed, both to be changed."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from podvow.authority import authority
from podvow.cluster.node import CA_FILE, NodeAccess
from podvow.cluster.provider import Cluster
from podvow.safety.guard import Guard
from podvow.safety.identity import Identity, Place
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.scenario.fake_api import SERVER, FakeApi

CONTEXT = "theirs"


def certificate(name: str) -> str:
    """Return what looks like the certificate of an authority."""
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(name.encode()).decode()}\n-----END CERTIFICATE-----\n"


def write_kubeconfig(path: Path, server: str = SERVER, ca: str = certificate("ours"), **more: Any) -> Path:
    """Write a kubeconfig whose context leads to a server."""
    cluster = {
        "server": server,
        **({"certificate-authority-data": base64.b64encode(ca.encode()).decode()} if ca else {}),
    }
    document = {
        "clusters": [{"name": "c", "cluster": {**cluster, **more}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@dataclass
class Machinery(FakeAccess):
    """Nodes that are machines."""

    machines: dict[str, str] = field(default_factory=dict)

    def machine(self, node: str) -> str:
        self.asked.append((node, "machine"))
        return self.machines.get(node, f"machine of {node}")

    def belongs(self, node: str, name: str) -> None:
        """Let a node be one of a cluster's."""
        self.files[node, CA_FILE] = certificate(name).encode()


@dataclass
class Allowed:
    """What may be done, to be changed while a run goes on."""

    nodes: bool = True
    refusal: Exception | None = None

    def __call__(self) -> bool:
        if self.refusal is not None:
            raise self.refusal
        return self.nodes


def guarded(
    folder: Path, api: FakeApi, access: NodeAccess | None = None, may_touch_nodes: Allowed | None = None
) -> Guard:
    """Return a guard of the cluster behind an API server of the tests."""
    cluster = Cluster("existing", "theirs", write_kubeconfig(folder / "kubeconfig"), CONTEXT, access)
    identity = Identity(api.uid, Place(SERVER, authority(certificate("ours"))))
    return Guard(identity, api=cast("Any", api), cluster=cluster, may_touch_nodes=may_touch_nodes or Allowed())
