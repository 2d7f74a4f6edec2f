"""What an answer says: an object, or a refusal with its reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from podvow.api.errors import ApiError, UnreadableError

if TYPE_CHECKING:
    import urllib3

    from podvow.api.request import Request


def object_in(request: Request, data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UnreadableError: it is none; what broke off on the way may come whole the next time.
    """
    try:
        parsed = json.loads(data) if data else {}
    except ValueError as error:
        raise UnreadableError(data, request=str(request)) from error
    if not isinstance(parsed, dict):
        raise UnreadableError(data, request=str(request))
    return parsed


def ok(status: int) -> bool:
    """Tell whether a status means success."""
    return 200 <= status < 300  # noqa: PLR2004 - the class of success


def refused(request: Request, response: urllib3.BaseHTTPResponse, data: bytes) -> ApiError:
    """Return the error that an answer without success is."""
    text = data.decode(errors="replace")
    body: dict[str, Any] | str = text
    try:
        parsed = json.loads(text)
        body = parsed if isinstance(parsed, dict) else text
    except ValueError:
        pass  # a proxy's page, or a body that broke off
    reason = str(body.get("reason") or "") if isinstance(body, dict) else ""
    try:
        retry_after = float(response.headers.get("Retry-After", ""))
    except ValueError:
        retry_after = None
    return ApiError(
        response.status,
        reason or response.reason or "",
        body,
        request=str(request),
        retry_after_s=retry_after,
    )
