"""As much of HTTP/1.1 as lies between the harness and an API server: heads, bodies of known length, chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

MAX_HEAD = 1 << 16
_PIECE = 1 << 16


class HttpError(Exception):
    """What came is no HTTP/1.1, or it broke off."""


@dataclass
class Head:
    """The first line and the headers of a request or an answer.

    Attributes:
        line: the first line in three parts.
        headers: names and values as they came, in order.
    """

    line: tuple[str, str, str]
    headers: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str:
        """Return a header's value, empty when it is not there."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def without(self, *names: str) -> Head:
        """Return a copy without some headers."""
        return Head(self.line, [(k, v) for k, v in self.headers if k.lower() not in names])

    def with_header(self, name: str, value: str) -> Head:
        """Return a copy with a header set."""
        return Head(self.line, [*self.without(name.lower()).headers, (name, value)])

    def encode(self) -> bytes:
        """Return it as it goes over the wire."""
        lines = [" ".join(self.line), *(f"{key}: {value}" for key, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(status: int, reason: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """Return a whole answer."""
    head = Head(("HTTP/1.1", str(status), reason), [*headers, ("Content-Length", str(len(body)))])
    return head.encode() + body


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Read a head; None when the other side closed before it began one.

    Raises:
        HttpError: it is none.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial.strip():
            return None
        raise HttpError("a head that broke off") from error
    except asyncio.LimitOverrunError as error:
        raise HttpError("a head without end") from error
    first, *rest = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) == 2:
        parts.append("")
    headers = [tuple(line.partition(":")[::2]) for line in rest]
    if len(parts) != 3 or any(not name for name, _ in headers):
        raise HttpError(f"no head: {first!r}")
    return Head((parts[0], parts[1], parts[2]), [(name, value.strip()) for name, value in headers])


async def read_body(reader: asyncio.StreamReader, head: Head, *, bodiless: bool = False) -> AsyncIterator[bytes]:
    """Yield a body piece by piece, without its chunk marks.

    Args:
        reader: the connection, right behind the head.
        head: the head.
        bodiless: there is none, whatever the head says.

    Raises:
        HttpError: it broke off.
    """
    if bodiless:
        return
    if "chunked" in head.get("transfer-encoding").lower():
        while size := int((await _line(reader)).split(b";")[0], 16):
            yield await _exactly(reader, size)
            await _line(reader)
        await _line(reader)
        return
    left = int(head.get("content-length") or 0)
    while left:
        piece = await reader.read(min(left, _PIECE))
        if not piece:
            raise HttpError("a body that broke off")
        left -= len(piece)
        yield piece


def chunk(data: bytes) -> bytes:
    """Return one chunk; the last one when there is no data."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise HttpError("a chunk that broke off") from error


async def _line(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise HttpError("chunks that broke off")
    return line
