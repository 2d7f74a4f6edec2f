"""What a component refuses while it is busy with the same thing, asked for again until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

from podvow.cluster.process import CommandError
from podvow.errors import InjectionError

_T = TypeVar("_T")
_PATIENCE_S = 20.0
_POLL_S = 0.2
_KNOWN_S = 5.0


class NotDoneError(InjectionError):
    """What was asked for has not come about yet, e.g. CRI still lists what was removed."""


def until_done(
    act: Callable[[], object],
    *,
    refusal: type[Exception] | tuple[type[Exception], ...] = CommandError,
    patience_s: float = _PATIENCE_S,
    poll_s: float = _POLL_S,
) -> None:
    """Repeat an act; what counts is that it is done in the end.

    Args:
        act: what is repeated; it raises `NotDoneError` when it finds that it has to be done again.
        refusal: the other errors that are no reason to give up. With CRI that is a failed command: it refuses what
            the kubelet does at the same time.
        patience_s: for how long, in seconds; then the last error is raised.
        poll_s: pause between two attempts, in seconds.
    """
    refusals = refusal if isinstance(refusal, tuple) else (refusal,)
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((*refusals, NotDoneError)),
        stop=tenacity.stop_after_delay(patience_s),
        wait=tenacity.wait_fixed(poll_s),
        reraise=True,
    ):
        with attempt:
            act()


def known(look: Callable[[], _T]) -> _T:
    """Return what the timeline tells, once it does: its sources are not equally fast.

    A container's own trace may be here before the runtime's word on which container that is.

    Args:
        look: looks into the timeline; it raises `InjectionError` when that does not tell, which is passed on in the
            end.
    """
    looking = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(InjectionError),
        stop=tenacity.stop_after_delay(_KNOWN_S),
        wait=tenacity.wait_fixed(_POLL_S),
        reraise=True,
    )
    return looking(look)
