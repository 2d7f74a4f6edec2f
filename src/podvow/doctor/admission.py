"""Whether this cluster would let podvow's objects in: asked with `dryRun=All`, which stores nothing.

A dry run needs a namespace that is there. What is refused in it because of its own labels, quotas or limits may be
let into namespaces that podvow makes, so it is named.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from podvow.api import Api, ApiError
from podvow.doctor.check import Check
from podvow.faults.spec import plural_of
from podvow.labels import MANAGED_LABEL
from podvow.scenario.manifest import Manifest, pod_specs, prepare
from podvow.scenario.model import Scenario

PLACE = "default"
"""The namespace of the dry runs: every cluster has it."""
_DRY = {"dryRun": "All"}
_LABELS = {MANAGED_LABEL: "true"}
_NAME = re.compile(r'"[^"]*"|\[\d+\]')
_SHOWN = 4
_ENFORCE = "pod-security.kubernetes.io/enforce"


def check_admission(api: Api, scenarios: Sequence[Scenario]) -> Iterator[Check]:
    """Send a namespace and every fixture's Pod as dry runs; tell what is refused and what is warned of.

    Args:
        api: the connection.
        scenarios: what would be run.
    """
    yield from _namespace(api)
    pods = representative(scenarios)
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="doctor") as pool:
        answers = dict(zip(pods, pool.map(lambda pod: _send(api, pod), pods.values()), strict=True))
    refused, warned = _grouped(answers, "refused"), _grouped(answers, "warned")
    level = _level_of(api)
    for said, names in refused.items():
        text = f"{len(names)} of {len(pods)} fixture Pods are refused ({_some(names)}): {said}"
        hint = f"scenarios with them end without a verdict; asked in the namespace {PLACE}{level}"
        yield Check("admission", "error" if len(names) == len(pods) else "warning", text, hint)
    for said, names in warned.items():
        text = f"{len(names)} of {len(pods)} fixture Pods are warned of ({_some(names)}): {said}"
        yield Check("admission", "ok", text)
    if not refused:
        yield Check("admission", "ok", f"{len(pods)} fixture Pods would be admitted")


def representative(scenarios: Sequence[Scenario]) -> dict[str, Manifest]:
    """Return a Pod of every fixture that scenarios create through the API and expect to be accepted, by name."""
    found: dict[str, Manifest] = {}
    for scenario in scenarios:
        if scenario.expect_rejection or scenario.static or not scenario.pod or scenario.pod in found:
            continue
        found[scenario.pod] = _pod_of(scenario.manifests()[-1])
    return dict(sorted(found.items()))


def _pod_of(manifest: Manifest) -> Manifest:
    """Return the Pod that a manifest is or makes: a workload is let in even when its Pods are not."""
    metadata, spec = next(pod_specs(manifest))
    name = {"name": manifest["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **name}, "spec": spec}


def _namespace(api: Api) -> Iterator[Check]:
    metadata = {"name": "podvow-doctor", "labels": dict(_LABELS)}
    try:
        api.ask("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, params=_DRY)
    except ApiError as error:
        hint = "podvow makes a namespace per scenario, named podvow-… and labelled podvow.dev/managed=true"
        yield Check("admission", "error", f"a namespace would be refused: {_said(error)}", hint)
    else:
        yield Check("admission", "ok", "a namespace would be admitted")


def _send(api: Api, pod: Manifest) -> dict[str, list[str]]:
    ready = prepare(pod, labels=_LABELS, namespace=PLACE, node="")
    try:
        _, headers = api.ask(f"/api/v1/namespaces/{PLACE}/{plural_of('Pod')}", ready, params=_DRY)
    except ApiError as error:
        return {"refused": [_said(error)]}
    return {"warned": [_warning(text) for text in headers.get("warning", ())]}


def _said(error: ApiError) -> str:
    message = error.body.get("message", "") if isinstance(error.body, Mapping) else error.body
    return str(message or error.message)


def _warning(header: str) -> str:
    """Return the text of a Warning header, e.g. `299 - "text"`."""
    return header.split(" ", 2)[-1].strip('"')


def _grouped(answers: Mapping[str, Mapping[str, list[str]]], kind: str) -> dict[str, list[str]]:
    """Group what was said by its text without the names that it quotes; keep the first text of each group."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    first: dict[str, str] = {}
    for name, answer in answers.items():
        for text in answer.get(kind, ()):
            alike = _NAME.sub("…", text)
            first.setdefault(alike, text)
            groups[alike].append(name)
    return {first[alike]: list(dict.fromkeys(names)) for alike, names in groups.items()}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _level_of(api: Api) -> str:
    """Return what Pod Security enforces in the namespace of the dry runs, in words."""
    try:
        found: dict[str, Any] = api.get(f"/api/v1/namespaces/{PLACE}")
    except ApiError:
        return ""
    level = (found["metadata"].get("labels") or {}).get(_ENFORCE)
    return (
        f", which enforces Pod Security level {level}" if level else ", which has no Pod Security level of its own"
    )
