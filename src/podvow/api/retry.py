"""Which requests are sent again, when, and what it is counted as. Requests only: expectations are never retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tenacity

from podvow.api.errors import ApiError, UnreachableError, UnreadableError

if TYPE_CHECKING:
    from podvow.api.request import Request

_RETRY_AFTER_CAP_S = 10.0
_TOO_MANY = 429
_SERVER_ERRORS = frozenset({500, 502, 503, 504})


def retryable(request: Request, error: BaseException) -> bool:
    """Tell whether a request may be sent again after an error."""
    if isinstance(error, UnreachableError):
        return not error.sent or request.repeatable
    if isinstance(error, UnreadableError):
        return request.repeatable
    if not isinstance(error, ApiError):
        return False
    if error.status == _TOO_MANY:
        return not request.path.endswith("/eviction")  # there it means: a disruption budget says no
    return error.status in _SERVER_ERRORS and request.repeatable


_backoff = tenacity.wait_exponential(multiplier=0.1, max=2.0) + tenacity.wait_random(0.0, 0.1)


def pause(state: tenacity.RetryCallState) -> float:
    """Return how long to wait, in seconds: what the server asked for, else a little more each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, ApiError) else None
    return _backoff(state) if asked is None else min(asked, _RETRY_AFTER_CAP_S)


def cause(state: tenacity.RetryCallState) -> str:
    """Return what a retry is counted as."""
    error = state.outcome.exception() if state.outcome else None
    return (str(error.status) if error.status else error.reason) if isinstance(error, ApiError) else "unknown"
