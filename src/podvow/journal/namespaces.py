"""Deleting namespaces of ours: only those that carry our labels, with what holds them of ours taken off."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

from podvow.api import MERGE_PATCH, Api, ApiError
from podvow.deadline import Deadline
from podvow.labels import HOLD_FINALIZER, MANAGED, MANAGED_LABEL, RUN_LABEL

_NOT_FOUND = 404
_CONFLICT = 409
_POLL_S = 0.5


def labelled(api: Api) -> dict[str, list[Mapping[str, Any]]]:
    """Return all namespaces of ours, by run.

    Raises:
        ApiError: the server refused.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for raw in api.get("/api/v1/namespaces", params=MANAGED).get("items") or ():
        labels = raw["metadata"].get("labels") or {}
        if labels.get(MANAGED_LABEL) == "true" and labels.get(RUN_LABEL):
            found.setdefault(str(labels[RUN_LABEL]), []).append(raw)
    return found


def ask(api: Api, name: str, run: str) -> str:
    """Ask for the deletion of a namespace, if it carries the labels of the run.

    Returns:
        Why nothing was asked for (`gone`, or that it is not ours); empty when it was.

    Raises:
        ApiError: the server refused.
    """
    path = f"/api/v1/namespaces/{name}"
    try:
        raw = api.get(path)
    except ApiError as error:
        if error.status != _NOT_FOUND:
            raise
        return "gone"
    labels = raw["metadata"].get("labels") or {}
    if labels.get(MANAGED_LABEL) != "true" or labels.get(RUN_LABEL) != run:
        return "left alone: it does not carry the labels of this run"
    # By its uid: a namespace that was made again in the meantime is somebody else's.
    options = {"propagationPolicy": "Background", "preconditions": {"uid": raw["metadata"]["uid"]}}
    try:
        api.delete(path, options)
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return "gone"
        if error.status != _CONFLICT:  # it is being deleted already
            raise
    release(api, name)
    return ""


def release(api: Api, namespace: str) -> None:
    """Take our finalizer off the Pods of a namespace; foreign ones stay."""
    for pod in api.get(f"/api/v1/namespaces/{namespace}/pods").get("items") or ():
        finalizers = pod["metadata"].get("finalizers") or []
        if HOLD_FINALIZER not in finalizers:
            continue
        others = [each for each in finalizers if each != HOLD_FINALIZER]
        path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
        try:
            api.patch(path, {"metadata": {"finalizers": others or None}}, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise


def await_gone(api: Api, names: Collection[str], deadline: Deadline) -> list[str]:
    """Wait until namespaces are gone; return those that are not.

    Raises:
        ApiError: the server refused.
    """
    pause = threading.Event()
    left = set(names)
    while left:
        there = {raw["metadata"]["name"] for group in labelled(api).values() for raw in group}
        left &= there
        if not left or deadline.passed:
            break
        pause.wait(min(_POLL_S, deadline.left_s))
    return sorted(left)
