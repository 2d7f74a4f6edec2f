"""What is played under disturbances, and in which rows. Data.

Every selection holds claims that the cluster is known to break (of the seed, or in conflict with the
documentation): without them a false *holds* could not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["nodes", "logs"]
"""nodes: the harness reaches the nodes past the proxy, as on a kind cluster. logs: all comes through the proxy."""

REFUTED = (
    "seed.pod-information.initialised-after-inits",
    "seed.example-1.fetches-page-and-serves",
    "seed.example-2.waits-for-service",
)
CONFLICTS = (
    "restart-rules.restart-all.history-preserved",
    "restart-rules.restart-all.documented-condition",
    "restart-rules.restart-all.crash-log",
    "restart-rules.restart-all.pending-throughout",
    "validation.environment.file-path-is-relative",
)
LONG = (
    "seed.init-failure.always-restarts-the-pod",
    "seed.init-image.update-restarts-pod",
    "seed.apps-terminated.restart-pod",
)
"""Broken claims whose scenarios watch for half a minute that nothing happens."""

SHORT = (
    "ordering.network.before-inits",
    "ordering.apps.side-by-side",
    "ordering.inits.zero-exit-required",
    "ordering.volumes.before-inits",
    "ordering.apps.post-start-hook-delays-next",
    "failure.policy-table.phase-and-runs",
    "failure.signal.handled-counts-as-success",
    "restart-rules.app.own-policy",
    "restart-rules.init.exit-code-in-rule",
    "restart-rules.restart-all.init-fails-then",
    "sidecars.completion.does-not-hold-pod",
    "sidecars.completion.failed-init-ends-pod",
    "controllers.job.failure-policy-names-an-init",
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


_NODES = (*SHORT, *REFUTED, *CONFLICTS)
_LOGS = tuple(c for c in (*SHORT, *REFUTED) if not c.startswith("restart-rules.restart-all"))
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
    Row("storm", "nodes", (*_NODES, *LONG)),
    *(Row(name, "logs", _LOGS) for name in _EVERY_LOGS),
    Row("storm", "logs", (*_LOGS, "seed.init-image.update-restarts-pod")),
)
