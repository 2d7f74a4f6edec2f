from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from podvow.errors import InjectionError
from podvow.faults import offer, resize
from podvow.faults.base import FaultContext
from podvow.timeline import Timeline
from tests.offline.expect.builder import Story

TOKENS = "podvow.dev/tokens"


class Cluster:
    """An API server with one node and some Pods.

    Attributes:
        patched: path and body of every patch.
    """

    def __init__(self, *pods: Mapping[str, Any]) -> None:
        self.pods = list(pods)
        self.status: dict[str, dict[str, str]] = {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2"}}
        self.patched: list[tuple[str, Any]] = []

    def get(self, path: str) -> Any:
        """Return the Pods or the node."""
        return {"items": self.pods} if path.endswith("/pods") else {"status": self.status}

    def patch(self, path: str, body: Any) -> Any:
        """Patch the node's status, or a Pod."""
        self.patched.append((path, body))
        for kind, amounts in (body.get("status") or {}).items():
            merged = {**self.status[kind], **amounts}
            self.status[kind] = {name: value for name, value in merged.items() if value is not None}
        return {"metadata": {"generation": 2, "resourceVersion": "7"}}


def pod(namespace: str, node: str) -> dict[str, Any]:
    container = {"name": "app", "resources": {"limits": {TOKENS: "1"}}}
    return {
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"nodeName": node, "containers": [container]},
    }


def told() -> Timeline:
    story = Story()
    story.pod().initialise()
    story.fault("resize", "app")
    return story.timeline()


def context(cluster: Cluster) -> FaultContext:
    return FaultContext(cast("Any", cluster), "ns", "worker", None, None, told, dict, lambda _: None)


def test_an_offered_resource_is_on_the_node_until_it_is_undone() -> None:
    cluster = Cluster(pod("ns", "worker"), pod("other", "elsewhere"))
    fault = offer(TOKENS, 3)
    facts = fault.inject(context(cluster))
    assert facts == {"capacity": "3", "allocatable": "3"}
    assert cluster.status["capacity"] == {"cpu": "2", TOKENS: "3"}
    assert cluster.patched[0][0] == "/api/v1/nodes/worker/status"
    fault.undo(context(cluster))
    assert cluster.status == {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2"}}


def test_a_resource_that_another_run_plays_with_is_not_offered() -> None:
    cluster = Cluster(pod("other", "worker"))
    with pytest.raises(InjectionError, match="asked for by other/p"):
        offer(TOKENS, 3).inject(context(cluster))
    assert not cluster.patched


def test_a_resize_goes_to_the_subresource_and_to_the_right_list() -> None:
    cluster = Cluster()
    resize("init-1", "cpu=20m/60m").inject(context(cluster))
    resize("app", "memory=/32Mi").inject(context(cluster))
    (path, one), (_, other) = cluster.patched
    assert path == "/api/v1/namespaces/ns/pods/main/resize"
    wanted = {"requests": {"cpu": "20m"}, "limits": {"cpu": "60m"}}
    assert one == {"spec": {"initContainers": [{"name": "init-1", "resources": wanted}]}}
    assert other == {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "32Mi"}}}]}}
