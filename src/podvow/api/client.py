"""The connection itself: sends, renews credentials, retries, counts."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode

import tenacity
import urllib3
from urllib3 import exceptions as transport_errors

from podvow.api.answer import object_in, ok, refused
from podvow.api.errors import (
    NO_ANSWER,
    UNAUTHORIZED,
    UNREACHABLE_HINT,
    ApiError,
    SwitchedError,
    UnreachableError,
    UntrustedError,
)
from podvow.api.request import STRATEGIC_PATCH, Request, same_labels
from podvow.api.retry import cause, out_of_patience, pause, retryable
from podvow.api.stream import Stream
from podvow.errors import ClusterUnusableError, PodvowError
from podvow.kubeconfig import Transport, read_transport
from podvow.redact import VAULT, found_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_Read = TypeVar("_Read")
_CONNECT_S = 5.0
_READ_S = 30.0
_PATIENCE_S = 15.0
_RENEW_EVERY_S = 5.0
_NOT_FOUND = 404
_CONFLICT = 409


class Api:
    """A connection to one cluster, safe to use from any number of threads.

    Attributes:
        requests: requests sent, by verb (`WATCH` for streams); retries count.
        retries: retried requests, by cause.
        asked_again: UIDs of objects whose creation was sent more than once.
        version: the answer of `/version` when the connection was made.
        patience_s: how long a request is sent again and again before its error is raised.
        read_s: how long an answer may be silent before it is none.
    """

    def __init__(self, load: Callable[[], Transport], *, patience_s: float = _PATIENCE_S) -> None:
        self.requests: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.asked_again: set[str] = set()
        self.version: dict[str, Any] = {}
        self.patience_s = patience_s
        self.read_s = _READ_S
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
            raise ClusterUnusableError(text, hint=error.hint or UNREACHABLE_HINT) from error
        api.patience_s = patience_s
        return api

    @property
    def server_address(self) -> str:
        """The server's address as the kubeconfig names it."""
        return self._transport.host

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> dict[str, Any]:
        """Return the JSON object at `path`."""
        return self._json(Request("GET", path, params), retry=retry)

    def text(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> str:
        """Return the text at `path` (logs, metrics)."""
        request = Request("GET", path, params, accept="*/*")
        return self._call(request, lambda data: data.decode(errors="replace"), retry=retry)

    def post(
        self, path: str, body: Mapping[str, Any], *, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Create an object, or call a subresource.

        A request that may have been received is sent again only when the client named the object; if it then
        exists with our labels, the first attempt made it, and that object is returned.
        """
        return self._json(Request("POST", path, params, body))

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, *, params: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], Mapping[str, list[str]]]:
        """Send one request, never twice: a GET, or with a body a POST.

        Returns:
            The answer and its headers, by lower-case name.

        Raises:
            ApiError: it was refused, or there was no answer.
        """
        response = self._once(Request("GET" if body is None else "POST", path, params, body))
        headers = {name.lower(): response.headers.getlist(name) for name in response.headers}
        return json.loads(response.data), headers

    def answers(self, read_s: float) -> None:
        """Ask the server once, shortly, whether it is there: a single connection that hangs says nothing about it.

        Args:
            read_s: silence that is none, in seconds.

        Raises:
            ApiError: it does not answer, or not with success.
        """
        self._once(Request("GET", "/version"), read_s=read_s)

    def put(self, path: str, body: Mapping[str, Any], *, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Replace an object."""
        return self._json(Request("PUT", path, params, body))

    def patch(
        self,
        path: str,
        body: Mapping[str, Any] | Sequence[Any],
        *,
        content_type: str = STRATEGIC_PATCH,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Patch an object; a JSON patch is never sent twice, a merge patch may be."""
        return self._json(Request("PATCH", path, params, body, content_type))

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Delete an object; `body` holds DeleteOptions (grace period, precondition on the uid)."""
        return self._json(Request("DELETE", path, None, body))

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
        request = Request("GET", path, params)
        response = self._exchange(request, counted="WATCH", read_s=read_timeout_s, preload=False)
        if not ok(response.status):
            try:
                body = response.read(1 << 20)
            except transport_errors.HTTPError:
                body = b""
            response.close()
            raise refused(request, response, body)
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

    def _json(self, request: Request, *, retry: bool = True) -> dict[str, Any]:
        parsed: dict[str, Any] = self._call(request, lambda data: object_in(request, data), retry=retry)
        if request.verb != "GET" or "/secrets" in request.path:
            VAULT.learn(found_in(parsed))
        return parsed

    def _once(self, request: Request, *, read_s: float | None = None) -> urllib3.BaseHTTPResponse:
        """Send a request without a second attempt and return its answer; a refusal is raised."""
        response = self._exchange(request, read_s=read_s)
        if not ok(response.status):
            raise refused(request, response, response.data)
        return response

    def _call(self, request: Request, read: Callable[[bytes], _Read], *, retry: bool = True) -> _Read:
        """Send a request, again where that is harmless, and return what `read` makes of the body of the answer."""
        attempt = asked = 0

        def once() -> _Read:
            nonlocal attempt, asked
            attempt += 1
            if attempt > 1 and (made := self._made(request)) is not None:
                return read(made)
            asked += 1
            response = self._exchange(request)
            data: bytes = response.data
            if ok(response.status):
                return read(data)
            error = refused(request, response, data)
            if attempt > 1 and (settled := self._settled(request, error)) is not None:
                return read(settled)
            raise error

        if not retry:
            return once()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: retryable(request, error)),
            stop=out_of_patience(self.patience_s) | tenacity.stop_when_event_set(self._closed),
            wait=pause,
            sleep=tenacity.sleep_using_event(self._closed),
            before_sleep=lambda state: self._count(self.retries, cause(state)),
            reraise=True,
        )
        found = retrying(once)
        if request.makes and asked > 1 and isinstance(found, dict):
            with self._lock:
                self.asked_again.add(str(found.get("metadata", {}).get("uid", "")))
        return found

    def _settled(self, request: Request, error: ApiError) -> bytes | None:
        """Return the answer that the lost first attempt had, if the refusal shows that it worked."""
        if request.verb == "DELETE" and error.status == _NOT_FOUND:
            return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Success"}).encode()
        if error.status == _CONFLICT and error.reason == "AlreadyExists":
            return self._made(request)
        return None

    def _made(self, request: Request) -> bytes | None:
        """Return the object that a lost attempt to create it made.

        It is looked for before it is asked for again: a second request is charged to quotas although it is refused.

        Raises:
            ApiError: whether it is there cannot be told at present.
        """
        if not request.makes:
            return None
        look = Request("GET", f"{request.path}/{request.makes}")
        found = self._exchange(look)
        if ok(found.status):
            return found.data if same_labels(request.body, found.data) else None
        error = refused(look, found, found.data)
        if retryable(look, error):
            raise error
        return None  # it is not there, or who may create objects may not look at them

    def _exchange(
        self,
        request: Request,
        *,
        counted: str = "",
        read_s: float | None = None,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request once; twice if the credentials had to be renewed first."""
        read_s = self.read_s if read_s is None else read_s
        transport = self._transport
        response = self._send(transport, request, counted, read_s, preload=preload)
        if response.status != UNAUTHORIZED:
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
        request: Request,
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
            raise UnreachableError(NO_ANSWER, str(error), request=str(request), sent=True) from error
        except transport_errors.HTTPError as error:
            raise UnreachableError("reset", str(error), request=str(request), sent=True) from error

    def _renew(self, refused: Transport, request: Request) -> bool:
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
