"""A namespace per scenario: made before it, deleted after it, and the audit that none is left."""

from __future__ import annotations

import contextlib
import threading

from podvow.api import Api, ApiError
from podvow.deadline import Deadline
from podvow.journal import faultpoint, namespaces
from podvow.journal.log import Journal
from podvow.journal.undo import DeleteNamespace
from podvow.labels import MANAGED_LABEL, RUN_LABEL, SCENARIO_LABEL, namespace_of
from podvow.watch import Watch, WatchEvent

_NAMESPACES = "/api/v1/namespaces"
_DOUBT_S = 15.0
"""So long the audit does not doubt that the watch tells everything."""
_CONFLICT = 409
_NOT_FOUND = 404


class Tenancy:
    """Makes and removes the run's namespaces; touches none that does not carry the run's label.

    Args:
        api: the API server.
        run_id: value of the run label.
        journal: takes every namespace before it is made.
    """

    def __init__(self, api: Api, run_id: str, journal: Journal) -> None:
        self._api = api
        self._run_id = run_id
        self._journal = journal
        self._made: dict[str, int] = {}
        self._live: set[str] = set()
        self._changed = threading.Condition()
        self._watch = Watch(
            api, "/api/v1/namespaces", label_selector=f"{RUN_LABEL}={run_id}", sink=self._seen, name="namespaces"
        )
        self._watch.start()

    def _seen(self, event: WatchEvent) -> None:
        if event.object is None or event.kind not in {"added", "modified", "listed", "deleted"}:
            return
        name = event.object["metadata"]["name"]
        if event.kind == "deleted":
            self._gone(name)
            return
        with self._changed:
            self._live.add(name)
            self._changed.notify_all()

    def _settle(self, name: str) -> None:
        """Note that a namespace is gone, and with it all that was done in it."""
        if name in self._made:
            faultpoint.hit(self._made[name], "undone")
            self._journal.settle(DeleteNamespace(name, self._run_id))

    def name_for(self, key: str) -> str:
        """Return the name of a scenario's namespace."""
        return namespace_of(self._run_id, key)

    def labels_for(self, key: str) -> dict[str, str]:
        """Return the labels of everything that belongs to a scenario."""
        return {MANAGED_LABEL: "true", RUN_LABEL: self._run_id, SCENARIO_LABEL: key}

    def make(self, key: str) -> str:
        """Create a scenario's namespace with its default service account, so that Pods are admitted at once.

        Returns:
            Its name.

        Raises:
            ApiError: the API server refused.
        """
        name = self.name_for(key)
        entry = self._journal.open("namespace", DeleteNamespace(name, self._run_id))
        with self._changed:
            # It counts as there from now on: the watch may tell later than the audit asks.
            self._made[name] = entry
            self._live.add(name)
        metadata = {"name": name, "labels": self.labels_for(key)}
        with self._journal.making(entry):
            self._api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        try:
            self._api.post(f"/api/v1/namespaces/{name}/serviceaccounts", account)
        except ApiError as error:
            # The service account controller may have been faster.
            if error.status != _CONFLICT:
                raise
        return name

    def remove(self, name: str) -> None:
        """Ask for the deletion of a namespace of ours; what holds Pods back is taken off first."""
        if name not in self._made:
            return
        faultpoint.hit(self._made[name], "undoing")
        with contextlib.suppress(ApiError):
            namespaces.release(self._api, name)
        try:
            self._api.delete(f"/api/v1/namespaces/{name}", {"propagationPolicy": "Background"})
        except ApiError as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise
            if error.status == _NOT_FOUND:
                self._gone(name)

    def keep(self, name: str) -> None:
        """Leave a namespace where it is."""
        with self._changed:
            self._made.pop(name, None)

    def leftovers(self, deadline: Deadline) -> list[str]:
        """Wait until every namespace of the run is gone; return the names of those that are not."""
        while self._left(min(_DOUBT_S, deadline.left_s)) and not deadline.passed:
            self._look_past()
        left = self._left(0.0)
        self.stop()
        return left

    def _left(self, timeout_s: float) -> list[str]:
        """Wait until none is left; return those that are."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._live & self._made.keys()), timeout_s)
            return sorted(self._live & self._made.keys())

    def _look_past(self) -> None:
        """Look past the watch which namespaces are left, and ask again for the deletion of those that were spared.

        The word that one is gone may have been lost, and so may the request that it be deleted.
        """
        params = {"labelSelector": f"{RUN_LABEL}={self._run_id}"}
        with contextlib.suppress(ApiError):  # then nobody knows better than the watch
            found = {
                i["metadata"]["name"]: i["metadata"] for i in self._api.get(_NAMESPACES, params=params)["items"]
            }
            for name in self._left(0.0):
                if name not in found:
                    self._gone(name)
                elif not found[name].get("deletionTimestamp"):
                    self.remove(name)

    def _gone(self, name: str) -> None:
        self._settle(name)
        with self._changed:
            self._live.discard(name)
            self._changed.notify_all()

    def stop(self) -> None:
        """Watch no longer."""
        self._watch.stop()
