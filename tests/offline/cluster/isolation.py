"""Keeps the tests of this folder off the machine's own engine, clusters and caches.

Every test module here imports `elsewhere`, so that it holds without conftest files too: what is tested ends
processes and deletes folders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podvow.cluster import dockerd, engine, inotify, netns

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["elsewhere"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the machine's cache, engine, namespace or client programs; returns the cache that it sees."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("PODVOW_CACHE", str(cache))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(dockerd, "RUN", tmp_path / "run")
    monkeypatch.setattr(dockerd, "HOST", f"unix://{tmp_path}/run/docker.sock")
    monkeypatch.setattr(netns, "_DIR", tmp_path / "netns")
    monkeypatch.setattr(netns, "_home", [])
    monkeypatch.setattr(inotify, "LIMIT", tmp_path / "no-limit")
    monkeypatch.setattr(engine, "_server_version", lambda _: "")
    return cache
