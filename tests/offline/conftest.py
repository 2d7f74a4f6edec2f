"""What the offline tests share: no waiting for a timeline that tells nothing, and signals stay as they were."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from podvow.faults import patience

# How long an example takes hangs on what else the machine does; whether it is right does not.
settings.register_profile("podvow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podvow")


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_KNOWN_S", 0.0)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Put back what a command that ran in this process has made of its signals.

    Its handlers remember that they were asked once: a later test that asks this process to end would wait for ever.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
