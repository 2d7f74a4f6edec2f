"""An API server for tests: a scripted HTTP server on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that the server received."""

    verb: str
    path: str
    params: dict[str, str]
    authorization: str
    content_type: str
    body: Any


def reply(body: object = None, status: int = 200, **headers: str) -> Callable[[Handler], None]:
    """Answer with a body (JSON, unless it is text)."""

    def answer(handler: Handler) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps({} if body is None else body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def status(code: int, reason: str, message: str = "", **headers: str) -> Callable[[Handler], None]:
    """Answer with a Status object, as the API server refuses."""
    return reply({"kind": "Status", "code": code, "reason": reason, "message": message}, code, **headers)


def reset(handler: Handler) -> None:
    """Reset the connection instead of answering."""
    handler.reset()


def stream(*pieces: bytes, then: str = "end") -> Callable[[Handler], None]:
    """Answer with a chunked stream.

    Args:
        pieces: what is sent, each as a chunk of its own.
        then: `end` properly, `cut` without the last chunk, `reset`, or `hang` until the server is stopped.
    """

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        match then:
            case "end":
                handler.wfile.write(b"0\r\n\r\n")
            case "cut":
                handler.close_connection = True
            case "reset":
                handler.reset()
            case _:
                handler.stub.stopping.wait(20)
                handler.close_connection = True

    return answer


class Handler(BaseHTTPRequestHandler):
    """Plays the next answer that the script has for a path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stub: Stub

    def reset(self) -> None:
        """Close with RST."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def handle(self) -> None:
        """Serve one connection; a client that goes away is no news."""
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""

    def play(self) -> None:
        """Record the request and answer it."""
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = Seen(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            self.headers.get("Authorization", ""),
            self.headers.get("Content-Type", ""),
            json.loads(raw) if raw else None,
        )
        self.stub.answer(request)(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = play  # noqa: N815 - names of the base class


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, handler: type[Handler]) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reset on purpose is no error."""


class Stub:
    """The scripted server.

    Attributes:
        seen: the requests, in order of arrival.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.stopping = threading.Event()
        self._script: defaultdict[str, deque[Callable[[Handler], None]]] = defaultdict(deque)
        self._always: dict[str, Callable[[Handler], None]] = {
            "/version": reply({"gitVersion": "v1.37.2"}),
        }
        self._changed = threading.Condition()
        self._handler = type("BoundHandler", (Handler,), {"stub": self})
        self._server: _Server | None = None
        self.port = 0
        self.up()

    def up(self) -> None:
        """Listen (again)."""
        self.stopping = threading.Event()
        self._server = _Server(self.port, self._handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections and reset those that are open."""
        server, self._server = self._server, None
        if server is None:
            return
        self.stopping.set()
        server.shutdown()
        server.server_close()
        for connection in server.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def on(self, path: str, *answers: Callable[[Handler], None]) -> None:
        """Append answers for a path."""
        with self._changed:
            self._script[path].extend(answers)

    def always(self, path: str, answer: Callable[[Handler], None]) -> None:
        """Give this answer when the script of a path is exhausted."""
        self._always[path] = answer

    def answer(self, request: Seen) -> Callable[[Handler], None]:
        """Record a request and return its answer."""
        with self._changed:
            self.seen.append(request)
            self._changed.notify_all()
            if self._script[request.path]:
                return self._script[request.path].popleft()
        return self._always.get(request.path, status(404, "NotFound", f"nothing at {request.path}"))

    def await_requests(self, count: int, path: str) -> None:
        """Wait until `path` was asked for `count` times."""
        with self._changed:
            done = self._changed.wait_for(lambda: self.count(path) >= count, 10)
        assert done, f"{path} was asked for {self.count(path)} times only"

    def count(self, path: str) -> int:
        """Return how often `path` was asked for."""
        return Counter(request.path for request in self.seen)[path]

    def kubeconfig(self, folder: Path, user: dict[str, Any] | None = None) -> Path:
        """Write a kubeconfig with the context `stub`."""
        file = folder / "kubeconfig"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "u", "user": user or {"token": "secret"}}],
            "contexts": [{"name": "stub", "context": {"cluster": "c", "user": "u"}}],
        }
        file.write_text(json.dumps(config))
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
