"""What the offline tests share: a timeline that tells nothing will not tell more by waiting."""

from __future__ import annotations

import pytest

from podvow.faults import patience


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_KNOWN_S", 0.0)
