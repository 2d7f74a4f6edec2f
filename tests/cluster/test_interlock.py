"""The interlock on a real cluster: the kind cluster of the tests, used as if it were somebody's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from podvow.api import Api
from podvow.cluster.provider import Cluster
from podvow.timeline import load
from podvow.timeline.record import Kind
from tests.cluster.begun import begin, folders
from tests.cluster.command import judged, podvow
from tests.offline.api.stub import Stub

BY_API = "changing_an_app_image"
FROM_NODE = "when_all_apps_die"


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Api]:
    with Api.connect(cluster.kubeconfig, cluster.context) as connection:
        yield connection


@pytest.fixture
def which(cluster: Cluster) -> list[str]:
    return ["--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context]


@pytest.mark.usefixtures("nothing_approved")
def test_an_existing_cluster_that_nobody_approved_is_refused(which: list[str]) -> None:
    before = folders()
    done = podvow("run", *which, "-k", BY_API)
    assert done.returncode == 3, done.stdout
    assert "is not approved" in done.stderr
    assert f"podvow approve {' '.join(which)}" in done.stderr
    assert folders() == before


@pytest.mark.usefixtures("nothing_approved")
def test_an_approved_cluster_is_used_but_its_nodes_are_not_touched(which: list[str]) -> None:
    done = podvow("approve", *which, "--yes")
    assert done.returncode == 0, done.stderr
    assert "may not go onto its nodes" in done.stdout
    run = judged(podvow("run", *which, "-k", f"{BY_API} or {FROM_NODE}"))
    assert run.results["cluster"]["provider"] == "existing"
    verdicts: dict[str, set[tuple[str, str]]] = {FROM_NODE: set(), BY_API: set()}
    for scenario in run.results["scenarios"]:
        name = FROM_NODE if FROM_NODE.replace("_", "-") in scenario["id"] else BY_API
        verdicts[name].add((scenario["verdict"], scenario["reason"]))
    ((verdict, reason),) = verdicts[FROM_NODE]
    assert verdict == "not-applicable"
    assert reason.startswith("this run does without node-access: node faults are not approved: podvow approve")
    assert reason.endswith("--node-faults")
    # Whether a sandbox was replaced is told by the nodes only; what was judged was not violated.
    assert {verdict for verdict, _ in verdicts[BY_API]} <= {"holds", "inconclusive"}, run.output
    assert run.code in {0, 4}, run.output


@pytest.mark.usefixtures("approved")
def test_with_the_second_grant_node_faults_are_judged_too(which: list[str]) -> None:
    run = judged(podvow("run", *which, "-k", FROM_NODE))
    assert set(run.scenarios.values()) == {"holds"}, run.output
    assert run.code == 0, run.output


@pytest.mark.usefixtures("approved")
def test_an_approval_that_was_taken_back_no_longer_holds(which: list[str], cluster: Cluster) -> None:
    assert podvow("approve", "--revoke", cluster.context).returncode == 0
    done = podvow("run", *which, "-k", BY_API)
    assert done.returncode == 3
    assert "is not approved" in done.stderr


@pytest.mark.usefixtures("approved")
def test_a_kubeconfig_that_is_switched_under_a_run_stops_it_before_the_next_fault(
    cluster: Cluster, api: Api, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    raw = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    kubeconfig.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with Stub() as production:
        where = ("--kubeconfig", kubeconfig, "--context", cluster.context)
        run = begin(api, "run", *where, "--area", "updates", scenario=True)
        raw["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{production.port}"
        (tmp_path / "other").write_text(yaml.safe_dump(raw), encoding="utf-8")
        (tmp_path / "other").replace(kubeconfig)
        switched_ns = time.time_ns()
        output, _ = run.process.communicate(timeout=300)
        assert production.seen == [], "nothing was sent to the other cluster"
    assert run.process.returncode == 3, output
    assert "names another cluster now" in output
    assert f"https://127.0.0.1:{production.port}" in output
    assert "Traceback" not in output
    refused, injected = 0, []
    for path in (run.folder / "evidence").glob("*.jsonl"):
        timeline = load(path)
        refused += any("names another cluster now" in r.data["reason"] for r in timeline.of(Kind.LOST))
        injected += [fault for fault in timeline.faults if fault.done and fault.begin.t_ns > switched_ns]
    assert injected == []
    assert refused > 1
    assert run.left(api) == [], "the connection was the right one all the time: what was made there is gone"


@pytest.mark.usefixtures("nothing_approved")
def test_podvows_own_cluster_needs_no_approval_and_is_known_by_its_identity(cluster: Cluster, api: Api) -> None:
    assert cluster.identity is not None
    assert cluster.identity.uid == api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    done = podvow("run", "-k", BY_API)
    assert done.returncode == 0, done.stdout + done.stderr
