"""What release a version names, whoever built it."""

from __future__ import annotations

import pytest
from packaging.version import Version

from podvow.release import release_of


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("v1.37.2", "1.37.2"),
        ("v1.33.5-gke.1080000", "1.33.5"),
        ("v1.33.4-eks-7a3e2c1", "1.33.4"),
        ("v1.31.1+k3s1", "1.31.1"),
        ("v1.38.0-alpha.0.12+abcdef", "1.38.0"),
        ("v1.37.0-rc.1", "1.37.0"),
        ("1.29", "1.29.0"),
    ],
)
def test_versions_lose_what_vendors_and_pre_releases_add(version: str, release: str) -> None:
    assert release_of(version) == Version(release)


@pytest.mark.parametrize("version", ["", "unknown", "v1", "1.3x", "v1.37.2nonsense"])
def test_what_names_no_release_is_not_guessed(version: str) -> None:
    assert release_of(version) is None
