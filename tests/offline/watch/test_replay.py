"""Whatever breaks in whatever order: what a watch delivers is everything, or it is marked by a gap."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.api import ApiError, UnreachableError
from podvow.watch import Watch, WatchEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

End = Literal["clean", "broken", "malformed", "truncated", "refused", "busy"]


@dataclass(frozen=True)
class Step:
    """What happens to the objects, and then how the next request ends.

    Attributes:
        touched: names of objects that are made, changed or (when `deletes`) deleted.
        end: how the request ends.
        after: how many lines a stream delivers before that.
        forgets: whether the server forgets its history before the request.
    """

    touched: list[str]
    deletes: bool
    end: End
    after: int
    forgets: bool


class Server:
    """An API server in memory with a history that it may forget."""

    def __init__(self) -> None:
        self.version = 1
        self.forgotten = 0
        self.history: list[tuple[int, str, dict[str, Any]]] = []
        self.state: dict[str, dict[str, Any]] = {}
        self.lists: list[int] = []
        self.next = Step([], deletes=False, end="clean", after=99, forgets=False)

    def touch(self, name: str, *, delete: bool) -> None:
        self.version += 1
        old = self.state.pop(name, None)
        uid = old["metadata"]["uid"] if old else f"{name}-{self.version}"
        new = {"metadata": {"name": name, "uid": uid, "resourceVersion": str(self.version)}}
        kind = "DELETED" if old and delete else "MODIFIED" if old else "ADDED"
        if kind != "DELETED":
            self.state[name] = new
        self.history.append((self.version, kind, new))

    def prepare(self, step: Step) -> None:
        for name in step.touched:
            self.touch(name, delete=step.deletes)
        if step.forgets:
            self.forgotten = self.version
            self.version += 1  # something else was written: the newest version is remembered again
        self.next = step

    def get(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> dict[str, Any]:
        assert params is not None
        assert not retry
        self._refuse(path)
        self.lists.append(self.version)
        return {
            "kind": "PodList",
            "metadata": {"resourceVersion": str(self.version)},
            "items": list(self.state.values()),
        }

    def stream(self, path: str, params: Mapping[str, str] | None = None, *, read_timeout_s: float) -> Lines:
        assert params is not None
        assert read_timeout_s
        self._refuse(path)
        since = int(params["resourceVersion"])
        if since < self.forgotten:
            if self.next.after % 2:
                raise ApiError(410, "Expired")
            return Lines([error_line()], "clean")
        events = [encode(kind, item) for version, kind, item in self.history if version > since]
        bookmark = encode("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})
        return Lines([*events, bookmark][: self.next.after], self.next.end)

    def _refuse(self, path: str) -> None:
        if self.next.end == "refused":
            raise UnreachableError("refused", "", request=path, sent=False)
        if self.next.end == "busy":
            raise ApiError(503, "ServiceUnavailable")


class Lines:
    """A stream that ends in a given way."""

    def __init__(self, lines: list[bytes], end: End) -> None:
        self._lines = lines
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        yield from self._lines
        match self._end:
            case "broken":
                raise UnreachableError("reset", "", request="", sent=True)
            case "malformed":
                yield b"\x00\xff"
            case "truncated":
                yield b'{"type": "ADDED", "object": {"metad'
            case _:
                pass

    def close(self) -> None:
        """Nothing is open."""


def encode(kind: str, item: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode()


def error_line() -> bytes:
    return encode("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})


steps = st.builds(
    Step,
    touched=st.lists(st.sampled_from("abc"), max_size=4),
    deletes=st.booleans(),
    end=st.sampled_from(["clean", "broken", "malformed", "truncated", "refused", "busy"]),
    after=st.integers(0, 6),
    forgets=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=12))
def test_what_is_delivered_is_complete_or_marked(script: list[Step]) -> None:
    server = Server()
    events: list[WatchEvent] = []
    watch = Watch(server, "/api/v1/pods", sink=events.append, name="w", backoff_s=(0.0, 0.0))
    for step in script:
        server.prepare(step)
        watch._turn()
    server.prepare(Step([], deletes=False, end="clean", after=99, forgets=False))
    for _ in range(4):
        watch._turn()

    judge_gaps(events)
    judge_replay(events, server)
    assert seen_state(events) == {uid(item): version(item) for item in server.state.values()}


def judge_gaps(events: list[WatchEvent]) -> None:
    """Gaps open and close in turns, and a list happens only inside a gap or at the very beginning."""
    marks = [event for event in events if event.kind in {"gap", "relisted"}]
    assert [mark.kind for mark in marks] == ["gap", "relisted"] * (len(marks) // 2)
    assert all(end.since_ns == begin.since_ns for begin, end in zip(marks[::2], marks[1::2], strict=True))
    assert all(one.received_ns <= other.received_ns for one, other in pairwise(events))
    opened = True
    for event in events:
        if event.kind in {"listed", "gap"} or event.reason == "seen gone at relist":
            assert opened or event.kind == "gap"
            opened = True
        else:
            opened = False


def judge_replay(events: list[WatchEvent], server: Server) -> None:
    """Between two lists, every change is delivered once and in order, whatever broke in between."""
    segments: list[list[int]] = [[]]
    for event in events:
        if event.kind == "relisted" and event.reason == "listed again":
            segments.append([])
        elif event.kind in {"added", "modified"} or (event.kind == "deleted" and not event.reason):
            assert event.object is not None
            segments[-1].append(version(event.object))
    assert len(segments) == len(server.lists)
    for start, delivered in zip(server.lists, segments, strict=True):
        changes = [number for number, _, _ in server.history if number > start]
        assert delivered == changes[: len(delivered)]
    last = [number for number, _, _ in server.history if number > server.lists[-1]]
    assert segments[-1] == last


def seen_state(events: list[WatchEvent]) -> dict[str, int]:
    """Return the objects that exist according to the events."""
    state: dict[str, int] = {}
    for event in events:
        if event.object is None or event.kind == "bookmark":
            continue
        if event.kind == "deleted":
            del state[uid(event.object)]
        else:
            state[uid(event.object)] = version(event.object)
    return state


def uid(item: dict[str, Any]) -> str:
    return str(item["metadata"]["uid"])


def version(item: dict[str, Any]) -> int:
    return int(item["metadata"]["resourceVersion"])
