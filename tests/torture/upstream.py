"""The real API server as the proxy sees it, and the kubeconfig that leads the harness to the proxy."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from podvow.cluster.health import read_endpoint
from tests.torture.certificates import Pair

LIMIT = 1 << 22
"""Longest line (one object of a watch) that the proxy takes, in bytes."""
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the server is and how to be let in.

    Attributes:
        host: its host.
        port: its port.
        trust: TLS with its authority and the real client certificate; None for plain HTTP.
        authorization: value of the header, empty when the certificate does it.
    """

    host: str
    port: int
    trust: ssl.SSLContext | None
    authorization: str = ""

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect.

        Raises:
            OSError: there is nobody, or nobody to be trusted.
        """
        async with asyncio.timeout(_CONNECT_S):
            return await asyncio.open_connection(self.host, self.port, ssl=self.trust, limit=LIMIT)


def from_kubeconfig(kubeconfig: Path, context: str, folder: Path) -> Upstream:
    """Return the server of a context.

    Args:
        kubeconfig: the real one.
        context: a context in it.
        folder: a private folder for the client's key, which Python's TLS takes from a file only.
    """
    endpoint = read_endpoint(kubeconfig, context)
    user = _user(kubeconfig, context)
    trust = ssl.create_default_context(cadata=endpoint.ca)
    if "client-certificate-data" in user:
        pair = Pair(folder / "client.crt", folder / "client.key")
        for path, key in ((pair.certificate, "client-certificate-data"), (pair.key, "client-key-data")):
            path.touch(mode=0o600)
            path.write_bytes(base64.b64decode(user[key]))
        trust.load_cert_chain(pair.certificate, pair.key)
    parts = urlsplit(endpoint.server)
    token = f"Bearer {user['token']}" if user.get("token") else ""
    return Upstream(parts.hostname or "", parts.port or 443, trust, token)


def _user(kubeconfig: Path, context: str) -> dict[str, Any]:
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    named = {kind: {entry["name"]: entry for entry in document[kind]} for kind in ("contexts", "users")}
    user: dict[str, Any] = named["users"][named["contexts"][context]["context"]["user"]]["user"]
    return user


def write_kubeconfig(path: Path, *, context: str, port: int, ca: str, token: str) -> None:
    """Write the kubeconfig that the harness is given: the proxy's address, whom to trust, the proxy's own token."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority-data": base64.b64encode(ca.encode()).decode(),
                },
            }
        ],
        "users": [{"name": context, "user": {"token": token}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
