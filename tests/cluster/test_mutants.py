"""A swapped kubelet on a real node: it runs, and the node gets its own one back, from a killed run too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from podvow.cluster.provider import Cluster
from podvow.faults import otherkubelet
from podvow.journal import faultpoint
from podvow.paths import ROOT
from tests.cluster.command import podvow

pytestmark = pytest.mark.cluster

_OWN = "/usr/bin/kubelet"
_SWAP = """
import sys
from pathlib import Path
from podvow.cluster.stages import digest
from podvow.mutants import worker
from podvow.mutants.build import Kubelet
from podvow.session import new_session

session, program = new_session(name=sys.argv[1]), Path(sys.argv[2])
print(session.run_id, flush=True)
node = worker.find(session)
with worker.borrowed(session, node.name) as borrowed:
    borrowed.choose(Kubelet(program, node.kubelet_version, (), digest(program)), "a-mutant")
    print(node.name, borrowed.panics())
"""
_LOOK = (
    "readlink /proc/$(systemctl show kubelet --property=MainPID --value)/exe; "
    f"ls {otherkubelet.DROP_IN} {otherkubelet.FOLDER} 2>/dev/null; true"
)


def node_of(cluster: Cluster) -> str:
    return f"{cluster.name}-worker2"


def look(cluster: Cluster) -> list[str]:
    assert cluster.access is not None
    return cluster.access.exec(node_of(cluster), ["sh", "-c", _LOOK]).stdout.decode().split()


@pytest.fixture
def program(cluster: Cluster, tmp_path: Path) -> Path:
    """A copy of the node's own kubelet: what it does is not the point here."""
    assert cluster.access is not None
    path = tmp_path / "kubelet"
    path.write_bytes(cluster.access.exec(node_of(cluster), ["cat", _OWN], timeout_s=120).stdout)
    return path


def swap(cluster: Cluster, program: Path, point: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _SWAP, cluster.name, str(program)],
        cwd=ROOT,
        env={**os.environ, faultpoint.VARIABLE: point},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_a_swapped_kubelet_runs_and_the_node_has_its_own_afterwards(cluster: Cluster, program: Path) -> None:
    done = swap(cluster, program)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[1:] == [node_of(cluster), "0"]
    assert look(cluster) == [_OWN]


@pytest.mark.parametrize("point", ["2:before:SIGKILL", "2:after:SIGKILL", "2:undoing:SIGKILL"])
def test_a_killed_run_leaves_a_kubelet_that_recover_takes_back(cluster: Cluster, program: Path, point: str) -> None:
    killed = swap(cluster, program, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    swapped = look(cluster)[0] != _OWN
    assert swapped is not point.startswith("2:before")
    done = podvow("recover", "--run", killed.stdout.split()[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert look(cluster) == [_OWN]
