"""The release that a version of Kubernetes belongs to: what claims and expectations are about."""

from __future__ import annotations

import re

from packaging.version import Version

UNKNOWN = Version("0.0.0")
"""Stands for the release of a version that names none, where there must be one."""
_RELEASE = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?")


def release_of(version: str) -> Version | None:
    """Return the release that a version names, without its `v` and its vendor's or pre-release suffix.

    A pre-release counts as its release: its kubelet has that release's feature gates.

    Args:
        version: e.g. `v1.37.2`, `v1.33.5-gke.1080000`, `v1.31.1+k3s1`, `v1.38.0-alpha.1`.

    Returns:
        The release; None when the text names none.
    """
    found = _RELEASE.fullmatch(version)
    return Version(".".join(part or "0" for part in found.groups())) if found else None
