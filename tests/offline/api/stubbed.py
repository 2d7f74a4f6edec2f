"""Fixtures of the tests that talk to a stub of the API server on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tenacity

from podvow.api import Api, retry
from tests.offline.api.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_backoff", tenacity.wait_fixed(0.005))


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as server:
        yield server


@pytest.fixture
def api(stub: Stub, tmp_path: Path) -> Iterator[Api]:
    with Api.connect(stub.kubeconfig(tmp_path), "stub", pool=8) as connection:
        yield connection
