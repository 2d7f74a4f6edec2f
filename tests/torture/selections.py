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
    "restart-rules.restart-all.history-preserved",
    "validation.environment.file-path-is-relative",
)
"""Claims that the cluster breaks, quickly."""
SHORT = (
    "ordering.network.before-inits",
    "ordering.apps.side-by-side",
    "sidecars.completion.failed-init-ends-pod",
    "controllers.job.deadline-counts-initialising",
    "controllers.statefulset.parallel-does-not-wait",
    "debugging.logs.of-finished-inits",
    "debugging.termination-message.in-status",
    "resources.effective-request.is-max-of-inits-and-sum-of-apps",
    "resources.resize.running-init-in-place",
    "rerun.sandbox-loss.during-init",
)
"""Claims whose scenarios take a dozen seconds at most: a row takes as long as its longest one."""
LONG = (
    "ordering.volumes.before-inits",
    "failure.signal.term-counts-as-failure",
    "services.target-port.found-in-app-and-sidecar",
)
"""Claims whose scenarios take up to 40 s."""
BROKEN_LONG = (
    "seed.example-1.fetches-page-and-serves",
    "seed.example-2.waits-for-service",
    "seed.init-failure.always-restarts-the-pod",
    "seed.init-image.update-restarts-pod",
    "seed.apps-terminated.restart-pod",
    "restart-rules.restart-all.documented-condition",
    "restart-rules.restart-all.crash-log",
    "restart-rules.restart-all.pending-throughout",
)
"""Claims that the cluster breaks, whose scenarios watch for half a minute that nothing happens."""


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
_NODES_LONG = (*_NODES, *LONG, *BROKEN_LONG)
_LOGS = tuple(claim for claim in _NODES if not claim.startswith("restart-rules.restart-all"))
_LOGS_LONG = (
    *_LOGS,
    *LONG,
    "seed.example-1.fetches-page-and-serves",
    "seed.example-2.waits-for-service",
    "seed.init-image.update-restarts-pod",
)
_NODES_SHORT_ROWS = (
    "latency",
    "reset-before",
    "reset-after",
    "reset-body",
    "half-open",
    "half-open-watch",
    "repeated-lines",
    "late-lines",
    "gone",
    "too-many",
    "errors",
    "gateway",
    "slow",
    "truncated",
    "wrong-certificate",
    "refused",
    "restart",
)
_LOGS_SHORT_ROWS = ("reset-after", "reset-body", "half-open-watch", "dropped-lines", "gateway", "restart")

ROWS = (
    *(Row(name, "nodes", _NODES_LONG) for name in ("storm", "dropped-lines", "gone-midway")),
    Row("storm", "logs", _LOGS_LONG),
    *(Row(name, "nodes", _NODES) for name in _NODES_SHORT_ROWS),
    *(Row(name, "logs", _LOGS) for name in _LOGS_SHORT_ROWS),
)
"""The longest first: what is played side by side ends together then."""
