from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.errors import ClusterUnusableError, ExitCode
from podvow.permissions import FEATURES, Need, needs_of
from podvow.preflight import Finding, check, late, raise_if_unusable
from tests.offline.api.stub import Stub, reply, status

if TYPE_CHECKING:
    from podvow.api import Api

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
NEEDS = needs_of(FEATURES.values())
IMAGES = frozenset({"registry.test/library/busybox:1.36"})
WORKER = NodeProfile("worker", "v1.37.2", ready=True, images=IMAGES)
CONTROL_PLANE = NodeProfile(
    "cp", "v1.37.2", ready=True, taints=("node-role.kubernetes.io/control-plane=:NoSchedule",)
)


def profile(*nodes: NodeProfile, version: str = "v1.37.2") -> ClusterProfile:
    return ClusterProfile(version, nodes or (WORKER, CONTROL_PLANE))


def allow(stub: Stub, *denied: str, admin: bool = False) -> None:
    """Let the permission checks deny the `verb resource` named, and `* *` unless `admin`."""

    original = stub.answer

    def scripted(request: Any) -> Any:
        play = original(request)
        if request.path != REVIEWS:
            return play
        spec = request.body["spec"]
        if "nonResourceAttributes" in spec:
            name = "{verb} {path}".format(**spec["nonResourceAttributes"])
            return reply({"status": {"allowed": name not in denied}}, 201)
        attributes = spec["resourceAttributes"]
        resource = "/".join(filter(None, (attributes["resource"], attributes["subresource"])))
        name = f"{attributes['verb']} {resource}"
        return reply({"status": {"allowed": admin if name == "* *" else name not in denied}}, 201)

    stub.answer = scripted  # type: ignore[method-assign]


@pytest.fixture
def cluster(stub: Stub) -> Stub:
    stub.always("/readyz", reply("ok"))
    for name in ("worker", "other"):
        path = f"/api/v1/nodes/{name}/proxy/stats/summary"
        stub.always(path, reply({"node": {"fs": {"availableBytes": 50 << 30}}}))
    return stub


def texts(findings: list[Finding], level: str) -> list[str]:
    return [finding.text for finding in findings if finding.level == level]


def test_a_good_cluster_has_no_findings(api: Api, cluster: Stub) -> None:
    allow(cluster)
    findings = check(api, profile(), images=["busybox:1.36"])
    assert findings == []
    raise_if_unusable(findings)


def test_an_administrator_is_asked_about_once_and_about_paths(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    assert check(api, profile(), needs=NEEDS) == []
    paths = [need for need in NEEDS if need.permission.is_path]
    assert cluster.count(REVIEWS) == 1 + len(paths)


def test_every_missing_permission_is_named(api: Api, cluster: Stub) -> None:
    allow(cluster, "create namespaces", "watch events", "patch pods", "patch deployments")
    findings = check(api, profile(), needs=NEEDS)
    assert [text.partition(" (")[0] for text in texts(findings, "error")] == [
        "may not watch events",
        "may not create namespaces",
        "may not patch pods",
        "may not patch deployments.apps",
    ]
    with pytest.raises(ClusterUnusableError, match="4 things are missing") as caught:
        raise_if_unusable(findings)
    assert "may not watch events" in str(caught.value)
    assert caught.value.exit_code is ExitCode.CLUSTER


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: str(need.permission))
def test_one_permission_less_is_named_and_no_other(api: Api, cluster: Stub, need: Need) -> None:
    allow(cluster, f"{need.permission.verb} {need.permission.resource}")
    (finding,) = check(api, profile(), needs=NEEDS)
    assert finding.missing == need.permission
    assert f"may not {need.permission}" in finding.text
    assert finding.level == ("warning" if need.lost else "error")


def test_what_the_selection_does_not_need_is_not_asked_for(api: Api, cluster: Stub) -> None:
    allow(cluster, "create pods/eviction", "patch nodes/status")
    needs = needs_of(feature for feature in FEATURES.values() if not feature.name.startswith("fault "))
    assert check(api, profile(), needs=needs) == []


def test_an_optional_permission_says_what_is_lost(api: Api, cluster: Stub) -> None:
    allow(cluster, "get nodes/proxy")
    findings = check(api, profile(), needs=NEEDS)
    assert not texts(findings, "error")
    assert "gates" in texts(findings, "warning")[0]


def test_permissions_that_cannot_be_checked_are_an_error(api: Api, cluster: Stub) -> None:
    cluster.always(REVIEWS, status(403, "Forbidden"))
    assert "permissions cannot be checked" in texts(check(api, profile(), needs=NEEDS), "error")[0]


def test_a_server_that_is_not_ready_ends_the_check(api: Api, cluster: Stub) -> None:
    cluster.always("/readyz", status(401, "Unauthorized"))
    (finding,) = check(api, profile())
    assert "not ready" in finding.text
    assert "log in" in finding.hint


def test_an_old_cluster_is_refused(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    findings = check(api, profile(NodeProfile("worker", "v1.28.9", ready=True), version="v1.28.15-eks"))
    assert texts(findings, "error") == [
        "the API server is too old: v1.28.15-eks",
        "the kubelet of worker is too old: v1.28.9",
    ]
    with pytest.raises(ClusterUnusableError, match="too old"):
        raise_if_unusable(findings)


def test_a_newer_cluster_is_judged_by_the_newest_oracle(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    findings = check(api, profile(WORKER, version="v1.38.0"))
    assert texts(findings, "warning") == ["the API server is newer than podvow: v1.38.0"]
    assert "1.37" in findings[0].hint
    raise_if_unusable(findings)


def test_a_version_that_says_nothing_is_an_error(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    assert "cannot be read" in texts(check(api, profile(version="custom")), "error")[0]


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (NodeProfile("other", "v1.37.2", ready=False), "is not Ready"),
        (NodeProfile("other", "v1.37.2", ready=True, schedulable=False), "is cordoned"),
        (NodeProfile("other", "v1.37.2", ready=True, taints=("a=b:NoExecute",)), "is tainted a=b:NoExecute"),
    ],
)
def test_nodes_that_take_no_pods_do_not_count(api: Api, cluster: Stub, node: NodeProfile, reason: str) -> None:
    allow(cluster, admin=True)
    findings = check(api, profile(WORKER, node), require_nodes=2)
    assert texts(findings, "error") == ["2 node(s) must take Pods, 1 of 2 do"]
    assert reason in next(finding.hint for finding in findings if finding.level == "error")
    assert not texts(check(api, profile(WORKER, node)), "error")
    assert texts(check(api, profile(WORKER, node), chosen=["other"]), "error") == [f"node other {reason}"]


def test_a_chosen_node_that_does_not_exist_is_named(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    findings = check(api, profile(), chosen=["worker", "wroker"])
    assert texts(findings, "error") == ["there is no node wroker"]


def test_missing_images_are_named_unless_they_can_be_pulled(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    findings = check(api, profile(), images=["busybox:1.36", "web:1", "web:2"])
    assert texts(findings, "error") == ["node worker lacks the image(s) web:1, web:2"]
    findings = check(api, profile(), images=["web:1"], may_pull=True)
    assert texts(findings, "warning") == ["node worker lacks the image(s) web:1"]


def test_a_truncated_list_of_images_proves_nothing(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    node = NodeProfile("worker", "v1.37.2", ready=True, images=IMAGES, images_truncated=True)
    assert "cannot be told" in texts(check(api, profile(node), images=["web:1"]), "warning")[0]


def test_somebody_who_knows_better_is_asked_for_images(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    assert check(api, profile(), images=["web:1"], has_image=lambda _node, image: image == "web:1") == []


def test_pressure_is_an_error_and_little_space_a_warning(api: Api, cluster: Stub) -> None:
    allow(cluster, admin=True)
    tight = NodeProfile("worker", "v1.37.2", ready=True, pressures=("DiskPressure",))
    assert texts(check(api, profile(tight)), "error") == ["node worker reports DiskPressure"]
    cluster.always("/api/v1/nodes/worker/proxy/stats/summary", reply({"node": {"fs": {"availableBytes": 1 << 30}}}))
    assert texts(check(api, profile()), "warning") == ["node worker has only 1024 MiB of disk left"]


def test_one_error_is_raised_with_its_hint() -> None:
    with pytest.raises(ClusterUnusableError) as caught:
        raise_if_unusable([Finding("warning", "w"), Finding("error", "broken", "mend it")])
    assert (caught.value.message, caught.value.hint) == ("broken", "mend it")


def _told(*images: str) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": "worker"}, "status": {"images": [{"names": list(images)}]}}]}


def _looks(stub: Stub) -> list[str]:
    return [seen.path for seen in stub.seen if seen.path == "/api/v1/nodes"]


def test_images_that_a_node_tells_of_late_are_waited_for(
    api: Api, stub: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(late, "_POLL_S", 0.0)
    stub.on("/api/v1/nodes", reply(_told()), reply(_told("web:1")))
    assert late.await_images(api, [WORKER], ["web:1"], 20.0) == ["worker"]
    assert len(_looks(stub)) == 2
    assert "worker: images are not told of (yet)" in capsys.readouterr().err


def test_nodes_that_have_their_images_are_not_asked_again(api: Api, stub: Stub) -> None:
    assert late.await_images(api, [WORKER], ["busybox:1.36"]) == []
    assert _looks(stub) == []


def test_images_that_never_come_are_waited_for_no_longer_than_told(
    api: Api, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "_POLL_S", 0.0)
    stub.always("/api/v1/nodes", reply(_told()))
    assert late.await_images(api, [WORKER], ["web:1"], 0.0) == ["worker"]
    assert _looks(stub) == []
