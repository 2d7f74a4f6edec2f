"""The disturbances: which requests, how often, when and for how long. Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.torture.effects import (
    Answer,
    Cut,
    Delay,
    Effect,
    Expire,
    Lines,
    Reset,
    Silence,
    Slow,
    Truncate,
)

Kind = Literal["read", "watch", "log", "create", "change", "delete"]
PLAIN: tuple[Kind, ...] = ("read", "create", "change", "delete")
ALL: tuple[Kind, ...] = (*PLAIN, "watch", "log")
STREAMS: tuple[Kind, ...] = ("watch", "log")

Trouble = Literal["wrong-certificate", "refused", "restart"]
"""What befalls the connection or the server as a whole: a certificate of somebody else, a closed port, the real API
server killed (kubelet starts its static Pod again)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An effect on some requests.

    Attributes:
        kinds: the requests that it is about.
        share: how many of them it hits, 0 to 1.
        effect: what happens to them.
    """

    kinds: tuple[Kind, ...]
    share: float
    effect: Effect


@dataclass(frozen=True, slots=True)
class Spell:
    """When a trouble comes, in seconds since the run made its first namespace.

    Attributes:
        first_s: when it comes for the first time.
        lasts_s: for how long.
        every_s: from one beginning to the next; 0 for once only.
    """

    first_s: float
    lasts_s: float
    every_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One kind of bad cluster.

    Attributes:
        name: what the table calls it.
        about: what it stands for.
        rules: what happens to single requests, from the run's first namespace to its end.
        trouble: what befalls everything at once, empty for nothing.
        spell: when that comes.
    """

    name: str
    about: str
    rules: tuple[Rule, ...] = ()
    trouble: Trouble | Literal[""] = ""
    spell: Spell = Spell(0.0, 0.0)


BUSY = Answer(429, "TooManyRequests", {"Retry-After": "1"})

DISTURBANCES = (
    Disturbance("none", "the proxy alone: what it is compared with", ()),
    Disturbance("latency", "half of all requests come 0.05 to 1.5 s later", (Rule(ALL, 0.5, Delay((0.05, 1.5))),)),
    Disturbance("reset-before", "reset before the server heard of the request", (Rule(ALL, 0.2, Reset("before")),)),
    Disturbance("reset-after", "the server did it, the answer is lost", (Rule(ALL, 0.15, Reset("after")),)),
    Disturbance(
        "reset-body", "reset in the middle of the answer", (Rule(PLAIN, 0.2, Cut()), Rule(STREAMS, 0.7, Cut()))
    ),
    Disturbance("half-open", "forwarded, then 35 s of silence", (Rule(PLAIN, 0.03, Silence((35.0, 35.0))),)),
    Disturbance(
        "half-open-watch",
        "watches that fall silent without an end",
        (Rule(("watch",), 0.6, Silence((90.0, 90.0), after_s=(1.0, 10.0))),),
    ),
    Disturbance(
        "dropped-lines", "one line of a watch in twelve is lost", (Rule(("watch",), 1.0, Lines(drop=0.08)),)
    ),
    Disturbance(
        "repeated-lines", "a third of a watch's lines come twice", (Rule(("watch",), 1.0, Lines(repeat=0.33)),)
    ),
    Disturbance(
        "late-lines",
        "lines of a watch are held back up to 4 s",
        (Rule(("watch",), 1.0, Lines(late=0.15, late_s=(0.2, 4.0))),),
    ),
    Disturbance("gone", "410 to half of the watches", (Rule(("watch",), 0.5, Answer(410, "Expired")),)),
    Disturbance("gone-midway", "watches end with a 410 of their own", (Rule(("watch",), 0.8, Expire((1.0, 8.0))),)),
    Disturbance("too-many", "429 with Retry-After", (Rule(ALL, 0.3, BUSY),)),
    Disturbance("errors", "500 from the server", (Rule(ALL, 0.15, Answer(500, "InternalError")),)),
    Disturbance(
        "gateway",
        "502 and 503 with a page instead of JSON",
        (Rule(ALL, 0.1, Answer(502)), Rule(ALL, 0.1, Answer(503, headers={"Retry-After": "1"}))),
    ),
    Disturbance("slow", "answers trickle at 20 kB/s", (Rule(ALL, 0.6, Slow(400, 0.02)),)),
    Disturbance("truncated", "JSON that breaks off in a proper answer", (Rule(PLAIN, 0.12, Truncate()),)),
    Disturbance(
        "wrong-certificate",
        "the server shows somebody else's certificate for 6 s, twice",
        trouble="wrong-certificate",
        spell=Spell(4.0, 6.0, 20.0),
    ),
    Disturbance("refused", "nobody listens for 12 s", trouble="refused", spell=Spell(6.0, 12.0)),
    Disturbance("restart", "the API server is killed midway", trouble="restart", spell=Spell(6.0, 0.0)),
    Disturbance(
        "storm",
        "a little of everything",
        (
            Rule(ALL, 0.1, Delay((0.05, 1.0))),
            Rule(ALL, 0.03, Reset("before")),
            Rule(ALL, 0.03, Reset("after")),
            Rule(PLAIN, 0.03, Cut()),
            Rule(STREAMS, 0.2, Cut()),
            Rule(ALL, 0.03, BUSY),
            Rule(ALL, 0.02, Answer(500, "InternalError")),
            Rule(ALL, 0.02, Answer(503)),
            Rule(PLAIN, 0.02, Truncate()),
            Rule(("watch",), 0.1, Answer(410, "Expired")),
            Rule(("watch",), 0.2, Expire((1.0, 8.0))),
            Rule(("watch",), 1.0, Lines(drop=0.02, repeat=0.1, late=0.03, late_s=(0.1, 1.0))),
        ),
    ),
)


def named(name: str) -> Disturbance:
    """Return a disturbance.

    Raises:
        KeyError: there is none of that name.
    """
    return {d.name: d for d in DISTURBANCES}[name]
