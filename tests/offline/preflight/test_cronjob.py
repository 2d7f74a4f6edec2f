"""The CronJob has exactly the role that `podvow rbac` prints, reaches its server, and starts only when approved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from podvow import cronjob, permissions, rbac
from podvow.api import Api
from podvow.authority import authority
from podvow.cluster import health
from podvow.errors import ClusterUnusableError, NotApprovedError
from podvow.kubeconfig import read_transport
from podvow.paths import ROOT
from podvow.safety.approvals import Approvals
from podvow.safety.identity import POD_AUTHORITY, Identity, Place, inside_place
from podvow.scenario.applicable import NAMESPACED
from podvow.selection import collect
from podvow.session import Selection
from tests.offline.api.stub import Stub, reply, status
from tests.offline.typed import Typed, type_in

PAGE = ROOT / "docs" / "nightly" / "cronjob.yaml"
WORKFLOW = ROOT / "docs" / "nightly" / "workflow.yaml"
UID = "5f8d1c9e-0000-4000-8000-000000000001"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run the command in this process."""
    return partial(type_in, monkeypatch, capsys)


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = list(yaml.safe_load_all(PAGE.read_text(encoding="utf-8")))
    return loaded


def one(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = one(documents, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def test_the_page_is_what_the_command_prints(typed: Typed) -> None:
    code, told = typed("rbac", "--namespaced", "--profile", "nightly", "--cronjob")
    assert code == 0
    assert told == PAGE.read_text(encoding="utf-8"), "podvow rbac --namespaced --profile nightly --cronjob >PAGE"


def test_its_role_is_the_one_that_a_namespaced_nightly_run_needs(documents: list[dict[str, Any]]) -> None:
    scenarios = collect(Selection(), "nightly").scenarios
    needs = permissions.needs_of(permissions.used_by(scenarios, NAMESPACED))
    assert one(documents, "ClusterRole")["rules"] == rbac.rules_of(need.permission for need in needs)
    assert documents[:4] == rbac.manifests(needs)
    account = one(documents, "ServiceAccount")["metadata"]
    assert one(documents, "ClusterRoleBinding")["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    assert pod(documents)["serviceAccountName"] == account["name"]
    assert pod(documents)["containers"][0]["args"][-1] == "--namespaced"


def test_the_selection_of_the_role_is_the_selection_of_the_run(typed: Typed) -> None:
    code, told = typed(
        "rbac", "--namespaced", "--cronjob", "--area", "ordering", "-k", "not slow", "--image", "i:1"
    )
    assert code == 0
    spec = pod(list(yaml.safe_load_all(told)))
    assert spec["containers"][0]["args"][4:] == ["--namespaced", "--area=ordering", "-knot slow"]
    assert spec["containers"][0]["image"] == "i:1"


def test_without_namespaced_there_is_no_cronjob(typed: Typed) -> None:
    code, told = typed("rbac", "--cronjob")
    assert code == 2
    assert "--cronjob is for a run that stays inside its namespaces" in told


def test_every_volume_is_there_and_nothing_writable_is_shared(documents: list[dict[str, Any]]) -> None:
    spec = pod(documents)
    (container,) = spec["containers"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in spec["volumes"]}
    made = {(d["kind"], d["metadata"]["name"]) for d in documents}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert ("ConfigMap", volumes["kubeconfig"]["configMap"]["name"]) in made
    assert ("PersistentVolumeClaim", volumes["nights"]["persistentVolumeClaim"]["claimName"]) in made
    approval = volumes["approval"]["configMap"]
    assert ("ConfigMap", approval["name"]) not in made, "an approval is given by somebody, never printed"
    assert "optional" not in approval
    assert approval["defaultMode"] & 0o222 == 0
    assert not any(d["kind"] == "Secret" for d in documents)


def test_one_run_at_a_time_that_is_not_repeated_and_may_undo(documents: list[dict[str, Any]]) -> None:
    spec = one(documents, "CronJob")["spec"]
    assert (spec["concurrencyPolicy"], spec["jobTemplate"]["spec"]["backoffLimit"]) == ("Forbid", 0)
    assert pod(documents)["restartPolicy"] == "Never"
    assert pod(documents)["terminationGracePeriodSeconds"] > 300
    assert pod(documents)["securityContext"]["runAsNonRoot"] is True


def test_the_image_is_to_be_set_and_no_registry_is_named(documents: list[dict[str, Any]]) -> None:
    image = pod(documents)["containers"][0]["image"]
    assert image == cronjob.IMAGE
    assert image != image.lower(), "no valid name: a Pod with it does not start"


def test_the_kubeconfig_leads_to_the_cluster_that_the_pod_runs_in(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    text = one(documents, "ConfigMap")["data"]["config"]
    (tmp_path / "token").write_text("first")
    here = text.replace(cronjob.ACCOUNT_FOLDER, str(tmp_path)).replace('"certificate-authority"', '"unused"')
    path = tmp_path / "config"
    path.write_text(here.replace("https://", "http://"))
    assert read_transport(path, cronjob.CONTEXT, 2).authorization() == "Bearer first"
    (tmp_path / "token").write_text("renewed")
    assert read_transport(path, cronjob.CONTEXT, 2).authorization() == "Bearer renewed"
    (tmp_path / "ca.crt").write_text(CA)
    path.write_text(text.replace(cronjob.ACCOUNT_FOLDER, str(tmp_path)))
    place = Place.of(health.read_endpoint(path, cronjob.CONTEXT))
    assert place == Place("https://kubernetes.default.svc:443", authority(CA, verified=True))


# The approval


@pytest.fixture
def server() -> Iterator[Stub]:
    with Stub() as stub:
        stub.always(KUBE_SYSTEM, reply({"metadata": {"name": "kube-system", "uid": UID}}))
        stub.always("/api/v1/nodes", reply({"items": [{}]}))
        stub.always(f"{KUBE_SYSTEM}/configmaps/{POD_AUTHORITY}", reply({"data": {"ca.crt": CA}}))
        yield stub


def test_an_approval_for_pods_is_of_the_same_cluster_at_their_address(
    typed: Typed,
    server: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PODVOW_CONFIG", str(tmp_path / "own"))
    which = ["--kubeconfig", str(server.kubeconfig(tmp_path)), "--context", "stub"]
    given = tmp_path / "given" / "approvals.json"
    given.parent.mkdir()
    code, told = typed("approve", *which, "--in-cluster", str(given))
    assert code == 2, "without a terminal it needs --yes"
    assert not given.exists()
    code, told = typed("approve", *which, "--in-cluster", str(given), "--yes")
    assert (code, "https://kubernetes.default.svc:443" in told, UID in told) == (0, True, True)
    assert Approvals().all() == (), "the user's own approvals are what they were"
    monkeypatch.setenv("PODVOW_CONFIG", str(given.parent))
    inside = Identity(UID, Place("https://kubernetes.default.svc:443", authority(CA, verified=True)))
    assert Approvals().permit(inside, command="").node_faults is False
    with pytest.raises(NotApprovedError):
        Approvals().permit(Identity("another", inside.place), command="")
    assert "secret" not in given.read_text()
    assert json.loads(given.read_text())["approvals"][0]["context"] == cronjob.CONTEXT


def test_node_faults_are_nothing_for_a_pod(typed: Typed, tmp_path: Path) -> None:
    code, told = typed("approve", "--in-cluster", str(tmp_path / "f"), "--node-faults", "--context", "c")
    assert (code, "no way onto the nodes" in told) == (2, True)


@pytest.mark.parametrize(
    "answer", [status(403, "Forbidden", "no"), reply({"data": {}}), reply({"data": {"ca.crt": " "}})]
)
def test_a_cluster_that_does_not_tell_is_not_approved_for_its_pods(tmp_path: Path, answer: Any) -> None:
    with Stub() as stub:
        stub.always(f"{KUBE_SYSTEM}/configmaps/{POD_AUTHORITY}", answer)
        with (
            Api.connect(stub.kubeconfig(tmp_path), "stub") as api,
            pytest.raises(ClusterUnusableError, match="Pods"),
        ):
            inside_place(api)


def test_the_workflow_keeps_nights_and_always_undoes() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    steps = workflow["jobs"]["judge"]["steps"]
    (night,) = [step for step in steps if "scripts/nightly" in step.get("run", "")]
    assert night["run"].startswith("scripts/nightly --up")
    saved = [s for s in steps if "cache" in s.get("uses", "")]
    assert [s["with"]["path"] for s in saved] == ["reports/nights"] * 2
    assert steps[-1]["if"] == "${{ always() }}"
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert "continue-on-error" not in WORKFLOW.read_text(), "a violation makes the night red"
