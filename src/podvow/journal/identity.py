"""Whether a cluster is the one that a journal was written for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podvow.api import Api, ApiError

_UID = "uid"
"""As `podvow.safety.identity.Identity.to_json` calls it, which the header of a journal holds."""


def read(api: Api) -> dict[str, str]:
    """Return what tells a cluster from all others, the uid of its namespace kube-system; empty if forbidden."""
    try:
        return {_UID: str(api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])}
    except (ApiError, KeyError, TypeError):
        return {}


def other(written: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether two identities are known and differ."""
    return bool(written.get(_UID) and found.get(_UID) and written[_UID] != found[_UID])
