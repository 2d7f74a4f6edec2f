"""What the data of a record must look like, so that whoever judges stored evidence can rely on it.

A value of another type is no finding about the cluster, it is a broken file, and is refused with its place instead
of failing deep inside an expectation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podvow.shapes import MAP_OF_TEXT, NUMBER, wrong
from podvow.timeline.objects import OBJECT, POD
from podvow.timeline.record import Kind, Source

_BODY = {
    "message": (str, None),
    "reason": str,
    "details": ({"causes": ([{"field": str, "message": str, "reason": str}], None)}, None),
}
_CAUSES = [{"field": str, "message": str, "reason": str}]
_FACTS: dict[Any, Any] = {}

_ANY: Mapping[str, Any] = {}
_DATA: Mapping[Kind, Mapping[str, Any]] = {
    Kind.STARTED: {"n!": int, "uptime_s!": NUMBER},
    Kind.EXITED: {"n!": int, "code!": int, "uptime_s!": NUMBER},
    Kind.SIGNALLED: {"n!": int, "signal!": str, "uptime_s": NUMBER},
    Kind.SAID: {"n!": int, "text!": str, "uptime_s": NUMBER},
    Kind.CONTAINER_CREATED: {"id!": str, "sandbox": str, "image": str, "attempt": int},
    Kind.CONTAINER_STARTED: {"id!": str, "sandbox": str, "pid": (int, None), "image": str},
    Kind.CONTAINER_EXITED: {"id!": str, "sandbox": str, "code!": int},
    Kind.CONTAINER_DELETED: {"id!": str},
    Kind.SANDBOX_STARTED: {"id!": str, "attempt": int},
    Kind.SANDBOX_EXITED: {"id!": str, "code": int},
    Kind.SANDBOX_DELETED: {"id!": str},
    Kind.SNAPSHOT: {"object!": POD},
    Kind.DELETED: {"object!": POD},
    Kind.OBJECT: {"object!": OBJECT, "deleted": bool},
    Kind.EVENT: {"reason": str, "message": str, "type": str, "count": (int, None)},
    Kind.APPLIED: {"object!": OBJECT, "asked_again": bool},
    Kind.REACHED: {"step": int, "condition": str, "control": bool, "promised": bool},
    Kind.MISSED: {
        "step": int,
        "condition!": str,
        "waited_s!": NUMBER,
        "last!": str,
        "faults_ahead": int,
        "promised": bool,
    },
    Kind.FAULT: {"index!": int, "name!": str, "target": str, "facts": _FACTS},
    Kind.FAULT_DONE: {"index!": int, "facts": _FACTS},
    Kind.FAULT_FAILED: {"index!": int, "error": str, "facts": _FACTS},
    Kind.UNDONE: {"fault": str},
    Kind.HOLD_BEGIN: {"window": str, "seconds": NUMBER},
    Kind.HOLD_END: {"window": str, "seconds": NUMBER},
    Kind.REJECTED: {"object": OBJECT, "status": int, "body": (_BODY, str)},
    Kind.PROBED: {"probe!": str, "facts": _FACTS, "error": str},
    Kind.ANSWERED: {
        "case!": str,
        "verb": str,
        "path": str,
        "sent": {},
        "status!": int,
        "reason": str,
        "message": str,
        "causes": _CAUSES,
        "dropped": [str],
        "shown": {},
    },
    Kind.GAP: {"of!": frozenset(Source), "until_ns": (int, None), "reason": str},
    Kind.LOST: {"reason!": str},
}


META: Mapping[str, Any] = {
    "records": int,
    "scenario!": str,
    **dict.fromkeys(("test", "pod", "fixture", "node", "kubelet_version", "server_version", "run"), str),
    "windows": {...: NUMBER},
    "sources": [str],
    "images": MAP_OF_TEXT,
}
"""The first line of an evidence file, without its schema."""
RECORD: Mapping[str, Any] = {
    "t!": int,
    "p!": int,
    "seq!": int,
    "source!": str,
    "kind!": str,
    "pod": str,
    "uid": str,
    "container": str,
    "data": {},
}
"""Every other line."""


def misshapen(kind: Kind, data: Mapping[str, Any]) -> str:
    """Return what is wrong with a record's data and where, empty when nothing is.

    Args:
        kind: kind of the record.
        data: its data, raw JSON.
    """
    return wrong(data, _DATA.get(kind, _ANY), "data")
