"""Asks an API server whether it is ready, with the standard library only: fast, before any client is set up."""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podvow import yamlfile
from podvow.errors import ClusterUnusableError, UsageError
from podvow.inputs import read_text

if TYPE_CHECKING:
    from podvow.deadline import Deadline

_ASK_S = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API server listens.

    Attributes:
        server: its URL.
        ca: the certificate of its authority, as text; empty to use the system's.
        insecure: whether the kubeconfig says not to verify it.
        ca_file: the file that the certificate lies in; None when the kubeconfig holds it.
    """

    server: str
    ca: str
    insecure: bool = False
    ca_file: Path | None = None


def kubeconfig_text(kubeconfig: Path, context: str) -> str:
    """Return a kubeconfig as it lies on the disk.

    Raises:
        UsageError: when it cannot be read.
    """
    if not kubeconfig.is_file():
        raise UsageError(
            f"there is no kubeconfig {kubeconfig}, from which the context {context!r} was to be taken",
            hint="--kubeconfig FILE --context NAME",
        )
    return read_text(kubeconfig, what="kubeconfig")


def read_endpoint(kubeconfig: Path, context: str) -> Endpoint:
    """Return the API server of a context.

    Raises:
        UsageError: when the file or the context cannot be read.
    """
    return endpoint_in(kubeconfig_text(kubeconfig, context), kubeconfig, context)


def endpoint_in(text: str, kubeconfig: Path, context: str) -> Endpoint:
    """Return the API server of a context of a kubeconfig that was read already.

    Raises:
        UsageError: when it is no kubeconfig with that context.
    """
    try:
        document: Any = _document(text, kubeconfig, context)
        named = {
            kind: {entry["name"]: entry for entry in document.get(kind) or []} for kind in ("contexts", "clusters")
        }
        if context not in named["contexts"]:
            known = ", ".join(named["contexts"]) or "none"
            raise UsageError(f"{kubeconfig} has no context {context!r}", hint=f"it has: {known}")
        cluster = named["clusters"][named["contexts"][context]["context"]["cluster"]]["cluster"]
        data, file = cluster.get("certificate-authority-data"), cluster.get("certificate-authority")
        ca_file = kubeconfig.parent / file if file and not data else None
        ca = base64.b64decode(data).decode() if data else ca_file.read_text() if ca_file else ""
        return Endpoint(str(cluster["server"]), ca, bool(cluster.get("insecure-skip-tls-verify")), ca_file)
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        # The error may quote what it met: in a kubeconfig that may be a secret.
        raise UsageError(
            f"{kubeconfig} cannot be read as a kubeconfig with context {context!r}: {type(error).__name__} in it"
        ) from error


def _document(text: str, kubeconfig: Path, context: str) -> Any:
    try:
        return yamlfile.loads(text, where=kubeconfig, what="kubeconfig")
    except UsageError as error:
        raise UsageError(f"{error.message}; the context {context!r} was to be taken from it") from error


def ask(endpoint: Endpoint, path: str) -> str:
    """Return the answer to an anonymous GET; empty when there is none or it is no success."""
    try:
        trust = ssl.create_default_context(cadata=endpoint.ca or None)
        if endpoint.insecure:
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        # The cluster lies on loopback or in a namespace of ours: no proxy of the environment may get in between.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with opener.open(f"{endpoint.server}{path}", timeout=_ASK_S) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError, ValueError):
        return ""


def is_ready(endpoint: Endpoint) -> bool:
    """Whether the API server says that it is ready."""
    return ask(endpoint, "/readyz") == "ok"


def server_version(endpoint: Endpoint) -> str:
    """Return the API server's version, such as v1.37.2; empty when it does not say."""
    try:
        return str(json.loads(ask(endpoint, "/version") or "{}").get("gitVersion", ""))
    except ValueError:
        return ""


def wait_ready(endpoint: Endpoint, deadline: Deadline) -> None:
    """Wait until the API server is ready.

    Raises:
        ClusterUnusableError: when the deadline passes.
    """
    while not is_ready(endpoint):
        if deadline.passed:
            raise ClusterUnusableError(
                f"the API server at {endpoint.server} is not ready", hint="podvow down, then podvow up"
            )
        time.sleep(0.3)
