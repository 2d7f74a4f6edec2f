"""What a probe is: a question to the cluster whose answer no source streams; it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from podvow.faults.base import FaultContext


class Probe(Protocol):
    """A question. Values: two equal probes ask the same."""

    @property
    def name(self) -> str:
        """What is asked, e.g. `log of init-1`; unique in a scenario unless the same is asked again."""

    @property
    def needs(self) -> frozenset[str]:
        """Capabilities of the cluster that it needs."""

    def look(self, context: FaultContext) -> Mapping[str, Any]:
        """Ask.

        Returns:
            What is the case, as JSON: it becomes the record's `facts`.

        Raises:
            PodvowError: it could not be asked; the record says so.
        """
