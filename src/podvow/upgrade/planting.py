"""Plants a cohort, finds it again in any cluster, reads it and removes it.

Survivors carry a label of their own instead of those of a run: they have to outlive what planted them, so
`podvow recover` neither removes them nor takes them for leaks. The baseline's folder names the cohort before
anything is made, and it is found without it too: the namespace by its label, static Pods by the name of their file.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from podvow.api import Api, ApiError
from podvow.cluster.node import NodeAccess, put_file
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.labels import COHORT_LABEL, NAMESPACE_PREFIX
from podvow.pool import at_once
from podvow.upgrade.cohort import SAMPLER, Planted, image_patch, shape_of, unsettled
from podvow.upgrade.reading import take
from podvow.upgrade.snapshot import Snapshot, parse

SNAPSHOT = "survivors"
"""Name of the ConfigMap with a copy of the snapshot."""
_STATICS = "/etc/kubernetes/manifests/survivor-podvow-"
_LINES = "3000"
"""So many of a survivor's log are read: hours of ticks."""
_POLL_S = 1.0
_GONE_S = 180.0
_NOT_FOUND, _CONFLICT = 404, 409
Say = Callable[[str], None]


def namespace_of(cohort: str) -> str:
    """Return the namespace of a cohort."""
    return f"{NAMESPACE_PREFIX}survivors-{cohort}"


def static_path(cohort: str) -> str:
    """Return the file of a cohort's static Pod; not one that recovering or a node's timer would take away."""
    return f"{_STATICS}{cohort}.json"


class Field:
    """The cohorts of one cluster.

    Args:
        api: its API server.
        access: the way onto its nodes, None without one.
        check: is asked with a node, or with nothing, right before each change; raises where it may not be made.
    """

    def __init__(self, api: Api, access: NodeAccess | None, check: Callable[[str], object]) -> None:
        self._api = api
        self._access = access
        self._check = check

    @property
    def reaches_nodes(self) -> bool:
        """Whether static Pods can be planted."""
        return self._access is not None

    def plant(
        self, cohort: str, planted: Sequence[Planted], counts: Counter[str], *, patience_s: float, say: Say
    ) -> None:
        """Make a cohort and wait until every survivor is as it is meant to be.

        Args:
            cohort: its id.
            planted: its objects, in order.
            counts: how many Pods of each shape there will be at least.
            patience_s: how long is waited, in seconds.
            say: is told what goes on.

        Raises:
            ClusterUnusableError: they do not become so.
        """
        namespace = namespace_of(cohort)
        self._check("")
        metadata = {"name": namespace, "labels": {COHORT_LABEL: cohort}}
        self._made("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        self._made(f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
        samplers = [each for each in planted if each.manifest["metadata"]["name"] == SAMPLER]
        for each in planted:
            if each not in samplers:
                self._one(cohort, each)
        say(f"waiting until {counts.total()} survivors are as they are meant to be")
        self._await(cohort, {shape: count for shape, count in counts.items() if shape != SAMPLER}, patience_s)
        # Last: they ask what is there by then, so that what they see is no beginning.
        for each in samplers:
            self._one(cohort, each)
        for pod in self.pods(cohort):
            if patch := image_patch(pod):
                self._api.patch(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", patch)
        self._await(cohort, counts, patience_s)

    def _one(self, cohort: str, each: Planted) -> None:
        if each.path:
            self._made(each.path, each.manifest)
        elif self._access is not None:
            self._check(each.node)
            put_file(self._access, each.node, static_path(cohort), json.dumps(each.manifest).encode())

    def _made(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            self._api.post(path, body)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise

    def _await(self, cohort: str, counts: Mapping[str, int], patience_s: float) -> None:
        deadline = Deadline.after(patience_s)
        while True:
            pods = self.pods(cohort)
            have = Counter(shape_of(pod) for pod in pods)
            late = [text for pod in pods if (text := unsettled(pod))]
            late += [
                f"{have[shape]} of {count} {shape} are there"
                for shape, count in counts.items()
                if have[shape] < count
            ]
            if not late:
                return
            if deadline.passed:
                raise ClusterUnusableError(
                    f"survivors are not as they are meant to be: {'; '.join(late[:5])}",
                    hint=f"kubectl --namespace {namespace_of(cohort)} get pods shows them; podvow upgrade remove",
                )
            time.sleep(_POLL_S)

    def settle(self, before: Snapshot, patience_s: float) -> None:
        """Wait until the Pods of a cohort are as they are meant to be, and those of controllers as many as before.

        Only so long: what is not then is judged as it is.
        """
        counts = Counter(pod.shape for pod in before.pods if pod.owner)
        with contextlib.suppress(ClusterUnusableError):
            self._await(before.cohort, counts, patience_s)

    def pods(self, cohort: str) -> list[Mapping[str, Any]]:
        """Return the Pods of a cohort."""
        path = f"/api/v1/namespaces/{namespace_of(cohort)}/pods"
        try:
            return list(self._api.get(path).get("items") or ())
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return []

    def snapshot(self, cohort: str) -> Snapshot:
        """Return what nodes and survivors are now."""
        pods = self.pods(cohort)
        logs = self._logs(cohort, pods)
        return take(
            cohort,
            str(self._api.get("/version").get("gitVersion", "")),
            self._api.get("/api/v1/nodes").get("items") or (),
            pods,
            lambda pod, container: logs.get((pod, container), ""),
        )

    def samples(self, cohort: str) -> dict[str, str]:
        """Return the log of every sampler, by node; what it wrote before its container was restarted first."""
        found: dict[str, str] = {}
        for pod in self.pods(cohort):
            if shape_of(pod) == SAMPLER:
                name, node = pod["metadata"]["name"], str(pod["spec"].get("nodeName", ""))
                before = self._log(cohort, name, SAMPLER, previous="true")
                found[node] = found.get(node, "") + before + self._log(cohort, name, SAMPLER)
        return found

    def _logs(self, cohort: str, pods: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
        wanted = [
            (pod["metadata"]["name"], container["name"])
            for pod in pods
            if shape_of(pod) != SAMPLER
            for field in ("initContainers", "containers")
            for container in pod["spec"].get(field) or ()
        ]
        texts = at_once(lambda pair: self._log(cohort, *pair, tailLines=_LINES), wanted, name="logs")
        return dict(zip(wanted, texts, strict=True))

    def _log(self, cohort: str, pod: str, container: str, **params: str) -> str:
        """Return a log; empty for a container that has none, or whose node does not answer."""
        path = f"/api/v1/namespaces/{namespace_of(cohort)}/pods/{pod}/log"
        asked = {"container": container, **params}
        try:
            return self._api.text(path, params=asked, retry=False)
        except ApiError:
            return ""

    def keep(self, snapshot: Snapshot) -> None:
        """Put a copy of a snapshot into the cluster, for a runner that has not the baseline's folder."""
        namespace = namespace_of(snapshot.cohort)
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": SNAPSHOT, "labels": {COHORT_LABEL: snapshot.cohort}},
            "data": {"json": snapshot.to_json(trace=False)},
        }
        self._made(f"/api/v1/namespaces/{namespace}/configmaps", body)

    def kept(self, cohort: str) -> Snapshot:
        """Return the snapshot that `keep` put into the cluster.

        Raises:
            ApiError: there is none.
            UsageError: it is broken.
        """
        path = f"/api/v1/namespaces/{namespace_of(cohort)}/configmaps/{SNAPSHOT}"
        raw = json.loads(self._api.get(path)["data"]["json"])
        raw.pop("schema", None)
        return parse(raw, where=path)

    def cohorts(self) -> list[str]:
        """Return the cohorts of the cluster."""
        found = self._api.get("/api/v1/namespaces", params={"labelSelector": COHORT_LABEL}).get("items") or ()
        labels = ((raw["metadata"].get("labels") or {}).get(COHORT_LABEL) for raw in found)
        return sorted({str(label) for label in labels if label})

    def remove(self, cohort: str) -> list[str]:
        """Remove a cohort; harmless when it is gone.

        Returns:
            What is left, in words.
        """
        self._check("")
        namespace = namespace_of(cohort)
        left = self._remove_statics(cohort)
        path = f"/api/v1/namespaces/{namespace}"
        try:
            raw = self._api.get(path)
            if (raw["metadata"].get("labels") or {}).get(COHORT_LABEL) != cohort:
                return [*left, f"namespace {namespace} does not carry the label of this cohort: left alone"]
            self._api.delete(path, {"propagationPolicy": "Background"})
        except ApiError as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise
        deadline = Deadline.after(_GONE_S)
        while self._there(path):
            if deadline.passed:
                return [*left, f"namespace {namespace} is still being deleted"]
            time.sleep(_POLL_S)
        return left

    def _there(self, path: str) -> bool:
        try:
            self._api.get(path)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return False
        return True

    def _remove_statics(self, cohort: str) -> list[str]:
        nodes = {str(p["spec"].get("nodeName", "")) for p in self.pods(cohort) if shape_of(p) == "static"}
        if self._access is None:
            return [
                f"node {node} has {static_path(cohort)}, and podvow has no way onto it" for node in sorted(nodes)
            ]
        every = [raw["metadata"]["name"] for raw in self._api.get("/api/v1/nodes").get("items") or ()]
        for node in every:
            self._check(node)
            self._access.exec(node, ["rm", "-f", static_path(cohort)])
        return []
