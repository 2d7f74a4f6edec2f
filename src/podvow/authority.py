"""The certificate authority that a cluster is known by, as one short word that can be compared and shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

SYSTEM = "system"
"""No authority is named: whoever the machine trusts may be the server."""
UNVERIFIED = "unverified"
"""The server's certificate is not looked at, or there is none."""
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def authority(pem: str, *, verified: bool = True) -> str:
    """Return what stands for a certificate authority.

    Args:
        pem: one or more certificates as text; empty when none is named.
        verified: whether the server's certificate is checked at all.

    Returns:
        `sha256:` and the digest of the certificate (what `openssl x509 -fingerprint -sha256` shows; over all
        digests when there are several, in any order), or `SYSTEM`, or `UNVERIFIED`.
    """
    if not verified:
        return UNVERIFIED
    if not pem.strip():
        return SYSTEM
    try:
        certificates = [base64.b64decode("".join(block.split()), validate=True) for block in _BLOCK.findall(pem)]
    except binascii.Error:
        certificates = []
    # Text that is no certificate cannot let anybody in; it is compared all the same.
    digests = sorted(hashlib.sha256(der).hexdigest() for der in certificates) or [_digest(pem.strip())]
    return f"sha256:{digests[0] if len(digests) == 1 else _digest(' '.join(digests))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
