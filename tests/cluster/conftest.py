"""What the tests with a cluster share: the cluster, and two runs of all suites made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from podvow.cluster import lifecycle
from podvow.cluster.provider import Cluster
from tests.cluster.command import AGAIN, NAME, Run, podvow, run_suites


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return lifecycle.attach(NAME)


@pytest.fixture
def nothing_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration folder of the test's own, in which nothing is approved yet."""
    monkeypatch.delenv("PODVOW_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def approved(cluster: Cluster, nothing_approved: None) -> None:  # noqa: ARG001 - first that, then this
    """The cluster is approved as an existing one, node faults too, in a configuration folder of the test's own."""
    which = ("--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context)
    done = podvow("approve", *which, "--node-faults", "--yes")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def first_run(cluster: Cluster) -> Run:  # noqa: ARG001 - needs it up
    return run_suites()


@pytest.fixture(scope="session")
def second_run(first_run: Run) -> Run:  # noqa: ARG001 - comes after it
    """Some of the suites once more, this time with four xdist workers: the verdicts must not know."""
    return run_suites("-n", "4", *(word for area in AGAIN for word in ("--area", area)))
