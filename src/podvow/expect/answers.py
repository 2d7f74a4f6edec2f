"""Facts about the answers of the API server to a table of requests: status and the exact list of causes.

Source: the validation and admission that every request passes, before any kubelet hears of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.specifiers import SpecifierSet

from podvow.expect.base import Fact, Found, MissingError, holds, inconclusive, violated
from podvow.release import release_of
from podvow.timeline import Timeline
from podvow.timeline.record import Kind

_ANY = "…"
_REASONS = {200: "", 400: "BadRequest", 403: "Forbidden", 422: "Invalid"}
_TYPES = {
    "Duplicate value": "FieldValueDuplicate",
    "Forbidden": "FieldValueForbidden",
    "Invalid value": "FieldValueInvalid",
    "Not found": "FieldValueNotFound",
    "Required value": "FieldValueRequired",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
    "Unsupported value": "FieldValueNotSupported",
}


def _fits(wanted: str, said: str) -> bool:
    """Tell whether a text is the wanted one; `…` stands for any text."""
    return bool(re.fullmatch(".*".join(map(re.escape, wanted.split(_ANY))), said, re.DOTALL))


def _misfits(wanted: Sequence[str], causes: Sequence[Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Return the causes that are wanted but missing, and those that were told but not wanted."""
    told = [f"{c.get('field', '')}: {c.get('message', '')}" for c in causes]
    missing = []
    # The strictest first, so that a text with a wildcard does not take another one's match.
    for text in sorted(wanted, key=lambda t: (_ANY in t, -len(t))):
        found = next((t for t in told if _fits(text, t)), None)
        if found is None:
            missing.append(text)
        else:
            told.remove(found)
    return missing, told


def _mistyped(causes: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the causes whose reason is not the one that their message begins with."""
    return [
        f"{c.get('field', '')}: {c.get('reason', '')}"
        for c in causes
        if _TYPES.get(c.get("message", "").partition(":")[0], c.get("reason")) != c.get("reason")
    ]


def _expected(timeline: Timeline, expected: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    server = release_of(timeline.meta.server_version)
    if server is None:
        raise MissingError(f"no server version: {timeline.meta.server_version!r}")
    for versions, answer in expected.items():
        if SpecifierSet(versions).contains(server, prereleases=True):
            return answer
    raise MissingError(f"the table expects nothing of {server}")


def _compared(wanted: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Say in what an answer differs from the wanted one; empty when in nothing."""
    status, message = int(data.get("status", 0)), str(data.get("message", ""))
    if status != wanted["status"]:
        return f"answered {status}: {message}".rstrip(": ")
    causes = data.get("causes") or ()
    missing, surplus = _misfits(wanted.get("causes", ()), causes)
    if missing or surplus:
        return "; ".join([*(f"missing {m}" for m in missing), *(f"not expected {s}" for s in surplus)])
    if wanted.get("message") and not _fits(wanted["message"], message):
        return f"answered {status}: {message}"
    if sorted(data.get("dropped", ())) != sorted(wanted.get("dropped", ())):
        return f"accepted; not kept: {', '.join(data.get('dropped', ())) or 'nothing'}"
    for path, value in wanted.get("shown", {}).items():
        if data.get("shown", {}).get(path) != value:
            return f"accepted; {path} is {data.get('shown', {}).get(path)}"
    if data.get("reason", "") != _REASONS.get(status, ""):
        return f"reason {data.get('reason', '')}"
    return "; ".join(_mistyped(causes))


def answered(case: str, expected: Mapping[str, Mapping[str, Any]]) -> Fact:
    """The API server answered a request of a table with exactly the expected status, causes and message.

    Args:
        case: id of the request.
        expected: by range of server versions, the first that matches counts: `status` (200 for accepted), `causes`
            (`field: message`), `message`, `dropped` (paths that are ignored; every other value that was sent must
            be in the answer), `shown` (values by path of the answer). `…` stands for any text.
    """

    def find(timeline: Timeline) -> Found:
        records = [r for r in timeline.of(Kind.ANSWERED) if r.data["case"] == case]
        if not records:
            return inconclusive(f"{case} was not asked")
        wanted = _expected(timeline, expected)
        record = records[-1]
        difference = _compared(wanted, record.data)
        if difference:
            return violated(difference, record.t_ns)
        return holds("; ".join(wanted.get("causes", ())) or wanted.get("message") or "accepted", record.t_ns)

    return Fact(f"{case} answered as expected", "answered", find)
