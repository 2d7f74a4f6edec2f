"""What a disturbance does to a request: data. How it is done is in `proxy` and `bodies`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Range = tuple[float, float]
"""The lowest and the highest value; one in between is drawn each time."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The request reaches the server later.

    Attributes:
        seconds: how much later.
    """

    seconds: Range


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST).

    Attributes:
        when: before the request was forwarded, or after the server had answered it (the answer is lost).
    """

    when: Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Silence:
    """Half-open: the request is forwarded, and then nothing comes any more on a connection that stays open.

    Attributes:
        seconds: for how long; then the connection is reset.
        after_s: seconds of a stream that are still delivered.
    """

    seconds: Range
    after_s: Range = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """The proxy answers instead of the server, which never hears of the request.

    Attributes:
        status: HTTP status.
        reason: reason of the Status object; empty for a page that is no JSON, as a load balancer sends it.
        headers: more headers.
    """

    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is reset in the middle of the answer.

    Attributes:
        share: how much of a body of known length is still sent, 0 to 1.
        after_s: seconds of a stream that are still delivered; then half a line, then the reset.
    """

    share: Range = (0.05, 0.95)
    after_s: Range = (0.5, 6.0)


@dataclass(frozen=True, slots=True)
class Truncate:
    """A proper HTTP answer whose JSON breaks off.

    Attributes:
        share: how much of the body is sent, 0 to 1.
    """

    share: Range = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer trickles.

    Attributes:
        piece: bytes at a time.
        pause_s: between two pieces.
    """

    piece: int
    pause_s: float


@dataclass(frozen=True, slots=True)
class Lines:
    """Single lines of a watch are treated badly; their order is kept.

    Attributes:
        drop: share of the lines that are swallowed.
        repeat: share of the lines that come twice.
        late: share of the lines that are held back, with all that come after them.
        late_s: for how long they are held back.
    """

    drop: float = 0.0
    repeat: float = 0.0
    late: float = 0.0
    late_s: Range = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Expire:
    """A watch ends with an ERROR event, 410 Gone.

    Attributes:
        after_s: seconds of the stream that are delivered before.
    """

    after_s: Range


Effect = Delay | Reset | Silence | Answer | Cut | Truncate | Slow | Lines | Expire
STREAMED = (Lines, Expire)
"""Effects that make sense for lines only; they count for what they did, not for being chosen."""
