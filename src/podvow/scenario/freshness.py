"""Whether the watches told everything: what exists must have been seen in the version that it has.

A half-open connection, or somebody on the way who swallows a line, cannot be told from a cluster in which nothing
happens. So one looks past the watches at a scenario's objects: when it waits for long, and when it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Late:
    """A change that no watch has told.

    Attributes:
        raw: the object as it is now; as it was last seen if it is gone.
        gone: whether it is gone.
        since_ns: when it was last told of, nanoseconds since the epoch; 0 for never.
    """

    raw: Raw
    gone: bool
    since_ns: int


@dataclass(frozen=True, slots=True)
class _Told:
    version: int
    received_ns: int
    raw: Raw
    deleted: bool


class Freshness:
    """What has been told of each object last."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._told: dict[str, _Told] = {}
        self._live: dict[tuple[str, str], set[str]] = {}

    def took(self, key: str, kind: str, raw: Raw, received_ns: int, *, deleted: bool) -> bool:
        """Note that an object was delivered.

        Args:
            key: the scenario that it belongs to.
            kind: its kind.
            raw: the object.
            received_ns: when it arrived, nanoseconds since the epoch.
            deleted: whether it is gone.

        Returns:
            Whether that is news. A line that was held up on its way tells what was, after what is.
        """
        uid = _uid(raw)
        with self._changed:
            before = self._told.get(uid)
            if before is not None and (before.deleted or 0 < _version(raw) < before.version):
                return False
            newest = max(_version(raw), before.version if before else 0)
            self._told[uid] = _Told(newest, received_ns, raw, deleted)
            live = self._live.setdefault((key, kind), set())
            (live.discard if deleted else live.add)(uid)
            self._changed.notify_all()
            return True

    def live(self, key: str, kind: str) -> frozenset[str]:
        """Return the UIDs of the objects that exist, as far as was delivered; to be asked before looking."""
        with self._changed:
            return frozenset(self._live.get((key, kind), ()))

    def late(self, key: str, kind: str, found: Iterable[Raw], known: Iterable[str]) -> list[Late]:
        """Return what exists in a newer version than was delivered, and what is gone without a word.

        Versions are compared as numbers, as Kubernetes allows:
        https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions

        Args:
            key: the scenario.
            kind: the kind of the objects.
            found: all of that kind that exist.
            known: what `live` had said before they were looked for.
        """
        items = {_uid(item): item for item in found}
        with self._changed:
            changed = [
                Late(item, gone=False, since_ns=told.received_ns if told else 0)
                for uid, item in items.items()
                if (told := self._told.get(uid)) is None or told.version < _version(item)
            ]
            missing = (set(known) - items.keys()) & self._live.get((key, kind), set())
            gone = [Late(self._told[uid].raw, True, self._told[uid].received_ns) for uid in sorted(missing)]
        return changed + gone

    def await_told(self, caught_up: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until what was late has been delivered; return whether it has."""
        with self._changed:
            return self._changed.wait_for(caught_up, timeout_s)

    def forget(self, key: str) -> None:
        """Drop what is known of a scenario."""
        with self._changed:
            for known in [k for k in self._live if k[0] == key]:
                for uid in self._live.pop(known):
                    self._told.pop(uid, None)


def _uid(raw: Raw) -> str:
    return str(raw["metadata"].get("uid", ""))


def _version(raw: Raw) -> int:
    text = str(raw["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0
