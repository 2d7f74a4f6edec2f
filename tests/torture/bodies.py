"""What happens to an answer on its way: whole bodies, and streams line by line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from random import Random

from tests.torture.effects import Cut, Effect, Expire, Lines, Range, Silence, Slow, Truncate

_EXPIRED = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": 410,
        "reason": "Expired",
        "message": "too old resource version",
    },
}


class BrokenError(Exception):
    """The connection is to be reset now."""


class SilentError(Exception):
    """Nothing more is to be said on the connection, which stays open.

    Attributes:
        seconds: for how long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def between(random: Random, span: Range) -> float:
    """Draw a number."""
    return random.uniform(*span)


def broken_off(effect: Cut | Truncate, body: bytes, random: Random) -> bytes:
    """Return the beginning of a body, at least one byte short of it."""
    return body[: min(len(body) - 1, int(len(body) * between(random, effect.share)))]


async def trickle(effect: Slow, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes, slowly."""
    async for piece in pieces:
        for start in range(0, len(piece), effect.piece):
            await asyncio.sleep(effect.pause_s)
            yield piece[start : start + effect.piece]


def tampered(
    effect: Effect, pieces: AsyncIterator[bytes], random: Random, count: Callable[[], None]
) -> AsyncIterator[bytes]:
    """Return what becomes of a stream under an effect.

    Args:
        effect: what happens to it.
        pieces: what the server sends.
        random: draws the numbers.
        count: called each time something was really done to it.
    """
    match effect:
        case Slow():
            return _counted(trickle(effect, pieces), count)
        case Cut():
            return _cut(effect, pieces, random, count)
        case Silence():
            return _silent(effect, pieces, random, count)
        case Expire():
            return _expiring(effect, pieces, random, count)
        case Lines():
            return _by_line(effect, pieces, random, count)
        case _:
            return pieces


async def _counted(pieces: AsyncIterator[bytes], count: Callable[[], None]) -> AsyncIterator[bytes]:
    first = True
    async for piece in pieces:
        if first:
            count()
            first = False
        yield piece


class _TimeUpError(Exception):
    pass


async def _for_a_while(pieces: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Yield what comes in time.

    Raises:
        _TimeUpError: the time is up, and the stream had not ended.
    """
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(end):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _TimeUpError from error
        yield piece


async def _cut(
    effect: Cut, pieces: AsyncIterator[bytes], random: Random, count: Callable[[], None]
) -> AsyncIterator[bytes]:
    """Break off within the first piece that comes after the time is up."""
    clock = asyncio.get_running_loop().time
    end = clock() + between(random, effect.after_s)
    async for piece in pieces:
        if clock() > end:
            yield piece[: len(piece) // 2]
            count()
            raise BrokenError
        yield piece


async def _silent(
    effect: Silence, pieces: AsyncIterator[bytes], random: Random, count: Callable[[], None]
) -> AsyncIterator[bytes]:
    try:
        async for piece in _for_a_while(pieces, between(random, effect.after_s)):
            yield piece
    except _TimeUpError as error:
        count()
        raise SilentError(between(random, effect.seconds)) from error


async def _expiring(
    effect: Expire, pieces: AsyncIterator[bytes], random: Random, count: Callable[[], None]
) -> AsyncIterator[bytes]:
    try:
        async for line in lines(_for_a_while(pieces, between(random, effect.after_s))):
            yield line
    except _TimeUpError:
        count()
        yield json.dumps(_EXPIRED).encode() + b"\n"


async def _by_line(
    effect: Lines, pieces: AsyncIterator[bytes], random: Random, count: Callable[[], None]
) -> AsyncIterator[bytes]:
    async for line in lines(pieces):
        if random.random() < effect.drop:
            count()
            continue
        if random.random() < effect.late:
            count()
            await asyncio.sleep(between(random, effect.late_s))
        yield line
        if random.random() < effect.repeat:
            count()
            yield line


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield whole lines with their ends, and what is left in the end."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
