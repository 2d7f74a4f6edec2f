"""Questions to the API server: what a container wrote to its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.api import ApiError
from podvow.faults.base import FaultContext

_TAIL = "200"
_OK = 200
_REFUSED = frozenset({400, 403, 404})


@dataclass(frozen=True)
class ReadLog:
    """Read the last lines of a container's log, of its present run or of the one before.

    A refusal (no such container, not started yet, the previous run's log is gone) is an answer too.
    """

    container: str
    previous: bool = False
    pod: str = ""

    @property
    def name(self) -> str:
        """The log."""
        of = f"{self.pod}/{self.container}" if self.pod else self.container
        return f"{'previous ' if self.previous else ''}log of {of}"

    @property
    def needs(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def look(self, context: FaultContext) -> Mapping[str, Any]:
        """Ask for the log; `code` is the HTTP status, `text` the log or the message of the refusal."""
        path = context.path("pods", f"{self.pod or context.timeline().meta.pod}/log")
        params = {"container": self.container, "previous": str(self.previous).lower(), "tailLines": _TAIL}
        try:
            text = context.api.text(path, params=params)
        except ApiError as error:
            if error.status not in _REFUSED:
                raise
            body = error.body
            text = str(body.get("message", "")) if isinstance(body, Mapping) else body
            return {"code": error.status, "text": text}
        return {"code": _OK, "text": text}


def read_log(container: str, *, previous: bool = False, pod: str = "") -> ReadLog:
    """Return the probe that reads a container's log; its facts are `code` (HTTP status) and `text`."""
    return ReadLog(container, previous, pod)
