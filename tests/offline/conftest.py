"""What the offline tests share: a timeline that tells nothing will not tell more by waiting."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from podvow.faults import patience

# How long an example takes hangs on what else the machine does; whether it is right does not.
settings.register_profile("podvow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podvow")


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_KNOWN_S", 0.0)
