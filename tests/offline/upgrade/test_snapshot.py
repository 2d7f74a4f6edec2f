"""What is read of survivors, and that a snapshot comes back from its file as it was."""

from __future__ import annotations

import json

import pytest

from podvow.errors import UsageError
from podvow.upgrade.reading import node_of, pod_of, take
from podvow.upgrade.snapshot import SCHEMA, parse
from tests.offline.upgrade.build import pod, raw_pod, taken

LOG = """\
podvow 100.00 app 1 start
podvow 101.00 app 1 say tick
podvow 102.00 app 1 exit 1
podvow 200.00 app 2 start
podvow 201.00 app 2 say tick
podvow 211.00 app 2 say tick
not of the trace
podvow 241.50 app 2 say tick
podvow 400.00 app 2 say something else
"""


def log(_: str, container: str) -> str:
    return LOG if container == "app" else "podvow 50.00 init-1 1 start\npodvow 51.00 init-1 1 exit 0\n"


def test_a_survivor_is_known_by_its_ids_and_its_trace() -> None:
    seen = pod_of(raw_pod("three"), log)
    assert (seen.uid, seen.shape, seen.node, seen.owner, seen.unsettled) == ("uid-three", "three", "worker", "", "")
    init, side, app = seen.containers
    assert [c.kind for c in seen.containers] == ["init", "sidecar", "app"]
    assert (init.id, init.exit_code, init.begun_s, init.ended_s) == ("aaa", 0, 50.0, 51.0)
    assert (side.id, side.state, side.runs) == ("", "waiting", None), "it has no container yet"
    assert (app.id, app.restarts, app.state, app.started) == ("bbb", 2, "running", "2026-01-01T00:00:09Z")
    assert (app.runs, app.begun_s, app.ended_s, app.last_s) == (2, 200.0, None, 400.0)
    assert app.silence_s == 30.5, "of its last run, between ticks"
    assert seen.trace[-1] == "400.00 app 2 say something else"


def test_owners_are_controllers_and_a_static_pods_is_its_node() -> None:
    raw = raw_pod("x")
    raw["metadata"]["ownerReferences"] = [
        {"kind": "Other", "controller": False},
        {"kind": "Job", "controller": True},
    ]
    assert pod_of(raw, log).owner == "Job"
    raw["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "hash"
    assert pod_of(raw, log).owner == "Node"


@pytest.mark.parametrize("text", ["", "podvow x app 1 start", "podvow 1.0 app one start", "podvow 1.0"])
def test_a_log_that_cannot_be_read_tells_nothing(text: str) -> None:
    app = pod_of(raw_pod("x"), lambda *_: text).containers[-1]
    assert (app.runs, app.begun_s, app.silence_s) == (None, None, 0.0)


def test_a_node_is_known_by_machine_boot_and_versions() -> None:
    info = {
        "machineID": "m",
        "bootID": "b",
        "kubeletVersion": "v1.36.3",
        "containerRuntimeVersion": "containerd://2",
    }
    ready = [{"type": "Ready", "status": "True"}]
    raw = {"metadata": {"name": "n", "uid": "u"}, "status": {"nodeInfo": info, "conditions": ready}}
    seen = node_of(raw)
    assert (seen.machine_id, seen.boot_id, seen.kubelet, seen.runtime, seen.ready) == (
        "m",
        "b",
        "v1.36.3",
        "containerd://2",
        True,
    )
    assert not node_of({"metadata": {"name": "n"}}).ready


def test_a_snapshot_comes_back_as_it_was_and_without_traces_into_the_cluster() -> None:
    made = take("u1", "v1.36.3", [], [raw_pod("b"), raw_pod("a")], log)
    assert [each.name for each in made.pods] == ["a", "b"]
    raw = json.loads(made.to_json())
    assert raw.pop("schema") == SCHEMA
    assert parse(raw, where="file") == made
    assert made.pods[0].trace
    small = json.loads(made.to_json(trace=False))
    assert [each["trace"] for each in small["pods"]] == [[], []]


def test_a_broken_snapshot_is_refused_by_place() -> None:
    raw = json.loads(taken(pod()).to_json())
    del raw["schema"], raw["pods"][0]["uid"]
    with pytest.raises(UsageError, match=r"file: broken snapshot(.|\n)*pods\.0\.uid"):
        parse(raw, where="file")
