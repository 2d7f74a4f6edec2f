"""The real API server of a kind cluster: killed on its node, where the kubelet starts its static Pod again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import tenacity
from filelock import FileLock

from podvow.cluster.cri import Cri
from podvow.cluster.process import CommandError

_NAME = "kube-apiserver"
_AWAY_S = 60.0
_RUNNING = "CONTAINER_RUNNING"


def restarter(cri: Cri, node: str, lock: Path | None = None) -> Callable[[], int]:
    """Return what kills the API server and returns once another one runs.

    Args:
        cri: the nodes' runtime.
        node: the control-plane node.
        lock: a lock file to hold meanwhile, for a cluster that others use too.
    """

    def restart() -> int:
        holding: AbstractContextManager[Any] = FileLock(lock) if lock else nullcontext()
        with holding:
            before = _running(cri, node)
            for container in before:
                cri.kill(node, container)
            return int(bool(_another(cri, node, before)))

    return restart


def _running(cri: Cri, node: str) -> frozenset[str]:
    return frozenset(
        str(c["id"])
        for c in cri.containers(node)
        if (c.get("metadata") or {}).get("name") == _NAME and c.get("state") == _RUNNING
    )


@tenacity.retry(
    retry=tenacity.retry_if_result(lambda found: not found) | tenacity.retry_if_exception_type(CommandError),
    stop=tenacity.stop_after_delay(_AWAY_S),
    wait=tenacity.wait_fixed(0.5),
)
def _another(cri: Cri, node: str, before: frozenset[str]) -> frozenset[str]:
    """Wait for a container that was not there before; killed ones may be listed as running for a moment."""
    return _running(cri, node) - before
