"""How long a Service was away, from what the samplers saw; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from podvow.upgrade.samples import Sample


@dataclass(frozen=True)
class Outage:
    """A time in which one sampler had no answer over one connection.

    Attributes:
        node: where the sampler ran.
        connection: `new` or `reused`.
        begin_s: start of the first request that failed, in seconds since the epoch.
        seconds: until the start of the first one that was answered; if it had not ended, until its last one.
        ended: whether it did.
    """

    node: str
    connection: str
    begin_s: float
    seconds: float
    ended: bool


@dataclass(frozen=True)
class Sampled:
    """What was seen over one kind of connection, from all nodes.

    Attributes:
        connection: `new` or `reused`.
        requests: how many were sent.
        failed: how many of them were not answered.
        closed: how often the other side had closed the connection between two requests.
        slowest_ms: the slowest answer, in milliseconds.
        outages: longest first.
    """

    connection: str
    requests: int
    failed: int
    closed: int
    slowest_ms: int
    outages: tuple[Outage, ...]

    @property
    def longest_s(self) -> float:
        """The longest outage, in seconds."""
        return max((outage.seconds for outage in self.outages), default=0.0)


def outages(node: str, connection: str, samples: Iterable[Sample]) -> list[Outage]:
    """Return the outages of one sampler over one connection, in order.

    Args:
        node: where it ran.
        connection: which of its connections.
        samples: what it wrote.
    """
    found: list[Outage] = []
    begin_s: float | None = None
    last_s = 0.0
    for sample in samples:
        if sample.connection != connection or sample.word == "closed":
            continue
        if sample.word == "fail":
            begin_s = sample.at_s if begin_s is None else begin_s
            last_s = sample.at_s + sample.slowest_ms / 1000
        elif begin_s is not None:
            found.append(Outage(node, connection, begin_s, round(sample.at_s - begin_s, 2), ended=True))
            begin_s = None
    if begin_s is not None:
        found.append(Outage(node, connection, begin_s, round(last_s - begin_s, 2), ended=False))
    return found


def summed(by_node: Mapping[str, Sequence[Sample]]) -> list[Sampled]:
    """Return what all samplers saw, by connection.

    Args:
        by_node: the samples of each node's sampler.
    """
    result = []
    for connection in ("new", "reused"):
        mine = [s for samples in by_node.values() for s in samples if s.connection == connection]
        found = [outage for node, samples in by_node.items() for outage in outages(node, connection, samples)]
        result.append(
            Sampled(
                connection,
                requests=sum(s.count for s in mine if s.word != "closed"),
                failed=sum(s.count for s in mine if s.word == "fail"),
                closed=sum(s.count for s in mine if s.word == "closed"),
                slowest_ms=max((s.slowest_ms for s in mine if s.word == "ok"), default=0),
                outages=tuple(sorted(found, key=lambda outage: -outage.seconds)),
            )
        )
    return result
