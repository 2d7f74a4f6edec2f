"""Question to the API server and the node: what lives on of a namespace that was deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.api import ApiError
from podvow.cluster.cri import NAMESPACE_LABEL
from podvow.faults.base import NODE_ACCESS, FaultContext

_NOT_FOUND = 404
_OK = 200
_DEAD = {"CONTAINER_EXITED", "SANDBOX_NOTREADY"}


@dataclass(frozen=True)
class LookLeft:
    """Ask until nothing is left, or patience is at its end; the last answer counts."""

    patience_s: float
    name: str = "left of the namespace"

    @property
    def needs(self) -> frozenset[str]:
        """Commands on the node."""
        return frozenset({NODE_ACCESS})

    def look(self, context: FaultContext) -> Mapping[str, Any]:
        """Ask for the namespace, and for its sandboxes and containers on the node.

        Returns:
            `namespace` (HTTP status: 404 when it is gone), `sandboxes` and `containers` (how many are alive; the
            records of dead ones are cleared up by the kubelet once a minute), and `outlived` (how many containers
            were alive when the namespace was found gone first).
        """
        until = time.monotonic() + self.patience_s
        outlived: int | None = None
        while True:
            found = self._ask(context)
            if found["namespace"] == _NOT_FOUND and outlived is None:
                outlived = found["containers"]
            if found == {"namespace": _NOT_FOUND, "sandboxes": 0, "containers": 0} or time.monotonic() > until:
                return {**found, "outlived": outlived}
            time.sleep(2)

    def _ask(self, context: FaultContext) -> dict[str, Any]:
        code = _OK
        try:
            context.api.get(f"/api/v1/namespaces/{context.namespace}")
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            code = _NOT_FOUND
        listed = {
            "sandboxes": context.runtime.sandboxes(context.node),
            "containers": context.runtime.containers(context.node),
        }
        counts = {
            kind: sum(
                (item.get("labels") or {}).get(NAMESPACE_LABEL) == context.namespace
                and item.get("state") not in _DEAD
                for item in found
            )
            for kind, found in listed.items()
        }
        return {"namespace": code, **counts}


def look_left(patience_s: float = 60.0) -> LookLeft:
    """Return the probe that says what is left of the scenario's deleted namespace."""
    return LookLeft(patience_s)
