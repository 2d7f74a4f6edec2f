"""Whether the API server lets us do what a run needs: asked with SelfSubjectAccessReviews, which change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from podvow.api import Api, ApiError
from podvow.permissions import Need, Permission
from podvow.preflight.finding import Finding

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TOPIC = "permissions"
_ALL = Permission("*", "*", "*")
_HINT = "`podvow rbac` prints the roles that a run needs"


def check_access(api: Api, needs: Sequence[Need]) -> list[Finding]:
    """Return what is not allowed; an administrator is asked about once.

    Args:
        api: the connection.
        needs: what is to be allowed.
    """
    try:
        everything = _allowed(api, _ALL)
        asked = [need for need in needs if need.permission.is_path or not everything]
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="preflight") as pool:
            answers = list(pool.map(lambda need: _allowed(api, need.permission), asked))
    except ApiError as error:
        return [Finding("error", f"permissions cannot be checked: {error.message}", error.hint, TOPIC)]
    return [_denied(need) for need, allowed in zip(asked, answers, strict=True) if not allowed]


def _denied(need: Need) -> Finding:
    if need.lost:
        return Finding("warning", f"may not {need.permission}: {need.lost}", _HINT, TOPIC, need.permission)
    text = f"may not {need.permission} ({'; '.join(need.why)})"
    return Finding("error", text, _HINT, TOPIC, need.permission)


def _allowed(api: Api, permission: Permission) -> bool:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": _spec(permission)}
    return bool((api.post(REVIEWS, review).get("status") or {}).get("allowed"))


def _spec(permission: Permission) -> dict[str, dict[str, str]]:
    if permission.is_path:
        return {"nonResourceAttributes": {"path": permission.resource, "verb": permission.verb}}
    resource, _, subresource = permission.resource.partition("/")
    attributes = {
        "group": permission.group,
        "resource": resource,
        "subresource": subresource,
        "verb": permission.verb,
    }
    return {"resourceAttributes": attributes}
