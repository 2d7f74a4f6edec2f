"""Plays tables of requests: sends each case with `dryRun=All`, so that nothing is made, and records the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from podvow.api import MERGE_PATCH, Api, ApiError
from podvow.scenario.recorder import Recorder
from podvow.scenario.table import Case, Raw, Table, dropped, load_table, shown
from podvow.timeline.record import Kind
from podvow.timeline.sources.status import slim

_AT_ONCE = 4
_LEARNED_S = 60.0
_PAUSE_S = 0.2
_LONG = 1200
_PARAMS = {"dryRun": "All", "fieldValidation": "Strict"}
_NO_ANSWER = frozenset({0, 401, 429, 500, 502, 503, 504})
_GROUPS = {"apps/v1": "/apis/apps/v1", "batch/v1": "/apis/batch/v1", "v1": "/api/v1"}


def _short(text: str) -> str:
    """Return a message without the middle of a value or a difference that it quotes at great length."""
    return text if len(text) <= _LONG else f"{text[: _LONG // 2]} … {text[-_LONG // 4 :]}"


class _Sender:
    """Sends the cases of one scenario into its namespace.

    Args:
        api: the API server.
        namespace: the scenario's namespace.
        labels: labels of everything that the scenario makes.
    """

    def __init__(self, api: Api, namespace: str, labels: Mapping[str, str]) -> None:
        self._api = api
        self._namespace = namespace
        self._labels = labels
        self._live: dict[str, Raw] = {}

    def _path(self, manifest: Raw, name: str = "", subresource: str = "") -> str:
        plural = f"{manifest['kind'].lower()}s"
        parts = [_GROUPS[manifest["apiVersion"]], "namespaces", self._namespace, plural, name, subresource]
        return "/".join(part for part in parts if part)

    def _ours(self, manifest: Raw) -> Raw:
        metadata = manifest["metadata"]
        labels = {**(metadata.get("labels") or {}), **self._labels}
        return {**manifest, "metadata": {**metadata, "labels": labels, "namespace": self._namespace}}

    def label(self, labels: Mapping[str, str]) -> None:
        """Give the namespace labels."""
        path = f"/api/v1/namespaces/{self._namespace}"
        self._api.patch(path, {"metadata": {"labels": dict(labels)}}, content_type=MERGE_PATCH)

    def create(self, manifest: Raw) -> Raw:
        """Create an object for real; what the cases edit of it is what the server made of it."""
        answer = self._api.post(self._path(manifest), self._ours(manifest))
        live = {key: value for key, value in answer.items() if key != "status"}
        # Without a version the update is unconditional: controllers write to the object meanwhile.
        unwanted = {"managedFields", "resourceVersion"}
        live["metadata"] = {key: value for key, value in answer["metadata"].items() if key not in unwanted}
        self._live[manifest["metadata"]["name"]] = live
        return answer

    def ask(self, case: Case) -> dict[str, Any]:
        """Send a case and return what is to be recorded.

        Raises:
            ApiError: there was no answer to this very request.
        """
        edits = {"set": dict(case.sets), "drop": list(case.drops), "swap": list(case.swaps)}
        path = self._path(case.base, case.on, case.subresource)
        told: dict[str, Any] = {
            "case": case.id,
            "verb": "update" if case.on else "create",
            "path": path,
            "sent": {key: value for key, value in edits.items() if value},
        }
        try:
            if case.on:
                answer = self._api.put(path, case.edited(self._live[case.on]), params=_PARAMS)
            else:
                answer = self._api.post(path, case.edited(self._ours(case.base)), params=_PARAMS)
        except ApiError as error:
            if error.status in _NO_ANSWER or error.by_authorizer:
                raise
            body: Raw = error.body if isinstance(error.body, dict) else {"message": error.body}
            causes = (body.get("details") or {}).get("causes") or []
            return {
                **told,
                "status": error.status,
                "reason": error.reason,
                "message": _short(body.get("message", "")),
                "causes": [{**cause, "message": _short(cause.get("message", ""))} for cause in causes],
            }
        return {**told, "status": 200, "dropped": dropped(case, answer), "shown": shown(case, answer)}


def _learned(sender: _Sender, table: Table) -> bool:
    """Wait until admission knows what the table arranged."""
    case = next(c for c in table.cases if c.id == table.awaits)
    until = time.monotonic() + _LEARNED_S
    while table.says not in sender.ask(case).get("message", ""):
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE_S)
    return True


def send_tables(
    names: Sequence[str], api: Api, namespace: str, labels: Mapping[str, str], recorder: Recorder
) -> bool:
    """Arrange what some tables need, send their cases, record the answers in the tables' order.

    Args:
        names: the tables.
        api: the API server.
        namespace: the scenario's namespace.
        labels: labels of everything that the scenario makes.
        recorder: takes the answers.

    Returns:
        Whether the cases could be sent.

    Raises:
        ApiError: the API server is away or busy.
    """
    sender = _Sender(api, namespace, labels)
    tables = [load_table(name) for name in names]
    for table in tables:
        if table.labels:
            sender.label(table.labels)
        for manifest in table.objects:
            recorder.say(Kind.APPLIED, object=slim(sender.create(manifest)))
        if table.awaits and not _learned(sender, table):
            facts = {"step": 0, "condition": f"{table.awaits} refused: {table.says}"}
            recorder.say(Kind.MISSED, waited_s=_LEARNED_S, last="not refused that way", **facts)
            return False
    cases = [case for table in tables for case in table.cases]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for answer in pool.map(sender.ask, cases):
            recorder.say(Kind.ANSWERED, **answer)
    return True
