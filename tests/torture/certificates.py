"""Certificates for loopback, made with `openssl` or signed by the cluster itself; none outlives its folder."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path

import tenacity

from podvow.api import Api
from podvow.cluster.process import run

_DAYS = "2"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_SIGN_S = 20.0
_CONFIG = """[req]
distinguished_name = dn
prompt = no
x509_extensions = ext
req_extensions = ext
[dn]
{subject}
[ext]
{extensions}
"""
_OF_AUTHORITY = "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\nsubjectKeyIdentifier = hash"
_OF_SERVER = (
    "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n"
    "extendedKeyUsage = serverAuth\nsubjectAltName = IP:127.0.0.1"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: Path
    key: Path


def authority(folder: Path, name: str) -> Pair:
    """Make a certificate authority of our own.

    Args:
        folder: a private folder.
        name: its common name, and the beginning of its files' names.
    """
    pair = _files(folder, name)
    config = _config(folder, name, f"CN = {name}", _OF_AUTHORITY)
    _openssl("req", "-x509", *_CURVE, "-days", _DAYS, *_out(config, pair))
    return pair


def server(folder: Path, name: str, by: Pair) -> Pair:
    """Make a certificate for a server on loopback, signed by an authority of ours."""
    pair = _files(folder, name)
    config = _config(folder, name, f"CN = {name}", _OF_SERVER)
    signer = ("-CA", str(by.certificate), "-CAkey", str(by.key))
    _openssl("req", "-x509", *_CURVE, *signer, "-days", _DAYS, *_out(config, pair))
    return pair


def server_by_cluster(folder: Path, name: str, api: Api) -> Pair:
    """Have the cluster's own authority sign a certificate for a server on loopback.

    The signer `kubernetes.io/kubelet-serving` signs for kubelets; an administrator may ask for a node's name that
    no node has. So the proxy passes for the API server with everybody who trusts the cluster's authority, and no
    private key of the cluster is touched.
    Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers

    Raises:
        ApiError: the cluster does not do it.
    """
    pair = _files(folder, name)
    request = folder / f"{name}.csr"
    subject = f"O = system:nodes\nCN = system:node:{name}"
    config = _config(folder, name, subject, "subjectAltName = IP:127.0.0.1")
    _openssl("req", "-new", *_CURVE, *_out(config, Pair(request, pair.key)))
    path = f"{_REQUESTS}/{name}"
    api.delete(path) if _exists(api, path) else None
    asked = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(request.read_bytes()).decode(),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
            "expirationSeconds": 86400,
        },
    }
    try:
        found = api.post(_REQUESTS, asked)
        approved = {"type": "Approved", "status": "True", "reason": "Torture", "message": "a proxy of the tests"}
        api.put(f"{path}/approval", {**found, "status": {"conditions": [approved]}})
        pair.certificate.write_bytes(base64.b64decode(_signed(api, path)))
    finally:
        api.delete(path)
    return pair


def _exists(api: Api, path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(item["metadata"]["name"] == name for item in api.get(_REQUESTS)["items"])


@tenacity.retry(
    retry=tenacity.retry_if_result(lambda text: not text),
    stop=tenacity.stop_after_delay(_SIGN_S),
    wait=tenacity.wait_fixed(0.2),
)
def _signed(api: Api, path: str) -> str:
    return str((api.get(path).get("status") or {}).get("certificate") or "")


def _files(folder: Path, name: str) -> Pair:
    return Pair(folder / f"{name}.crt", folder / f"{name}.key")


def _config(folder: Path, name: str, subject: str, extensions: str) -> Path:
    path = folder / f"{name}.cnf"
    path.write_text(_CONFIG.format(subject=subject, extensions=extensions), encoding="utf-8")
    return path


def _out(config: Path, pair: Pair) -> tuple[str, ...]:
    return ("-config", str(config), "-keyout", str(pair.key), "-out", str(pair.certificate))


def _openssl(*words: str) -> None:
    mask = os.umask(0o077)
    try:
        run(["openssl", *words], timeout_s=30.0)
    finally:
        os.umask(mask)
