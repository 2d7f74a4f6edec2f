"""Doing the same with many things at once, also while the interpreter is on its way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def at_once(act: Callable[[_T], _R], things: Iterable[_T], *, most: int = 8, name: str = "pool") -> list[_R]:
    """Do something with each of many things, several at a time; what it raised first is raised in the end.

    Python closes all pools as soon as the main thread has ended, although other threads go on until they are done
    (`concurrent.futures.thread`): a worker that lost its controller still undoes what it did then, one after the
    other.

    Args:
        act: is called with each thing, from other threads.
        things: the things.
        most: how many at a time.
        name: of the threads.

    Returns:
        What it returned, in the order of the things.
    """
    given = list(things)
    if not given:
        return []
    with ThreadPoolExecutor(max_workers=min(most, len(given)), thread_name_prefix=name) as pool:
        futures = []
        for thing in given:
            try:
                futures.append(pool.submit(act, thing))
            except RuntimeError:
                break
        rest = [act(thing) for thing in given[len(futures) :]]
        return [*(future.result() for future in futures), *rest]
