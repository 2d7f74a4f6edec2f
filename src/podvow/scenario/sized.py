"""Pods of given sizes, in few words: edits for the fixtures `bare` and `gated`."""

from __future__ import annotations

from typing import Any

from podvow.errors import UsageError

_IMAGE = "podvow/busybox:blue"


def resources(*words: str) -> dict[str, Any]:
    """Return the `resources` that words tell.

    Args:
        words: e.g. `cpu=20m/60m` (request and limit), `memory=16Mi` (both the same), `cpu=20m/` (request only),
            `cpu=/60m` (limit only).
    """
    found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for word in words:
        name, sign, amounts = word.partition("=")
        if not sign:
            raise UsageError(f"{word!r} is no size; `name=request/limit` is")
        request, slash, limit = amounts.partition("/")
        if request:
            found["requests"][name] = request
        if limit or not slash:
            found["limits"][name] = limit or request
    return {kind: amounts for kind, amounts in found.items() if amounts}


def _container(name: str, size: dict[str, Any]) -> dict[str, Any]:
    command = ["true"] if name.startswith("init") else ["sleep", "3600"]
    own = {"name": name, "image": _IMAGE, "imagePullPolicy": "Never", "command": command, "resources": size}
    return {**own, "restartPolicy": "Always"} if name.startswith("side") else own


def sized(*containers: str) -> dict[str, Any]:
    """Return edits that give a Pod these containers, in this order.

    Args:
        containers: a name and sizes each, e.g. `init-1 cpu=20m/60m memory=16Mi`; `side…` is an init container with
            restartPolicy Always, `app…` an app, and `pod` stands for the Pod's own resources.
    """
    spec: dict[str, Any] = {"initContainers": [], "containers": []}
    for line in containers:
        name, *words = line.split()
        if name == "pod":
            spec["resources"] = resources(*words)
        else:
            kind = "containers" if name.startswith("app") else "initContainers"
            spec[kind].append(_container(name, resources(*words)))
    return {"spec": {key: value for key, value in spec.items() if value}}
