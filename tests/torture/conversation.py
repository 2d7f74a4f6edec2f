"""One connection of the harness with the proxy: request after request, each with what happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from tests.torture import bodies, http1, wire
from tests.torture.disturbances import Kind
from tests.torture.effects import Answer, Cut, Delay, Effect, Lines, Reset, Silence, Slow, Truncate
from tests.torture.http1 import Head, HttpError
from tests.torture.tally import Tally
from tests.torture.upstream import Upstream

_VERBS: dict[str, Kind] = {"POST": "create", "PATCH": "change", "PUT": "change", "DELETE": "delete"}
_NO_TOKEN = Answer(401, "Unauthorized")
_NO_UPGRADE = Answer(501, "NotImplemented")
_NO_BODY = frozenset({"204", "304"})
_HARMLESS = (Delay, Slow, Lines)
"""Effects after which the harness has a whole answer all the same."""
Count = Callable[[], None]
_DROPPED = ("authorization", "accept-encoding", "connection", "content-length", "transfer-encoding")


class House(Protocol):
    """What a conversation knows of the proxy."""

    token: str
    upstream: Upstream
    tally: Tally
    random: Random

    def choose(self, kind: Kind) -> Effect | None:
        """Draw what is to happen to a request."""


@dataclass(frozen=True)
class Request:
    """A request that was read to its end."""

    head: Head
    body: bytes
    kind: Kind

    @property
    def verb(self) -> str:
        """Its method."""
        return self.head.line[0]

    @property
    def path(self) -> str:
        """Its path without the query."""
        return urlsplit(self.head.line[1]).path


def kind_of(verb: str, target: str) -> Kind:
    """Return what kind of request it is."""
    if verb in _VERBS:
        return _VERBS[verb]
    query = parse_qs(urlsplit(target).query)
    if query.get("watch", [""])[-1] in {"1", "true"}:
        return "watch"
    return "log" if query.get("follow", [""])[-1] == "true" else "read"


class Conversation:
    """One connection.

    Args:
        house: the proxy.
        reader: what the harness says.
        writer: where it listens.
    """

    def __init__(self, house: House, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._house = house
        self._reader = reader
        self._writer = writer
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        """Serve until one of both sides is gone, or until a disturbance ends it."""
        try:
            while (request := await self._request()) is not None:
                await self._serve(request)
        except bodies.SilentError as silence:
            # What the harness still says on a half-open connection is read by nobody.
            await self._until_gone(silence.seconds)
            wire.reset(self._writer)
        except (bodies.BrokenError, HttpError, OSError, TimeoutError):
            wire.reset(self._writer)
        finally:
            self._drop_server()
            self._writer.close()

    async def _request(self) -> Request | None:
        head = await http1.read_head(self._reader)
        if head is None:
            return None
        body = b"".join([piece async for piece in http1.read_body(self._reader, head)])
        return Request(head, body, kind_of(head.line[0], head.line[1]))

    async def _serve(self, request: Request) -> None:
        sent = request.head.get("authorization").encode()
        if not hmac.compare_digest(sent, f"Bearer {self._house.token}".encode()):
            await self._answer(_NO_TOKEN)
            return
        if request.head.get("upgrade"):
            await self._answer(_NO_UPGRADE)
            return
        tally, effect = self._house.tally, self._house.choose(request.kind)
        tally.request(request.kind, request.verb, request.path)

        def count() -> None:
            if effect is not None:
                tally.hit(effect, request.verb, request.path, answered=isinstance(effect, _HARMLESS))

        match effect:
            case Answer():
                count()
                await self._answer(effect)
                return
            case Reset(when="before"):
                count()
                raise bodies.BrokenError
            case Delay():
                count()
                await asyncio.sleep(bodies.between(self._house.random, effect.seconds))
        head, pieces = await self._forward(request)
        if isinstance(effect, Reset):
            await anext(pieces, b"")  # the server has done it
            count()
            raise bodies.BrokenError
        if request.kind in {"watch", "log"} and head.line[1] == "200":
            await self._stream(head, pieces, effect, count)
        else:
            await self._whole(head, pieces, effect, count)

    async def _forward(self, request: Request) -> tuple[Head, AsyncIterator[bytes]]:
        if self._server is None or self._server[0].at_eof():
            self._drop_server()
            self._server = await self._house.upstream.open()
        reader, writer = self._server
        head = request.head.without(*_DROPPED)
        if self._house.upstream.authorization:
            head = head.with_header("Authorization", self._house.upstream.authorization)
        if request.body or request.verb in {"POST", "PUT", "PATCH"}:
            head = head.with_header("Content-Length", str(len(request.body)))
        writer.write(head.encode() + request.body)
        await writer.drain()
        answer = await http1.read_head(reader)
        if answer is None:
            raise HttpError("the server closed instead of answering")
        bodiless = answer.line[1] in _NO_BODY or request.verb == "HEAD"
        return answer, http1.read_body(reader, answer, bodiless=bodiless)

    async def _whole(self, head: Head, pieces: AsyncIterator[bytes], effect: Effect | None, count: Count) -> None:
        """Send an answer of known length."""
        body = b"".join([piece async for piece in pieces])
        head = head.without("content-length", "transfer-encoding", "connection")
        promised = len(body)
        match effect:
            case Silence() if body:
                count()
                raise bodies.SilentError(bodies.between(self._house.random, effect.seconds))
            case Truncate() if body and "json" in head.get("content-type"):
                count()
                body = bodies.broken_off(effect, body, self._house.random)
                promised = len(body)
            case Cut() if body:
                count()
                body = bodies.broken_off(effect, body, self._house.random)
        self._writer.write(head.with_header("Content-Length", str(promised)).encode())
        if isinstance(effect, Slow) and body:
            count()
            async for piece in bodies.trickle(effect, _once(body)):
                self._writer.write(piece)
                await self._writer.drain()
        else:
            self._writer.write(body)
            await self._writer.drain()
        if len(body) < promised:
            raise bodies.BrokenError

    async def _stream(self, head: Head, pieces: AsyncIterator[bytes], effect: Effect | None, count: Count) -> None:
        """Send an answer that goes on, until one of both sides ends it."""
        head = head.without("content-length", "transfer-encoding", "connection")
        self._writer.write(head.with_header("Transfer-Encoding", "chunked").encode())
        await self._writer.drain()
        if effect is not None:
            pieces = bodies.tampered(effect, pieces, self._house.random, count)
        relay = asyncio.ensure_future(self._relay(pieces))
        gone = asyncio.ensure_future(self._reader.read(1))
        try:
            await asyncio.wait({relay, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not relay.done():
                raise HttpError("the harness closed a stream")
            await relay
        finally:
            for task in (relay, gone):
                task.cancel()
            await asyncio.wait({relay, gone})
            self._drop_server()  # it may have been left in the middle of an answer
        self._writer.write(http1.chunk(b""))
        await self._writer.drain()

    async def _relay(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            self._writer.write(http1.chunk(piece))
            await self._writer.drain()

    async def _answer(self, effect: Answer) -> None:
        """Answer in the server's place."""
        phrase = HTTPStatus(effect.status).phrase
        if effect.reason:
            media = "application/json"
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": effect.status}
            body = json.dumps({**status, "reason": effect.reason, "message": "the proxy of the tests"}).encode()
        else:
            media = "text/html"
            body = f"<html><body>{effect.status} {phrase}</body></html>".encode()
        self._writer.write(
            http1.answer(effect.status, phrase, [("Content-Type", media), *effect.headers.items()], body)
        )
        await self._writer.drain()

    async def _until_gone(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError, OSError):  # on what is half-open, TLS may be broken as well
            async with asyncio.timeout(seconds):
                while await self._reader.read(1024):
                    pass

    def _drop_server(self) -> None:
        if self._server is not None:
            self._server[1].transport.abort()
            self._server = None


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
