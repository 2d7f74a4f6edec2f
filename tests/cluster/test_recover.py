"""The harness killed for real in the middle of a node fault: `podvow recover` leaves the cluster as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from podvow.api import Api
from podvow.cluster.node import NodePower
from podvow.cluster.provider import Cluster
from podvow.journal import faultpoint
from podvow.journal.reading import is_closed, read
from podvow.labels import MANAGED
from podvow.paths import REPORTS, ROOT
from tests.cluster.command import command

pytestmark = pytest.mark.cluster

KUBELET_DOWN = "test_under_never_an_app_that_dies_while_the_kubelet_is_down_stays_dead"
NETWORK_BROKEN = "test_a_pod_comes_up_once_the_network_of_its_node_is_healed"
_LOOK = (
    "systemctl is-active kubelet containerd; ls /etc/systemd/system /run/systemd/system; "
    "sha256sum /etc/cni/*/* /etc/kubernetes/manifests/* 2>/dev/null; true"
)


def state(cluster: Cluster, run: str = "") -> dict[str, Any]:
    """Return what a run can change, looked at without the harness's own audit."""
    found: dict[str, Any] = {}
    assert cluster.access is not None
    with Api.connect(cluster.kubeconfig, cluster.context) as api:
        for raw in api.get("/api/v1/nodes")["items"]:
            name, access = raw["metadata"]["name"], cluster.access
            assert isinstance(access, NodePower)
            life = access.life(name)
            found[name] = {
                "on": (life.running, life.frozen),
                "looks": cluster.access.exec(name, ["sh", "-c", _LOOK]).stdout.decode(),
                "labels": raw["metadata"]["labels"],
                "taints": raw["spec"].get("taints"),
                "cordon": raw["spec"].get("unschedulable"),
                "resources": sorted(raw["status"]["capacity"]),
            }
        spaces = api.get("/api/v1/namespaces", params=MANAGED)["items"]
        found["namespaces"] = [raw["metadata"]["name"] for raw in spaces if run and run in raw["metadata"]["name"]]
    return found


def _podvow(*args: str, point: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, faultpoint.VARIABLE: point}
    return subprocess.run(
        command(*args), cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )


def _runs() -> set[Path]:
    return set((REPORTS / "runs").glob("*/journal.jsonl"))


@pytest.mark.parametrize(
    ("scenario", "point"),
    [
        (KUBELET_DOWN, "2:after:SIGKILL"),
        (KUBELET_DOWN, "3:before:SIGKILL"),
        (KUBELET_DOWN, "3:after:SIGKILL"),
        (KUBELET_DOWN, "3:undoing:SIGKILL"),
        (NETWORK_BROKEN, "3:after:SIGKILL"),
    ],
    ids=[
        "namespace-made",
        "kubelet-not-yet-stopped",
        "kubelet-stopped",
        "kubelet-about-to-be-healed",
        "no-network",
    ],
)
def test_a_run_that_is_killed_is_recovered_by_recoveries_that_are_killed_too(
    cluster: Cluster, scenario: str, point: str
) -> None:
    before, runs = state(cluster), _runs()
    killed = _podvow("run", "-k", scenario, point=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    (journal,) = _runs() - runs
    assert read(journal).open
    run = journal.parent.name
    for number in (1, 2):
        again = _podvow("recover", "--run", run, point=f"{number}:undoing:SIGKILL")
        assert again.returncode == -signal.SIGKILL, again.stderr[-2000:]
    began = time.monotonic()
    done = _podvow("recover", "--run", run, "--json")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["leaks"] == []
    assert is_closed(journal)
    assert state(cluster, run) == before
    print(f"\n{point}: recovered in {time.monotonic() - began:.1f} s")  # noqa: T201 (shown with -s)
