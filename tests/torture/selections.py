"""What is played under disturbances, and in which rows. Data.

Every selection holds claims that the cluster is known to break (of the seed, or in conflict with the
documentation): without them a false *holds* could not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["nodes", "logs"]
"""nodes: the harness reaches the nodes past the proxy, as on a kind cluster. logs: all comes through the proxy."""

BROKEN = (
    "seed.pod-information.initialised-after-inits",
    "seed.example-1.fetches-page-and-serves",
    "restart-rules.restart-all.history-preserved",
    "validation.environment.file-path-is-relative",
)
"""Claims that the cluster breaks, quickly."""
BROKEN_LONG = (
    "seed.example-2.waits-for-service",
    "seed.init-failure.always-restarts-the-pod",
    "seed.init-image.update-restarts-pod",
    "seed.apps-terminated.restart-pod",
    "restart-rules.restart-all.documented-condition",
    "restart-rules.restart-all.crash-log",
    "restart-rules.restart-all.pending-throughout",
)
"""Claims that the cluster breaks, whose scenarios watch for half a minute that nothing happens."""
SHORT = (
    "ordering.network.before-inits",
    "ordering.apps.side-by-side",
    "ordering.volumes.before-inits",
    "failure.signal.term-counts-as-failure",
    "sidecars.completion.failed-init-ends-pod",
    "controllers.job.deadline-counts-initialising",
    "controllers.statefulset.parallel-does-not-wait",
    "debugging.logs.of-finished-inits",
    "debugging.termination-message.in-status",
    "resources.effective-request.is-max-of-inits-and-sum-of-apps",
    "resources.resize.running-init-in-place",
    "rerun.sandbox-loss.during-init",
    "services.target-port.found-in-app-and-sidecar",
)
"""Claims whose scenarios take a dozen seconds at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        disturbance: its name.
        way: how the harness reaches the cluster.
        claims: what is judged.
    """

    disturbance: str
    way: Way
    claims: tuple[str, ...]


_NODES = (*SHORT, *BROKEN)
_LOGS = tuple(claim for claim in (*SHORT, *BROKEN) if not claim.startswith("restart-rules.restart-all"))
_EVERY_NODES = (
    "latency",
    "reset-before",
    "reset-after",
    "reset-body",
    "half-open",
    "half-open-watch",
    "dropped-lines",
    "repeated-lines",
    "late-lines",
    "gone",
    "gone-midway",
    "too-many",
    "errors",
    "gateway",
    "slow",
    "truncated",
    "wrong-certificate",
    "refused",
    "restart",
)
_EVERY_LOGS = ("reset-after", "reset-body", "half-open-watch", "dropped-lines", "gateway", "restart")

ROWS = (
    *(Row(name, "nodes", _NODES) for name in _EVERY_NODES),
    Row("storm", "nodes", (*_NODES, *BROKEN_LONG)),
    *(Row(name, "logs", _LOGS) for name in _EVERY_LOGS),
    Row("storm", "logs", (*_LOGS, "seed.init-image.update-restarts-pod", "seed.example-2.waits-for-service")),
)
