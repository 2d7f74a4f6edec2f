"""What is written to and read from the cluster: the mirror, the pulse, and what holds up a namespace."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import ApiError
from podvow.deadline import Deadline
from podvow.journal import mirror, namespaces
from podvow.journal.entry import Entry, Header
from podvow.journal.holdups import holdups
from podvow.journal.mirror import ClusterMirror, Pulse, load, renewed
from podvow.journal.undo import HealNode
from tests.offline.journal.cluster import World, refused

OWN = "podvow-r1-journal"
SPACE = "podvow-r1-k1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.namespace("r1", "journal")
    return made


def _api(world: World) -> Any:
    return cast("Any", world.api)


def test_a_mirror_keeps_what_is_open_and_can_be_begun_twice(world: World) -> None:
    header = Header("r1", "0", 1, {"name": "podvow"})
    copy = ClusterMirror(_api(world), OWN)
    for _ in range(2):
        copy.begin(header, {"a": "b"})
        world.api.refuse["ConfigMap"] = 409
    entries = [Entry(n, 1, "fault", "w", HealNode("worker"), {"n": n}) for n in (10, 9)]
    for entry in entries:
        copy.put(entry)
    assert load(_api(world), OWN).entries == tuple(reversed(entries))
    copy.drop([9])
    assert load(_api(world), OWN) == mirror.Mirrored(header, (entries[0],))


def test_a_mirror_that_is_not_there_is_empty_and_rubbish_in_it_is_named(world: World) -> None:
    assert load(_api(world), OWN).entries == ()
    ClusterMirror(_api(world), OWN).begin(Header("r1", "0", 1), {})
    path = f"/api/v1/namespaces/{OWN}/configmaps/journal"
    forged = '{"schema": 1, "id": 1, "at_ns": 1, "what": "", "words": "", "undo": {"op": "rm"}, "facts": {}}'
    world.api.patch(path, {"data": {"header": "x", "entry-1": forged, "entry-2": "[" * 9999, "note": "hello"}})
    copy = load(_api(world), OWN)
    assert (copy.header, copy.entries, len(copy.broken)) == (None, (), 3)
    assert "unknown undo 'rm'" in copy.broken[1]
    world.api.go_down()
    with pytest.raises(ApiError):
        load(_api(world), OWN)


def test_a_pulse_is_renewed_until_it_is_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = threading.Semaphore(0)
    real = world.api.patch

    def patch(*args: Any, **more: Any) -> Any:
        beats.release()
        if world.api.down:
            raise refused(503, "lease")
        return real(*args, **more)

    monkeypatch.setattr(world.api, "patch", patch)
    pulse = Pulse(_api(world), OWN, beat_s=0.01)
    pulse.start("r1", {})
    first = renewed(_api(world), OWN)
    for _ in range(2):
        assert beats.acquire(timeout=20)
    assert renewed(_api(world), OWN) > first
    assert mirror.beating(_api(world), {"r1": OWN}, within_s=20) == {"r1"}
    world.api.down = True
    for _ in range(3):
        assert beats.acquire(timeout=20), "a server that is away for a while does not end it"
    pulse.stop()
    assert not any(thread.name == "pulse" for thread in threading.enumerate())


def test_a_lease_that_nobody_renews_is_waited_for_and_a_very_old_one_is_not(world: World) -> None:
    waited: list[float] = []
    Pulse(_api(world), OWN).start("r1", {})
    assert mirror.beating(_api(world), {"r1": OWN}, within_s=45, wait=waited.append) == frozenset()
    assert sum(waited) == 45
    path = f"/apis/coordination.k8s.io/v1/namespaces/{OWN}/leases/journal"
    world.api.patch(path, {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}})
    waited.clear()
    assert mirror.beating(_api(world), {"r1": OWN}, within_s=45, wait=waited.append) == frozenset()
    world.api.delete(path)
    assert mirror.beating(_api(world), {"r1": OWN}, within_s=45, wait=waited.append) == frozenset()
    assert not waited


# namespaces


def test_deletion_is_asked_for_by_uid_and_refusals_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.namespace("r1", "k1")
    seen: list[Any] = []
    real = world.api.delete

    def delete(path: str, body: Any) -> Any:
        seen.append(body)
        return real(path, body)

    monkeypatch.setattr(world.api, "delete", delete)
    assert namespaces.ask(_api(world), SPACE, "r1") == ""
    assert seen[0]["preconditions"] == {"uid": f"uid-namespace-{SPACE}"}
    assert namespaces.ask(_api(world), SPACE, "r1") == "gone"
    world.namespace("r1", "k1")
    assert "labels of this run" in namespaces.ask(_api(world), SPACE, "r2")

    def refuse(path: str, body: object) -> Any:
        del body
        raise refused(403, path)

    monkeypatch.setattr(world.api, "delete", refuse)
    with pytest.raises(ApiError):
        namespaces.ask(_api(world), SPACE, "r1")
    assert namespaces.await_gone(_api(world), [SPACE, "podvow-r1-gone"], Deadline.after(0)) == [SPACE]


def _terminating(world: World, *conditions: tuple[str, str]) -> None:
    world.namespace("r1", "k1")
    raw = world.api.objects["namespaces", "", SPACE]
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    raw["status"] = {"conditions": [{"type": t, "status": "True", "message": m} for t, m in conditions]}


def _pod(world: World) -> dict[str, Any]:
    return world.api.objects["pods", SPACE, "web"]


def test_a_stuck_pod_is_named_with_its_node(world: World) -> None:
    _terminating(world)
    _pod(world)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    _pod(world)["spec"]["nodeName"] = "worker"
    world.api.objects["nodes", "", "worker"]["status"]["conditions"][0]["status"] = "Unknown"
    assert holdups(_api(world), SPACE) == ["pod web: its kubelet has not let it go (node worker has Ready=Unknown)"]
    del world.api.objects["nodes", "", "worker"]
    assert "node worker: " in holdups(_api(world), SPACE)[0]
    del _pod(world)["spec"]["nodeName"]
    assert holdups(_api(world), SPACE) == ["pod web: being deleted"]
    del _pod(world)["metadata"]["deletionTimestamp"]
    assert holdups(_api(world), SPACE) == ["pod web: not deleted yet"]


def test_objects_with_finalizers_are_named_whatever_their_kind(world: World) -> None:
    message = (
        "Some resources are remaining: configmaps. has 1 resource instances, "
        "widgets.example.com has 7 resource instances"
    )
    _terminating(world, ("NamespaceContentRemaining", message))
    _pod(world)["metadata"]["finalizers"] = ["podvow.dev/hold", "example.com/b"]
    metadata = {"name": "kept", "namespace": SPACE, "finalizers": ["example.com/c"]}
    world.api.post(f"/api/v1/namespaces/{SPACE}/configmaps", {"kind": "ConfigMap", "metadata": metadata})
    world.api.canned["/apis/example.com"] = {"preferredVersion": {"version": "v1beta1"}}
    widgets = [{"metadata": {"name": f"w{n}", "finalizers": ["example.com/d"]}} for n in range(7)]
    world.api.canned[f"/apis/example.com/v1beta1/namespaces/{SPACE}/widgets"] = {"items": widgets}
    found = holdups(_api(world), SPACE)
    assert found[:2] == [
        "pod web: finalizer podvow.dev/hold, example.com/b",
        "configmaps kept: finalizer example.com/c",
    ]
    assert found[2] == "widgets.example.com w0: finalizer example.com/d"
    assert found[-1] == "and 2 more widgets.example.com"


def test_an_api_that_does_not_answer_is_named(world: World) -> None:
    _terminating(world, ("NamespaceDeletionDiscoveryFailure", "Discovery failed for some groups, 1 failing"))
    world.api.delete(f"/api/v1/namespaces/{SPACE}/pods/web")
    service = {
        "metadata": {"name": "v1beta1.metrics.example.com"},
        "status": {"conditions": [{"type": "Available", "status": "False", "message": "no endpoints"}]},
    }
    world.api.canned["/apis/apiregistration.k8s.io/v1/apiservices"] = {"items": [service]}
    assert holdups(_api(world), SPACE) == [
        "API v1beta1.metrics.example.com is unavailable: no endpoints",
        "NamespaceDeletionDiscoveryFailure: Discovery failed for some groups, 1 failing",
    ]


def test_a_finalizer_of_the_namespace_and_a_deletion_that_never_was_are_named(world: World) -> None:
    world.namespace("r1", "k1")
    world.api.delete(f"/api/v1/namespaces/{SPACE}/pods/web")
    assert holdups(_api(world), SPACE) == ["its deletion was not asked for, or not accepted"]
    raw = world.api.objects["namespaces", "", SPACE]
    raw["spec"] = {"finalizers": ["kubernetes", "example.com/space"]}
    assert holdups(_api(world), SPACE) == ["finalizer example.com/space on the namespace itself"]
    world.api.go_down()
    assert "nobody listens" in holdups(_api(world), SPACE)[0]


def test_a_kind_that_cannot_be_asked_for_is_told_in_the_controllers_words(world: World) -> None:
    message = "Some resources are remaining: gadgets.example.org has 1 resource instances"
    _terminating(world, ("NamespaceContentRemaining", message))
    world.api.delete(f"/api/v1/namespaces/{SPACE}/pods/web")
    assert holdups(_api(world), SPACE) == [message]
