"""When a quota counts and a LimitRange applies: not when they are stored, but when admission acts on them.

The API server's quota admission works from a cache of its own and remembers for 30 s that a namespace had no quota
(`liveLookupCache` in k8s.io/apiserver/pkg/admission/plugin/resourcequota/resource_access.go). A Pod that is created
before that cache has heard of a new quota is taken without being counted, and the quota controller counts it
minutes later. LimitRanges are read from such a cache too. So admission itself is asked, with Pods that are never
stored: one that nobody can afford, and one that says nothing about its resources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tenacity

from podvow.api import Api, ApiError
from podvow.deadline import Deadline

_EXCESS = {"cpu": "1M", "memory": "1Ei", "ephemeral-storage": "1Ei"}
_FORBIDDEN = 403
_POLL_S = 0.1


def _too_big(quota: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Pod that exceeds every amount that a quota limits; it has no limits where the quota counts none."""
    counted = {str(key).rpartition(".")[2] for key in quota["spec"]["hard"]} & set(_EXCESS)
    amounts = {resource: _EXCESS[resource] for resource in sorted(counted)}
    return _pod({"requests": amounts, "limits": amounts})


def _pod(resources: Mapping[str, Any]) -> dict[str, Any]:
    container = {"name": "app", "image": "x", "resources": resources}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asks"}, "spec": {"containers": [container]}}


def await_counting(api: Api, namespace: str, quota: Mapping[str, Any], deadline: Deadline) -> bool:
    """Wait until admission refuses what a quota does not allow; nothing is stored.

    Args:
        api: the API server.
        namespace: where the quota is.
        quota: the quota as it was created.
        deadline: how long to wait.

    Returns:
        Whether it does; False as well for a quota that limits no compute resource, which cannot be asked like this.
    """
    pod = _too_big(quota)
    if not pod["spec"]["containers"][0]["resources"]["limits"]:
        return False

    def refused() -> bool:
        try:
            api.post(f"/api/v1/namespaces/{namespace}/pods", pod, params={"dryRun": "All"})
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
            return "exceeded quota" in error.message
        return False

    return _poll(refused, deadline)


def await_limits(api: Api, namespace: str, deadline: Deadline) -> bool:
    """Wait until admission applies a LimitRange: it fills something in, or names a limit; nothing is stored.

    Args:
        api: the API server.
        namespace: where the LimitRange is.
        deadline: how long to wait.

    Returns:
        Whether it does.
    """

    def applied() -> bool:
        try:
            pod = api.post(f"/api/v1/namespaces/{namespace}/pods", _pod({}), params={"dryRun": "All"})
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
            return " per " in error.message
        return any(container.get("resources") for container in pod["spec"]["containers"])

    return _poll(applied, deadline)


def _poll(condition: Callable[[], bool], deadline: Deadline) -> bool:
    polling = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda met: not met),
        stop=tenacity.stop_after_delay(deadline.left_s),
        wait=tenacity.wait_fixed(_POLL_S),
        retry_error_callback=lambda _: False,
    )
    return bool(polling(condition))
