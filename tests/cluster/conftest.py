"""What the tests with a cluster share: the cluster, and two runs of all suites made once for all tests."""

from __future__ import annotations

import pytest

from podvow.cluster import lifecycle
from podvow.cluster.provider import Cluster
from tests.cluster.command import Run, run_suites


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return lifecycle.attach()


@pytest.fixture(scope="session")
def first_run(cluster: Cluster) -> Run:  # noqa: ARG001 - needs it up
    return run_suites()


@pytest.fixture(scope="session")
def second_run(first_run: Run) -> Run:  # noqa: ARG001 - comes after it
    """The same suites once more, this time with four xdist workers: the verdicts must not know."""
    return run_suites("-n", "4")
