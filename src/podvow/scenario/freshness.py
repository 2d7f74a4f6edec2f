"""Whether the watches told everything: what exists in the end must have been seen in the version that it has.

A half-open connection, or somebody on the way who swallows a line, cannot be told from a cluster in which nothing
happens. So a scenario ends with a look at its objects past the watches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Raw = Mapping[str, Any]


class Freshness:
    """Which version of each object has been delivered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._versions: dict[str, int] = {}
        self._live: dict[tuple[str, str], set[str]] = {}

    def took(self, key: str, kind: str, raw: Raw, *, deleted: bool) -> None:
        """Note that an object was delivered.

        Args:
            key: the scenario that it belongs to.
            kind: its kind.
            raw: the object.
            deleted: whether it is gone.
        """
        uid = str(raw["metadata"].get("uid", ""))
        with self._changed:
            self._versions[uid] = max(self._versions.get(uid, 0), _version(raw))
            live = self._live.setdefault((key, kind), set())
            (live.discard if deleted else live.add)(uid)
            self._changed.notify_all()

    def live(self, key: str, kind: str) -> frozenset[str]:
        """Return the UIDs of the objects that exist, as far as was delivered; to be asked before looking."""
        with self._changed:
            return frozenset(self._live.get((key, kind), ()))

    def behind(self, key: str, kind: str, found: Iterable[Raw], known: Iterable[str]) -> list[Raw]:
        """Return the objects that exist in a newer version than was delivered; one that is gone has only its UID.

        Versions are compared as numbers, as Kubernetes allows:
        https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions

        Args:
            key: the scenario.
            kind: the kind of the objects.
            found: all of that kind that exist.
            known: what `live` had said before they were looked for.
        """
        items = {str(item["metadata"].get("uid", "")): item for item in found}
        with self._changed:
            late: list[Raw] = [i for uid, i in items.items() if self._versions.get(uid, -1) < _version(i)]
            gone = (set(known) - items.keys()) & self._live.get((key, kind), set())
            return late + [{"metadata": {"uid": uid}} for uid in sorted(gone)]

    def await_told(self, caught_up: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until what was late has been delivered; return whether it has."""
        with self._changed:
            return self._changed.wait_for(caught_up, timeout_s)

    def forget(self, key: str) -> None:
        """Drop what is known of a scenario."""
        with self._changed:
            for known in [k for k in self._live if k[0] == key]:
                for uid in self._live.pop(known):
                    self._versions.pop(uid, None)


def _version(raw: Raw) -> int:
    text = str(raw["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0
