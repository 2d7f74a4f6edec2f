"""What an earlier part of a run left in the cluster is taken away before the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from podvow.api import MERGE_PATCH, Api, ApiError
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.scenario.manifest import MANAGED_LABEL, RUN_LABEL
from podvow.scenario.tenancy import HOLD_FINALIZER

_PATIENCE_S = 120.0
_POLL_S = 0.5
_GONE = frozenset({404, 409})


def clear(api: Api, run_labels: Sequence[str], *, patience_s: float = _PATIENCE_S) -> int:
    """Remove the namespaces of a run; only those that carry its label and ours.

    Args:
        api: the API server.
        run_labels: values of the run label.
        patience_s: how long to wait until they are gone, in seconds.

    Returns:
        How many there were.

    Raises:
        ClusterUnusableError: some do not go away; they are named.
    """
    found = _names(api, run_labels)
    for name in found:
        _release(api, name)
        try:
            api.delete(f"/api/v1/namespaces/{name}", {"propagationPolicy": "Background"})
        except ApiError as error:
            if error.status not in _GONE:
                raise
    deadline = Deadline.after(patience_s)
    tick = threading.Event()
    left = found
    while left and not deadline.passed:
        tick.wait(_POLL_S)
        left = _names(api, run_labels)
    if left:
        raise ClusterUnusableError(
            f"left over from the interrupted run and not to be removed: {', '.join(left)}",
            hint="look at their finalizers: kubectl get namespace NAME -o yaml",
        )
    return len(found)


def _names(api: Api, run_labels: Sequence[str]) -> list[str]:
    selector = f"{MANAGED_LABEL}=true,{RUN_LABEL} in ({','.join(run_labels)})"
    items = api.get("/api/v1/namespaces", params={"labelSelector": selector})["items"]
    wanted = set(run_labels)
    return sorted(
        item["metadata"]["name"] for item in items if item["metadata"].get("labels", {}).get(RUN_LABEL) in wanted
    )


def _release(api: Api, namespace: str) -> None:
    """Take off what holds deleted Pods back."""
    for pod in api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]:
        if HOLD_FINALIZER in (pod["metadata"].get("finalizers") or ()):
            try:
                path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
                api.patch(path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
            except ApiError as error:
                if error.status not in _GONE:
                    raise
