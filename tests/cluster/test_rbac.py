"""The printed roles are enough, and each of their rules is needed: on a real API server, with an own account."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tenacity
import yaml

from podvow import permissions
from podvow.api import Api, ApiError
from podvow.cluster.provider import Cluster
from podvow.paths import ROOT
from podvow.permissions import FEATURES, Need, Permission, needs_of, used_by
from podvow.preflight.access import check_access
from podvow.rbac import rules_of
from podvow.scenario.applicable import NAMESPACED
from podvow.scenario.placing import Item
from podvow.selection import Collected, collect
from podvow.session import Selection
from tests.cluster.command import podvow

pytestmark = pytest.mark.usefixtures("nothing_approved")
NAME = "podvow-test-rbac"
LABEL = {"podvow.dev/test": "rbac"}
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
AT_MOST_OPEN = 5
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PLACES = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": f"/api/v1/namespaces/{NAME}/serviceaccounts",
    "ClusterRole": ROLES,
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ValidatingAdmissionPolicy": f"{ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{ADMISSION}/validatingadmissionpolicybindings",
}


@dataclass(frozen=True)
class Account:
    """A service account with exactly the printed roles.

    Attributes:
        kubeconfig: lets in with its token.
        context: the context in it.
        rules: the rules of its role.
    """

    kubeconfig: Path
    context: str
    rules: list[dict[str, Any]]

    @property
    def options(self) -> list[str]:
        return ["--kubeconfig", str(self.kubeconfig), "--context", self.context]


@pytest.fixture
def admin(cluster: Cluster) -> Iterator[Api]:
    with Api.connect(cluster.kubeconfig, cluster.context) as connection:
        yield connection
        _remove(connection)


def _remove(api: Api) -> None:
    """Take away whatever carries the label of this test."""
    selector = {"labelSelector": ",".join(f"{key}={value}" for key, value in LABEL.items())}
    for path in (path for kind, path in reversed(PLACES.items()) if kind != "ServiceAccount"):
        for item in api.get(path, params=selector)["items"]:
            with suppress(ApiError):
                api.delete(f"{path}/{item['metadata']['name']}")


def shortest_of_every_feature() -> list[Item]:
    """Return few short tests that together do everything that the table of permissions knows."""
    left = set(FEATURES) - {feature.name for feature in used_by([])}
    chosen = []
    for item in sorted(collect().items, key=lambda each: each.planned.scenario.typical_s):
        does = {feature.name for feature in permissions.features_of(item.planned.scenario)} & left
        if does:
            chosen.append(item)
            left -= does
    assert not left
    return chosen


@pytest.fixture(scope="module")
def choice() -> list[str]:
    claims = sorted({item.claims[0].id for item in shortest_of_every_feature()})
    return [word for name in claims for word in ("--claim", name)]


@pytest.fixture(scope="module")
def selection(choice: list[str]) -> Collected:
    return collect(Selection(claims=tuple(choice[1::2])))


def account(cluster: Cluster, admin: Api, folder: Path, *words: str) -> Account:
    """Apply what `podvow rbac` prints, labelled, and return the way in."""
    done = podvow("rbac", "--name", NAME, "--namespace", NAME, *words)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    _remove(admin)
    _until_gone(admin)
    for manifest in made:
        manifest["metadata"]["labels"] |= LABEL
        admin.post(PLACES[manifest["kind"]], manifest)
    request = {"spec": {"expirationSeconds": 3600}}
    token = admin.post(f"{PLACES['ServiceAccount']}/{NAME}/token", request)["status"]["token"]
    raw = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    raw["users"][0]["user"] = {"token": token}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(raw), encoding="utf-8")
    let_in(kubeconfig, cluster.context)
    return Account(kubeconfig, cluster.context, next(m["rules"] for m in made if m["kind"] == "ClusterRole"))


@tenacity.retry(
    stop=tenacity.stop_after_delay(90),
    wait=tenacity.wait_fixed(0.5),
    retry=tenacity.retry_if_result(lambda r: not r),
)
def _until_gone(api: Api) -> bool:
    try:
        api.get(f"{PLACES['Namespace']}/{NAME}")
    except ApiError as error:
        return error.status == 404
    return False


def let_in(kubeconfig: Path, context: str) -> None:
    """Approve the cluster with faults on its nodes; who asks does not matter, which cluster it is does."""
    which = ("--kubeconfig", str(kubeconfig), "--context", context)
    done = podvow("approve", *which, "--node-faults", "--yes")
    assert done.returncode == 0, done.stderr


def judged(*words: str) -> tuple[subprocess.CompletedProcess[str], Path, dict[str, str]]:
    done = podvow("run", *words, timeout_s=900)
    assert "report " in done.stdout, done.stdout + done.stderr
    folder = ROOT / done.stdout.rpartition("report ")[2].strip().removesuffix("/index.html")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return done, folder, {each["id"]: each["verdict"] for each in results["scenarios"]}


def denied_in(folder: Path) -> list[str]:
    """Return the files of a run in which the API server denies something: by the role, or by the fence."""
    said = (f"system:serviceaccount:{NAME}:{NAME}", "podvow stays inside namespaces")
    files = {path: path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}
    return [str(path) for path, text in files.items() if any(words in text for words in said)]


def test_under_exactly_the_printed_roles_the_verdicts_are_the_same(
    cluster: Cluster, admin: Api, tmp_path: Path, choice: list[str], selection: Collected
) -> None:
    let_in(cluster.kubeconfig, cluster.context)
    _, _, by_admin = judged("--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context, *choice)
    tester = account(cluster, admin, tmp_path, *choice)
    done, folder, by_account = judged(*tester.options, *choice)
    assert by_account == by_admin, done.stdout
    assert set(by_account) == {item.id for item in selection.items}
    assert "not-applicable" not in by_account.values(), "node faults included"
    assert denied_in(folder) == []
    assert done.returncode == 0, done.stdout + done.stderr


@tenacity.retry(
    stop=tenacity.stop_after_delay(30),
    wait=tenacity.wait_fixed(0.2),
    retry=tenacity.retry_if_result(lambda message: "podvow stays inside namespaces" not in message),
)
def _fenced(api: Api) -> str:
    """Wait until the policy is in force: it refuses in another namespace what the role allows."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}}
    try:
        api.post("/api/v1/namespaces/default/configmaps", body, params={"dryRun": "All"})
    except ApiError as error:
        return error.message
    return ""


def test_a_namespaced_run_needs_less_and_says_what_it_leaves_out(
    cluster: Cluster, admin: Api, tmp_path: Path, choice: list[str], selection: Collected
) -> None:
    tester = account(cluster, admin, tmp_path, "--namespaced", "--fence", *choice)
    with Api.connect(tester.kubeconfig, tester.context) as api:
        _fenced(api)
    assert not [rule for rule in tester.rules if "nodes/proxy" in rule.get("resources", ())]
    done, folder, verdicts = judged("--namespaced", *tester.options, *choice)
    left_out = {item.id for item in selection.items if not item.planned.scenario.needs.isdisjoint(NAMESPACED)}
    assert left_out
    assert {name for name, verdict in verdicts.items() if verdict == "not-applicable"} >= left_out
    assert set(verdicts.values()) <= {"holds", "not-applicable", "inconclusive"}, done.stdout
    # Without the nodes' own records and clocks a handful stays open: states that last a second, the same sandbox.
    assert list(verdicts.values()).count("inconclusive") <= AT_MOST_OPEN, done.stdout
    assert "--namespaced stays inside" in (folder / "results.json").read_text(encoding="utf-8")
    assert denied_in(folder) == []


def put_rules(admin: Api, rules: list[dict[str, Any]]) -> None:
    role = admin.get(f"{ROLES}/{NAME}")
    admin.put(f"{ROLES}/{NAME}", {**role, "rules": rules})


@tenacity.retry(
    stop=tenacity.stop_after_delay(20),
    wait=tenacity.wait_fixed(0.05),
    retry=tenacity.retry_if_result(lambda learned: not learned),
)
def _learned(api: Api, need: Need, *, allowed: bool) -> bool:
    """Wait until the API server, which learns of a changed role within moments, answers so about one permission."""
    return (not check_access(api, [need])) is allowed


def missing(api: Api, needs: Sequence[Need]) -> set[Permission | None]:
    return {finding.missing for finding in check_access(api, needs)}


def test_with_one_permission_less_the_preflight_names_exactly_that_one(
    cluster: Cluster, admin: Api, tmp_path: Path, selection: Collected, choice: list[str]
) -> None:
    tester = account(cluster, admin, tmp_path, *choice)
    needs = needs_of(used_by(selection.scenarios))
    every = {need.permission for need in needs}
    assert tester.rules == rules_of(every)
    with Api.connect(tester.kubeconfig, tester.context) as api:
        _learned(api, needs[-1], allowed=True)
        assert missing(api, needs) == set()
        for number, need in enumerate(needs):
            put_rules(admin, rules_of(every - {need.permission}))
            _learned(api, needs[number - 1], allowed=True)
            _learned(api, need, allowed=False)
            assert missing(api, needs) == {need.permission}
    one = Permission("", "pods/eviction", "create")
    put_rules(admin, rules_of(every - {one}))
    done = podvow("doctor", "--json", *tester.options)
    checks = json.loads(done.stdout)["checks"]
    errors = [check["text"] for check in checks if check["level"] == "error"]
    assert done.returncode == 3, done.stdout
    assert any(f"may not {one}" in text for text in errors), errors
