"""What was seen: records from four sources on one timeline, stored as JSON lines. Imports no Kubernetes client."""

from __future__ import annotations

from podvow.timeline.record import Gap, Instant, Record, Source
from podvow.timeline.store import load, save
from podvow.timeline.timeline import Meta, Timeline
from podvow.timeline.views import Run, Sandbox, Snapshot

__all__ = [
    "Gap",
    "Instant",
    "Meta",
    "Record",
    "Run",
    "Sandbox",
    "Snapshot",
    "Source",
    "Timeline",
    "load",
    "save",
]
