from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.torture.bodies import broken_off, lines, tampered
from tests.torture.effects import Cut, Lines, Slow, Truncate

TEXTS = st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=8)


async def _pieces(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    edges = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    for start, end in pairwise(edges):
        yield data[start:end]


def collected(source: AsyncIterator[bytes]) -> list[bytes]:
    async def collect() -> list[bytes]:
        return [piece async for piece in source]

    return asyncio.run(collect())


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_lines_are_whole_however_they_arrive(texts: list[bytes], cuts: list[int]) -> None:
    assert collected(lines(_pieces(b"".join(texts), cuts))) == texts


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8), st.integers())
def test_what_is_dropped_and_repeated_is_counted(texts: list[bytes], cuts: list[int], seed: int) -> None:
    hits: list[None] = []
    effect = Lines(drop=0.3, repeat=0.3)
    source = _pieces(b"".join(texts), cuts)
    seen = collected(tampered(effect, source, Random(seed), lambda: hits.append(None)))  # noqa: S311
    assert set(seen) <= set(texts)
    assert abs(len(seen) - len(texts)) <= len(hits)
    if not hits:
        assert seen == texts


@given(st.binary(min_size=1, max_size=300), st.integers(), st.sampled_from([Cut(), Truncate(), Cut((1.0, 1.0))]))
def test_a_body_that_breaks_off_is_a_true_beginning(body: bytes, seed: int, effect: Cut | Truncate) -> None:
    rest = broken_off(effect, body, Random(seed))  # noqa: S311
    assert body.startswith(rest)
    assert len(rest) < len(body)


@given(st.binary(max_size=300))
def test_what_trickles_is_the_same(body: bytes) -> None:
    source = tampered(Slow(7, 0.0), _pieces(body, []), Random(0), lambda: None)  # noqa: S311
    pieces = collected(source)
    assert b"".join(pieces) == body
    assert all(len(piece) <= 7 for piece in pieces)
