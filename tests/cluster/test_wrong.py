"""When things are wrong: clear messages, the exit codes of the contract, nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from podvow.api import MERGE_PATCH, Api
from podvow.cluster import kind
from podvow.cluster.provider import Cluster
from podvow.deadline import Deadline
from podvow.labels import MANAGED_LABEL
from podvow.paths import ROOT
from tests.cluster.begun import begin
from tests.cluster.command import command, judged, podvow


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Api]:
    with Api.connect(cluster.kubeconfig, cluster.context) as connection:
        yield connection


def namespaces(api: Api) -> list[str]:
    items = api.get("/api/v1/namespaces", params={"labelSelector": f"{MANAGED_LABEL}=true"})["items"]
    return [item["metadata"]["name"] for item in items]


def test_an_unknown_context_is_named(cluster: Cluster) -> None:
    done = podvow("run", "--kubeconfig", str(cluster.kubeconfig), "--context", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_an_api_server_that_does_not_answer_is_named(cluster: Cluster, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    text = cluster.kubeconfig.read_text(encoding="utf-8").splitlines()
    lines = [line if "server:" not in line else "    server: https://127.0.0.1:1" for line in text]
    kubeconfig.write_text("\n".join(lines), encoding="utf-8")
    done = podvow("run", "--kubeconfig", str(kubeconfig), "--context", cluster.context)
    assert done.returncode == 3
    assert "Connection refused" in done.stderr
    assert "is the cluster running" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_expired_credentials_are_named(cluster: Cluster, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    raw = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    raw["users"][0]["user"] = {"token": "no-longer-valid"}
    kubeconfig.write_text(yaml.safe_dump(raw), encoding="utf-8")
    done = podvow("run", "--kubeconfig", str(kubeconfig), "--context", cluster.context)
    assert done.returncode == 3
    assert "401" in done.stderr or "credentials" in done.stderr
    assert "no-longer-valid" not in done.stderr + done.stdout


@pytest.mark.usefixtures("approved")
def test_missing_permissions_are_named_one_by_one(cluster: Cluster, api: Api, tmp_path: Path) -> None:
    namespace = "podvow-test-permissions"
    rights = "/apis/rbac.authorization.k8s.io/v1"
    # Enough to tell which cluster it is, and nothing else.
    rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace}
    subject = {"kind": "ServiceAccount", "name": "nobody", "namespace": namespace}
    metadata = {"name": namespace}
    api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    try:
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        api.post(accounts, {"metadata": {"name": "nobody"}})
        api.post(f"{rights}/clusterroles", {"metadata": metadata, "rules": [rule]})
        api.post(f"{rights}/clusterrolebindings", {"metadata": metadata, "roleRef": role, "subjects": [subject]})
        token = api.post(f"{accounts}/nobody/token", {"spec": {}})["status"]["token"]
        kubeconfig = tmp_path / "config"
        raw = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
        raw["users"][0]["user"] = {"token": token}
        kubeconfig.write_text(yaml.safe_dump(raw), encoding="utf-8")
        done = podvow("run", "--kubeconfig", str(kubeconfig), "--context", cluster.context)
    finally:
        for path in (f"{rights}/clusterrolebindings", f"{rights}/clusterroles", "/api/v1/namespaces"):
            api.delete(f"{path}/{namespace}")
    assert done.returncode == 3
    assert "nodes" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_workers_that_take_no_pods_are_named(api: Api) -> None:
    workers = [
        node["metadata"]["name"]
        for node in api.get("/api/v1/nodes")["items"]
        if "node-role.kubernetes.io/control-plane" not in node["metadata"]["labels"]
    ]
    for name in workers:
        api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
    try:
        done = podvow("run")
    finally:
        for name in workers:
            api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": None}}, content_type=MERGE_PATCH)
        # The taint that goes with it is taken off a moment later, by a controller.
        deadline, tick = Deadline.after(30), threading.Event()
        while (
            any(api.get(f"/api/v1/nodes/{name}")["spec"].get("taints") for name in workers) and not deadline.passed
        ):
            tick.wait(0.1)
    assert done.returncode == 3
    assert "schedulable" in done.stderr
    assert namespaces(api) == []


@pytest.mark.usefixtures("approved")
def test_a_cluster_without_node_access_is_judged_by_what_can_be_seen(cluster: Cluster, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    text = cluster.kubeconfig.read_text(encoding="utf-8").replace(cluster.context, "somewhere")
    kubeconfig.write_text(text, encoding="utf-8")
    # Only a kind context makes podvow look for nodes of its own engine; here its network is entered by hand.
    areas = ["--area", "ordering", "--area", "rerun"]
    enter = ["nsenter", "--net=/run/netns/podvow"] if Path("/run/netns/podvow").exists() else []
    done = subprocess.run(
        [*enter, *command("run", "--kubeconfig", kubeconfig, "--context", "somewhere", *areas)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    verdicts: dict[str, set[tuple[str, str]]] = {"ordering": set(), "rerun": set()}
    for scenario in judged(done).results["scenarios"]:
        verdicts[scenario["id"].partition(".")[0]].add((scenario["verdict"], scenario["reason"]))
    no_access = ("not-applicable", "this cluster lacks: node-access")
    assert verdicts["rerun"] == {no_access}
    # Whether a sandbox was replaced, or something ran without a trace, is told by nobody here; everything else is.
    told_by_nobody = {
        ("inconclusive", "same sandbox: no runtime source"),
        ("inconclusive", "init-1, init-2 never ran: no record of trace or runtime"),
    }
    assert verdicts["ordering"] == {("holds", ""), no_access, *told_by_nobody}, done.stdout
    assert done.returncode == 4, done.stdout + done.stderr


@pytest.mark.usefixtures("approved")
def test_a_cluster_of_the_users_is_judged_without_touching_the_current_context(cluster: Cluster) -> None:
    which = ("--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context)
    run = judged(podvow("run", *which, "--area", "validation"))
    assert run.code == 0, run.output
    assert run.results["cluster"]["provider"] == "existing"


@pytest.mark.parametrize("scenario", [False, True], ids=["beginning", "under-way"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_namespace_behind(api: Api, number: signal.Signals, *, scenario: bool) -> None:
    run = begin(api, "run", "--area", "rerun", scenario=scenario)
    run.process.send_signal(number)
    output, _ = run.process.communicate(timeout=240)
    assert run.left(api) == [], output
    assert run.process.returncode in {4, 130}, output
    assert "Traceback" not in output


@pytest.fixture
def mended(cluster: Cluster) -> Iterator[None]:
    """A control plane that stood still must be itself again before anybody else comes: leases, nodes, DNS."""
    assert cluster.access is not None
    yield
    kind.wait(cluster.name, cluster.access)
    done = podvow("recover")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("mended")
def test_a_cluster_that_dies_half_way_gives_open_verdicts_and_a_report(cluster: Cluster, api: Api) -> None:
    control = f"{cluster.name}-control-plane"
    run = begin(api, "run", "--area", "isolation", scenario=True)
    subprocess.run(["docker", "pause", control], check=True, capture_output=True)
    try:
        output, _ = run.process.communicate(timeout=300)
    finally:
        subprocess.run(["docker", "unpause", control], check=True, capture_output=True)
    verdicts = {s["verdict"] for s in run.results["scenarios"]}
    assert run.process.returncode == 4, output
    assert "inconclusive" in verdicts
    assert verdicts <= {"inconclusive", "holds"}, output
    assert "Traceback" not in output
