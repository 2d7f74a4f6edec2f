"""The one pooled transport to the API server: raw JSON in, raw JSON out, every request counted.

Typed models drop fields that they do not know, so none is used; what the `kubernetes` client does here is in
`kubeconfig`.

Requests are retried here, expectations never; `Api.retries` says how often and why.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode

import tenacity
import urllib3
from urllib3 import exceptions as transport_errors

from podvow.errors import ClusterUnusableError, PodvowError
from podvow.kubeconfig import Transport, read_transport
from podvow.redact import VAULT, blanked, found_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_Read = TypeVar("_Read")
_JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_CONNECT_S = 5.0
_READ_S = 30.0
_PATIENCE_S = 15.0
_RETRY_AFTER_CAP_S = 10.0
_RENEW_EVERY_S = 5.0
_TOO_MANY = 429
_UNAUTHORIZED = 401
_NOT_FOUND = 404
_CONFLICT = 409
_SERVER_ERRORS = frozenset({500, 502, 503, 504})
_HINTS = {
    401: "the credentials of this context are wrong or have expired: log in to the cluster again",
    403: "ask for this permission, or use a context that has it",
}
_UNREACHABLE_HINT = "is the cluster running, and is the server address of the kubeconfig right?"


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


class UnreachableError(ApiError):
    """There was no answer: refused, reset, timed out, or the stream broke.

    Attributes:
        sent: whether the request may have reached the server.
    """

    def __init__(self, reason: str, detail: str, *, request: str, sent: bool) -> None:
        super().__init__(0, reason, detail, request=request, hint=_UNREACHABLE_HINT)
        self.sent = sent


class UnreadableError(ApiError):
    """The answer was a success whose body is no JSON object: it broke off, or a proxy's page came in between."""

    def __init__(self, data: bytes, *, request: str) -> None:
        super().__init__(
            0, "not JSON", data[:200].decode(errors="replace"), request=request, hint=_UNREACHABLE_HINT
        )


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
            _UNAUTHORIZED, "another cluster", detail, request=request, hint="podvow follows to no other"
        )


@dataclass(frozen=True, slots=True)
class _Request:
    verb: str
    path: str
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | Sequence[Any] | None = None
    content_type: str = _JSON
    accept: str = _JSON

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        match self.verb:
            case "GET" | "PUT" | "DELETE":
                return True
            case "PATCH":
                return self.content_type in {MERGE_PATCH, STRATEGIC_PATCH}
            case _:
                return self.path.endswith("reviews") or bool(self.created)

    @property
    def created(self) -> str:
        """Name of the object that a POST to a collection makes, if the client chose the name."""
        if self.verb != "POST" or not isinstance(self.body, dict) or not _is_collection(self.path):
            return ""
        return str(self.body.get("metadata", {}).get("name", ""))


class Stream:
    """The lines of one open response; `close` may be called from any thread and ends the iteration."""

    def __init__(
        self, response: urllib3.BaseHTTPResponse, *, request: str, forget: Callable[[Stream], None]
    ) -> None:
        self._response = response
        self._request = request
        self._forget = forget
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        while not self._closed:
            if self._lines:
                return self._lines.popleft()
            self._read()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the iteration and close the connection."""
        already, self._closed = self._closed, True
        if already:
            return
        self._forget(self)
        with suppress(ValueError, RuntimeError, OSError):  # the response has ended: no reader to wake
            self._response.shutdown()
        with suppress(ValueError, OSError):  # the reader was faster
            self._response.close()

    def _read(self) -> None:
        try:
            data: bytes = self._response.read1(65536)
        except Exception as error:
            if self._closed:
                return
            self.close()
            if isinstance(error, transport_errors.ReadTimeoutError):
                raise UnreachableError("silent", "no data in time", request=self._request, sent=True) from error
            raise UnreachableError("stream broke", str(error), request=self._request, sent=True) from error
        if not data:
            last = b"".join(self._rest)
            self._rest = []
            if not last.strip():
                self.close()
            else:
                self._lines.append(last)
            return
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            whole = b"".join((*self._rest, head))
            self._lines.extend(line for line in whole.split(b"\n") if line.strip())
            self._rest = []
        if tail:
            self._rest.append(tail)


class Api:
    """A connection to one cluster, safe to use from any number of threads.

    Attributes:
        requests: requests sent, by verb (`WATCH` for streams); retries count.
        retries: retried requests, by cause.
        version: the answer of `/version` when the connection was made.
    """

    def __init__(self, load: Callable[[], Transport], *, patience_s: float = _PATIENCE_S) -> None:
        self.requests: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.version: dict[str, Any] = {}
        self.patience_s = patience_s
        self._load = load
        self._transport = load()
        self._lock = threading.Lock()
        self._login = threading.Lock()
        self._renewed_at = time.monotonic()
        self._closed = threading.Event()
        self._streams: set[Stream] = set()

    @classmethod
    def connect(
        cls,
        kubeconfig: Path,
        context: str,
        *,
        pool: int = 64,
        patience_s: float = _PATIENCE_S,
        connect_patience_s: float = 3.0,
    ) -> Api:
        """Connect to the cluster of a context and make sure that it answers.

        Args:
            kubeconfig: the kubeconfig file.
            context: name of the context; podvow never takes the current one by silence.
            pool: connections that are kept open (set it to the concurrency of the run).
            patience_s: how long a request is retried before its error is raised.
            connect_patience_s: the same for the first request, short so that a cluster that is down is
                reported at once.

        Returns:
            The connection.

        Raises:
            UsageError: the kubeconfig or the context is wrong.
            ClusterUnusableError: the cluster does not answer, or does not let us in.
        """
        api = cls(lambda: read_transport(kubeconfig, context, pool), patience_s=connect_patience_s)
        try:
            api.version = api.get("/version")
        except ApiError as error:
            api.close()
            text = f"context {context!r} of {kubeconfig} cannot be used: {error.message}"
            raise ClusterUnusableError(text, hint=error.hint or _UNREACHABLE_HINT) from error
        api.patience_s = patience_s
        return api

    @property
    def server_address(self) -> str:
        """The server's address as the kubeconfig names it."""
        return self._transport.host

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> dict[str, Any]:
        """Return the JSON object at `path`."""
        return self._json(_Request("GET", path, params), retry=retry)

    def text(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> str:
        """Return the text at `path` (logs, metrics)."""
        request = _Request("GET", path, params, accept="*/*")
        return self._call(request, lambda data: data.decode(errors="replace"), retry=retry)

    def post(
        self, path: str, body: Mapping[str, Any], *, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Create an object, or call a subresource.

        A request that may have been received is sent again only when the client named the object; if it then
        exists with our labels, the first attempt made it, and that object is returned.
        """
        return self._json(_Request("POST", path, params, body))

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, *, params: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], Mapping[str, list[str]]]:
        """Send one request, never twice: a GET, or with a body a POST.

        Returns:
            The answer and its headers, by lower-case name.

        Raises:
            ApiError: it was refused, or there was no answer.
        """
        request = _Request("GET" if body is None else "POST", path, params, body)
        response = self._exchange(request)
        if not _ok(response.status):
            raise _refused(request, response, response.data)
        headers = {name.lower(): response.headers.getlist(name) for name in response.headers}
        return json.loads(response.data), headers

    def put(self, path: str, body: Mapping[str, Any], *, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Replace an object."""
        return self._json(_Request("PUT", path, params, body))

    def patch(
        self,
        path: str,
        body: Mapping[str, Any] | Sequence[Any],
        *,
        content_type: str = STRATEGIC_PATCH,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Patch an object; a JSON patch is never sent twice, a merge patch may be."""
        return self._json(_Request("PATCH", path, params, body, content_type))

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Delete an object; `body` holds DeleteOptions (grace period, precondition on the uid)."""
        return self._json(_Request("DELETE", path, None, body))

    def stream(self, path: str, params: Mapping[str, str] | None = None, *, read_timeout_s: float) -> Stream:
        """Open a response that goes on (watch, followed log) and return its lines.

        Never retried: only the caller knows from where to go on.

        Args:
            path: what to read.
            params: query parameters.
            read_timeout_s: silence that ends the stream with an `UnreachableError`.

        Returns:
            The lines, without their line ends and without empty ones.
        """
        request = _Request("GET", path, params)
        response = self._exchange(request, counted="WATCH", read_s=read_timeout_s, preload=False)
        if not _ok(response.status):
            try:
                body = response.read(1 << 20)
            except transport_errors.HTTPError:
                body = b""
            response.close()
            raise _refused(request, response, body)
        stream = Stream(response, request=str(request), forget=self._forget)
        with self._lock:
            self._streams.add(stream)
        if self._closed.is_set():
            stream.close()
        return stream

    def close(self) -> None:
        """End all streams and waits, close all connections."""
        self._closed.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.close()
        self._transport.pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forget(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)

    def _count(self, counter: Counter[str], key: str) -> None:
        with self._lock:
            counter[key] += 1

    def _json(self, request: _Request, *, retry: bool = True) -> dict[str, Any]:
        parsed: dict[str, Any] = self._call(request, lambda data: _parsed(request, data), retry=retry)
        if request.verb != "GET" or "/secrets" in request.path:
            VAULT.learn(found_in(parsed))
        return parsed

    def _call(self, request: _Request, read: Callable[[bytes], _Read], *, retry: bool = True) -> _Read:
        """Send a request, again where that is harmless, and return what `read` makes of the body of the answer."""
        attempt = 0

        def once() -> _Read:
            nonlocal attempt
            attempt += 1
            if attempt > 1 and (made := self._made(request)) is not None:
                return read(made)
            response = self._exchange(request)
            data: bytes = response.data
            if _ok(response.status):
                return read(data)
            error = _refused(request, response, data)
            if attempt > 1 and (settled := self._settled(request, error)) is not None:
                return read(settled)
            raise error

        if not retry:
            return once()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: _retryable(request, error)),
            stop=tenacity.stop_after_delay(self.patience_s) | tenacity.stop_when_event_set(self._closed),
            wait=_pause,
            sleep=tenacity.sleep_using_event(self._closed),
            before_sleep=lambda state: self._count(self.retries, _cause(state)),
            reraise=True,
        )
        return retrying(once)

    def _settled(self, request: _Request, error: ApiError) -> bytes | None:
        """Return the answer that the lost first attempt had, if the refusal shows that it worked."""
        if request.verb == "DELETE" and error.status == _NOT_FOUND:
            return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Success"}).encode()
        if error.status == _CONFLICT and error.reason == "AlreadyExists":
            return self._made(request)
        return None

    def _made(self, request: _Request) -> bytes | None:
        """Return the object that a lost attempt to create it made.

        It is looked for before it is asked for again: a second request is charged to quotas although it is refused.
        """
        if not request.created or "dryRun" in (request.params or {}):
            return None
        found = self._exchange(_Request("GET", f"{request.path}/{request.created}"))
        return found.data if _ok(found.status) and _same_labels(request.body, found.data) else None

    def _exchange(
        self,
        request: _Request,
        *,
        counted: str = "",
        read_s: float = _READ_S,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request once; twice if the credentials had to be renewed first."""
        transport = self._transport
        response = self._send(transport, request, counted, read_s, preload=preload)
        if response.status != _UNAUTHORIZED:
            return response
        try:
            renewed = self._renew(transport, request)
        except SwitchedError:
            response.close()
            raise
        if renewed:
            response.close()
            response = self._send(self._transport, request, counted, read_s, preload=preload)
        return response

    def _send(
        self,
        transport: Transport,
        request: _Request,
        counted: str,
        read_s: float,
        *,
        preload: bool,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": request.accept, "User-Agent": "podvow"}
        with self._login:  # one thread asks the credential plug-in, the others take its answer
            authorization = transport.authorization()
        if authorization:
            headers["Authorization"] = authorization
            VAULT.learn(authorization.split()[-1:])  # a plug-in may have renewed it
        body = None
        if request.body is not None:
            VAULT.learn(found_in(request.body))
            headers["Content-Type"] = request.content_type
            body = json.dumps(request.body, separators=(",", ":")).encode()
        query = f"?{urlencode(request.params)}" if request.params else ""
        self._count(self.requests, counted or request.verb)
        try:
            return transport.pool.request(
                request.verb,
                f"{transport.host}{request.path}{query}",
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=read_s),
                retries=False,
                redirect=False,
                preload_content=preload,
            )
        except (transport_errors.NewConnectionError, transport_errors.ConnectTimeoutError) as error:
            raise UnreachableError("refused", str(error), request=str(request), sent=False) from error
        except transport_errors.SSLError as error:
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in (*error.args, error.__cause__)):
                raise UntrustedError(str(error), request=str(request)) from error
            raise UnreachableError("TLS broke", str(error), request=str(request), sent=True) from error
        except transport_errors.ReadTimeoutError as error:
            raise UnreachableError("no answer", str(error), request=str(request), sent=True) from error
        except transport_errors.HTTPError as error:
            raise UnreachableError("reset", str(error), request=str(request), sent=True) from error

    def _renew(self, refused: Transport, request: _Request) -> bool:
        """Read the kubeconfig again (rotated token file, new certificate of a plug-in).

        Returns:
            Whether there are credentials that were not refused yet.

        Raises:
            SwitchedError: it leads to another cluster now; nothing is sent there.
        """
        with self._login:
            if self._transport is not refused:
                return True
            if time.monotonic() - self._renewed_at < _RENEW_EVERY_S:
                return False
            self._renewed_at = time.monotonic()
            try:
                fresh = self._load()
            except PodvowError:
                return False
            if (fresh.host, fresh.authority) != (refused.host, refused.authority):
                fresh.pool.clear()
                raise SwitchedError(refused, fresh, request=str(request))
            self._transport = fresh
            return True


def _parsed(request: _Request, data: bytes) -> dict[str, Any]:
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


def _ok(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - the class of success


def _refused(request: _Request, response: urllib3.BaseHTTPResponse, data: bytes) -> ApiError:
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


def _retryable(request: _Request, error: BaseException) -> bool:
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


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, ApiError) else None
    return _backoff(state) if asked is None else min(asked, _RETRY_AFTER_CAP_S)


def _cause(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    return (str(error.status) if error.status else error.reason) if isinstance(error, ApiError) else "unknown"


def _is_collection(path: str) -> bool:
    """Whether `path` names a collection of objects, not an object or a subresource."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 - namespaces/<name>/<collection>
        rest = rest[2:]
    return len(rest) == 1


def _same_labels(sent: object, found: bytes) -> bool:
    """Whether an existing object carries the labels (with the run id) of the one that was sent."""
    wanted = sent.get("metadata", {}).get("labels") or {} if isinstance(sent, dict) else {}
    try:
        labels = json.loads(found)["metadata"].get("labels") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(wanted) and wanted.items() <= labels.items()
