"""A swapped program on a real node: it runs, and the node gets its own one back, from a killed run too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from podvow.cluster.provider import Cluster
from podvow.faults import controlplane, otherkubelet
from podvow.journal import faultpoint
from podvow.mutants.definition import Target
from podvow.paths import ROOT
from tests.cluster.command import podvow

pytestmark = pytest.mark.cluster

_SWAP = """
import sys
from pathlib import Path
from podvow.cluster.stages import digest
from podvow.mutants import host
from podvow.mutants.build import Program
from podvow.mutants.definition import Target
from podvow.session import new_session

session, target, path = new_session(name=sys.argv[1]), Target(sys.argv[2]), Path(sys.argv[3])
print(session.run_id, flush=True)
found = host.find(session, frozenset({target}))
node = found.nodes[target]
with host.entered(session) as cluster, cluster.borrow(target, node) as seat:
    seat.choose(Program(path, found.versions[target], (), digest(path), target), "a-mutant")
    print(node, seat.panics())
"""
_LOOK = (
    'readlink "/proc/$(pgrep -xo "$1")/exe"; '
    f"ls -d {otherkubelet.DROP_IN} {otherkubelet.FOLDER} {controlplane.FOLDER} 2>/dev/null; true"
)
_POINTS = ("2:before:SIGKILL", "2:after:SIGKILL", "2:undoing:SIGKILL")


@dataclass(frozen=True)
class Swapped:
    """A program of the cluster, and a copy of it: what it does is not the point here."""

    cluster: Cluster
    target: Target
    copy: Path
    own: str

    @property
    def node(self) -> str:
        return f"{self.cluster.name}-{'worker2' if self.target is Target.KUBELET else 'control-plane'}"

    def look(self) -> list[str]:
        assert self.cluster.access is not None
        argv = ["sh", "-c", _LOOK, "sh", self.target[:15]]
        return self.cluster.access.exec(self.node, argv).stdout.decode().split()

    def swap(self, point: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _SWAP, self.cluster.name, self.target, str(self.copy)],
            cwd=ROOT,
            env={**os.environ, faultpoint.VARIABLE: point},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.fixture(params=[Target.KUBELET, Target.SCHEDULER, Target.API_SERVER])
def program(cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Swapped:
    target: Target = request.param
    own = "/usr/bin/kubelet" if target is Target.KUBELET else f"/usr/local/bin/{target}"
    made = Swapped(cluster, target, tmp_path / target, own)
    assert cluster.access is not None
    argv = ["sh", "-c", 'cat "/proc/$(pgrep -xo "$1")/exe"', "sh", target[:15]]
    made.copy.write_bytes(cluster.access.exec(made.node, argv, timeout_s=120).stdout)
    return made


def test_a_swapped_program_runs_and_the_node_has_its_own_afterwards(program: Swapped) -> None:
    done = program.swap()
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[1:] == [program.node, "0"]
    assert program.look() == [program.own]


@pytest.mark.parametrize("point", _POINTS)
def test_a_killed_run_leaves_a_program_that_recover_takes_back(program: Swapped, point: str) -> None:
    killed = program.swap(point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    swapped = program.look()[0] != program.own
    assert swapped is not point.startswith("2:before")
    done = podvow("recover", "--run", killed.stdout.split()[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert program.look() == [program.own]
