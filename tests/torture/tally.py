"""What a disturbance really did, counted by the proxy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.torture.effects import Effect


@dataclass
class Tally:
    """Counts of one run.

    Attributes:
        requests: requests that the harness sent, by kind.
        injected: disturbances that took place, by effect.
        retries: requests to what had been asked for in vain before.
    """

    requests: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    _unanswered: Counter[tuple[str, str]] = field(default_factory=Counter)

    def request(self, kind: str, verb: str, path: str) -> None:
        """Count a request, and whether it repeats one that was disturbed."""
        self.requests[kind] += 1
        if self._unanswered[verb, path] > 0:
            self._unanswered[verb, path] -= 1
            self.retries += 1

    def hit(self, effect: Effect, verb: str, path: str, *, answered: bool) -> None:
        """Count an effect that took place.

        Args:
            effect: what was done.
            verb: of the request.
            path: of the request, without its query.
            answered: whether the harness got a whole and true answer all the same.
        """
        self.injected[type(effect).__name__.lower()] += 1
        if not answered:
            self._unanswered[verb, path] += 1
