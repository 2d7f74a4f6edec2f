"""Which requests are sent again, when, and what it is counted as. Requests only: expectations are never retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tenacity

from podvow.api.errors import NO_ANSWER, ApiError, UnreachableError, UnreadableError

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


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def out_of_patience(patience_s: float) -> tenacity.stop.stop_base:
    """Return when a request is given up: once its time is over, but not after one silence that took all of it.

    A connection of which only one end is left (a NAT table, a proxy that was replaced) swallows one request; the
    next one gets a connection of its own.
    """
    return tenacity.stop_after_delay(patience_s) & (tenacity.stop_after_attempt(2) | _Spoken())


class _Spoken(tenacity.stop.stop_base):
    """Whether the last attempt came to something, if only to a refusal."""

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        error = _error(state)
        return not (isinstance(error, UnreachableError) and error.reason == NO_ANSWER)


_backoff = tenacity.wait_exponential(multiplier=0.1, max=2.0) + tenacity.wait_random(0.0, 0.1)


def pause(state: tenacity.RetryCallState) -> float:
    """Return how long to wait, in seconds: what the server asked for, else a little more each time."""
    error = _error(state)
    asked = error.retry_after_s if isinstance(error, ApiError) else None
    return _backoff(state) if asked is None else min(asked, _RETRY_AFTER_CAP_S)


def cause(state: tenacity.RetryCallState) -> str:
    """Return what a retry is counted as."""
    error = _error(state)
    return (str(error.status) if error.status else error.reason) if isinstance(error, ApiError) else "unknown"
