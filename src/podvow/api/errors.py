"""What can become of a request that does not succeed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from podvow.errors import PodvowError
from podvow.redact import blanked

if TYPE_CHECKING:
    from podvow.kubeconfig import Transport

UNAUTHORIZED = 401
_FORBIDDEN = 403
_MAY_NOT = re.compile(r'User "[^"]*" cannot \w+ (resource|path) ')
NO_ANSWER = "no answer"
"""Reason of a request that was sent and heard nothing."""
UNREACHABLE_HINT = "is the cluster running, and is the server address of the kubeconfig right?"
_HINTS = {
    401: "the credentials of this context are wrong or have expired: log in to the cluster again",
    403: "ask for this permission, or use a context that has it",
}


class ApiError(PodvowError):
    """The API server answered with something else than success.

    Attributes:
        status: HTTP status; 0 when there was no answer at all.
        reason: the reason of the answer's Status object (`NotFound`, `Expired`, …), else the HTTP reason.
        body: the parsed Status object, or the text when it was none.
        retry_after_s: how long the server asked to wait.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        body: dict[str, Any] | str = "",
        *,
        request: str = "",
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        body = blanked(body)  # whole, before anything is cut off: half of a secret is one too
        detail = body.get("message", "") if isinstance(body, dict) else body[:300]
        parts = (request, str(status or ""), reason)
        super().__init__(
            " ".join(filter(None, parts)) + (f": {detail}" if detail else ""),
            hint=_HINTS.get(status, "") if hint is None else hint,
        )
        self.status = status
        self.reason = reason
        self.body = body
        self.retry_after_s = retry_after_s

    @property
    def by_authorizer(self) -> bool:
        """Whether who asked may not do this at all; admission refuses an object with the same status.

        Source: k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go (forbiddenMessage). A server that
        was started a moment ago answers so to everybody until it has read the roles.
        """
        return self.status == _FORBIDDEN and bool(_MAY_NOT.search(self.message))


class UnreachableError(ApiError):
    """There was no answer: refused, reset, timed out, or the stream broke.

    Attributes:
        sent: whether the request may have reached the server.
    """

    def __init__(self, reason: str, detail: str, *, request: str, sent: bool) -> None:
        super().__init__(0, reason, detail, request=request, hint=UNREACHABLE_HINT)
        self.sent = sent


class UnreadableError(ApiError):
    """The answer was a success whose body is no JSON object: it broke off, or a proxy's page came in between."""

    def __init__(self, data: bytes, *, request: str) -> None:
        super().__init__(0, "not JSON", data[:200].decode(errors="replace"), request=request, hint=UNREACHABLE_HINT)


class UntrustedError(ApiError):
    """The server's certificate does not belong to the cluster of the kubeconfig; never retried."""

    def __init__(self, detail: str, *, request: str) -> None:
        hint = "the kubeconfig belongs to another cluster, or the cluster was made again under the same address"
        super().__init__(0, "untrusted certificate", detail, request=request, hint=hint)


class SwitchedError(ApiError):
    """The credentials were refused, and the kubeconfig to renew them from names another cluster; never retried."""

    def __init__(self, before: Transport, now: Transport, *, request: str) -> None:
        detail = (
            f"the kubeconfig names {now.host} ({now.authority}), not {before.host} ({before.authority}) any more"
        )
        super().__init__(
            UNAUTHORIZED, "another cluster", detail, request=request, hint="podvow follows to no other"
        )
