"""`podvow doctor` against a stub of the API server: what it says, and that it changes nothing."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.api import Api
from podvow.authority import authority
from podvow.cluster.health import read_endpoint
from podvow.cluster.node import ExecResult
from podvow.cluster.process import CommandError
from podvow.cluster.provider import Cluster
from podvow.doctor import Check, admission, approval, capacity, clock, examine, exit_code, lines, to_json
from podvow.errors import ExitCode
from podvow.run import fixture_images
from podvow.safety.approvals import Approval, Approvals
from podvow.safety.identity import Identity, Place
from podvow.scenario.applicable import NAMESPACED
from podvow.scenario.model import Scenario
from podvow.selection import Collected, collect
from podvow.session import Selection, passing_session
from tests.offline.api.stub import Handler, Stub, reply, status
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.preflight.test_preflight import REVIEWS, WORKER, allow
from tests.offline.preflight.test_profile import METRICS, node
from tests.offline.safety.guarded import CONTEXT, certificate, write_kubeconfig
from tests.offline.scenario.fake_api import SERVER, FakeApi

FAST = settings(max_examples=100, deadline=None, derandomize=True)
PODS = "/api/v1/namespaces/default/pods"
NAMESPACES = "/api/v1/namespaces"
IMAGES = [{"names": sorted(fixture_images())}]


@pytest.fixture(scope="module")
def few() -> Collected:
    return collect(Selection(areas=("ordering", "nodes")))


def told(checks: list[Check], name: str) -> dict[str, str]:
    return {check.text: check.level for check in checks if check.name == name}


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


@pytest.fixture
def well(stub: Stub) -> Stub:
    """A cluster in which everything is as it should be."""
    nodes = [node(name) for name in ("n1", "n2")]
    for each in nodes:
        each["metadata"]["labels"] = {}
        each["status"]["images"] = IMAGES
    listed = {"items": [namespace("default"), namespace("kube-system")]}
    stub.always("/version", reply({"gitVersion": "v1.36.3"}))
    stub.always("/readyz", reply("ok"))
    stub.always("/metrics", reply(METRICS))
    stub.always("/api/v1/nodes", reply({"items": nodes}))
    for name in ("n1", "n2"):
        stub.always(f"/api/v1/nodes/{name}/proxy/metrics", reply(METRICS))
        stub.always(f"/api/v1/nodes/{name}/proxy/configz", reply({"kubeletconfig": {"syncFrequency": "1m0s"}}))
    stub.always(NAMESPACES, lambda h: reply({"items": []} if "labelSelector" in h.path else listed)(h))
    stub.always(f"{NAMESPACES}/kube-system", reply({"metadata": {"uid": "u-1"}}))
    stub.always(f"{NAMESPACES}/default", reply(namespace("default")))
    stub.always(PODS, reply({}, 201))
    for kind in ("pods", "resourcequotas", "limitranges"):
        stub.always(f"/api/v1/{kind}", reply({"items": []}))
    return stub


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what the user approved."""
    monkeypatch.setenv("PODVOW_CONFIG", str(tmp_path / "config"))


def grant(identity: Identity, *, days: int = 30, node_faults: bool = False) -> Approval:
    """Approve a cluster, as the user would have nine days ago."""
    now = datetime.now(UTC)
    told: dict[str, Any] = {**identity.to_json(), "context": CONTEXT, "node_faults": node_faults}
    given = Approval(**told, approved=now - timedelta(days=9), expires=now + timedelta(days=days))
    Approvals().add(given)
    return given


def approve(stub: Stub, folder: Path, *, days: int = 30, node_faults: bool = False) -> Approval:
    """Approve the cluster of the stub."""
    place = Place.of(read_endpoint(stub.kubeconfig(folder), "stub"))
    return grant(Identity("u-1", place), days=days, node_faults=node_faults)


def run(stub: Stub, folder: Path, selection: Collected, **fields: Any) -> list[Check]:
    target = {"provider": "existing", "kubeconfig": str(stub.kubeconfig(folder)), "context": "stub"}
    with passing_session(**target, **fields) as session:
        return examine(session, selection)


def test_a_cluster_that_is_well(well: Stub, tmp_path: Path, few: Collected) -> None:
    allow(well)
    approve(well, tmp_path)
    checks = run(well, tmp_path, few)
    bad = [check for check in checks if check.level != "ok"]
    assert [check.name for check in bad] == ["node access"], bad
    assert "tests are not applicable" in bad[0].text, "a cluster without a way onto its nodes is usable"
    assert exit_code(checks) is ExitCode.OK
    named = {check.name for check in checks}
    assert {"versions", "gates", "permissions", "nodes", "images", "capacity", "admission", "quotas"} <= named


def test_it_changes_nothing(well: Stub, tmp_path: Path, few: Collected) -> None:
    allow(well)
    run(well, tmp_path, few)
    changing = [seen for seen in well.seen if seen.verb != "GET"]
    assert {seen.path for seen in changing} == {REVIEWS, NAMESPACES, PODS}
    for seen in changing:
        assert seen.verb == "POST"
        assert seen.path == REVIEWS or seen.params == {"dryRun": "All"}


def test_what_stands_in_the_way_is_an_error_and_exit_code_3(well: Stub, tmp_path: Path, few: Collected) -> None:
    allow(well, "create namespaces")
    well.always(NAMESPACES, status(403, "Forbidden", "no namespaces here"))
    checks = run(well, tmp_path, few)
    assert exit_code(checks) is ExitCode.CLUSTER
    assert any("may not create namespaces" in text for text in told(checks, "permissions"))
    assert told(checks, "admission")["a namespace would be refused: no namespaces here"] == "error"
    assert told(checks, "quotas"), "that it may not ask is an answer too"
    parsed = json.loads(to_json(checks))
    assert (parsed["schema"], parsed["level"], len(parsed["checks"])) == (1, "error", len(checks))


@pytest.mark.parametrize("node_faults", [True, False])
def test_an_approval_is_told_with_its_end_and_what_it_covers(
    well: Stub, tmp_path: Path, few: Collected, *, node_faults: bool
) -> None:
    given = approve(well, tmp_path, node_faults=node_faults)
    checks = run(well, tmp_path, few)
    ((text, level),) = told(checks, "approval").items()
    assert level == "ok"
    assert text.startswith(f"approved until {given.expires:%Y-%m-%d %H:%M} UTC, node faults ")
    command = f"podvow approve --kubeconfig {tmp_path / 'kubeconfig'} --context stub --node-faults"
    if node_faults:
        assert text.endswith("node faults granted")
    else:
        assert f"not granted ({command} grants them)" in text
        assert command in next(iter(told(checks, "node access"))), "why its tests do not apply"


@pytest.mark.parametrize("days", [None, -1])
def test_a_cluster_that_is_not_approved_is_an_error_with_the_command_to_type(
    well: Stub, tmp_path: Path, few: Collected, days: int | None
) -> None:
    allow(well)
    if days is not None:
        approve(well, tmp_path, days=days)
    checks = run(well, tmp_path, few)
    (check,) = (check for check in checks if check.name == "approval")
    assert check.level == "error"
    assert ("not approved" if days is None else "the approval ended at") in check.text
    assert check.hint == f"podvow approve --kubeconfig {tmp_path / 'kubeconfig'} --context stub"
    assert exit_code(checks) is ExitCode.CLUSTER
    assert len(checks) > 10, "everything else is told all the same"


def test_approvals_that_cannot_be_read_approve_nothing(well: Stub, tmp_path: Path, few: Collected) -> None:
    given = approve(well, tmp_path)
    Approvals().path.write_text("{")
    (check,) = (check for check in run(well, tmp_path, few) if check.name == "approval")
    assert (check.level, "nothing is approved" in check.text, given.uid) == ("error", True, "u-1")


MADE = Identity(FakeApi().uid, Place(SERVER, authority(certificate("ours"))))


OURS = Cluster("kind", "c", Path(), CONTEXT, FakeAccess(), identity=MADE)
THEIRS = replace(OURS, provider="existing", identity=None)


@pytest.mark.parametrize(
    ("cluster", "node_faults", "level", "nodes"),
    [
        (OURS, False, "ok", True),
        (replace(OURS, identity=replace(MADE, uid="another")), False, "error", False),
        (replace(OURS, identity=None), False, "error", False),
        (THEIRS, True, "ok", True),
        (THEIRS, False, "ok", False),
        (THEIRS, None, "error", False),
    ],
)
def test_nodes_are_looked_at_only_if_they_may_be_touched(
    tmp_path: Path, cluster: Cluster, *, node_faults: bool | None, level: str, nodes: bool
) -> None:
    cluster = replace(cluster, kubeconfig=write_kubeconfig(tmp_path / "kubeconfig"))
    if node_faults is not None and cluster.provider == "existing":
        grant(MADE, node_faults=node_faults)
    check, seen, why = approval.check_approval(cluster, cast("Any", FakeApi()))
    assert check.level == level, check
    assert (seen.access is not None, not why) == (nodes, nodes)
    assert ("podvow's own" in check.text) == (cluster.provider == "kind" and level == "ok")


def test_a_namespaced_run_asks_for_nothing_on_nodes(well: Stub, tmp_path: Path, few: Collected) -> None:
    allow(well, "get nodes/proxy", "patch nodes/status", "get nodes")
    checks = run(well, tmp_path, few, withheld=dict(NAMESPACED))
    assert list(told(checks, "permissions").values()) == ["ok"]
    assert list(told(checks, "node access").values()) == ["ok"]


def test_refused_pods_are_named_with_what_was_said(api: Api, well: Stub, few: Collected) -> None:
    text = 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'
    well.on(PODS, status(403, "Forbidden", text), status(403, "Forbidden", text.replace("x", "y")))
    checks = list(admission.check_admission(api, few.scenarios))
    (refused,) = (check for check in checks if check.level == "warning")
    assert refused.text.startswith("2 of ")
    assert 'violates PodSecurity "restricted:latest"' in refused.text
    assert "namespace default" in refused.hint
    well.always(PODS, status(403, "Forbidden", text))
    assert [c.level for c in admission.check_admission(api, few.scenarios)].count("error") == 1


def test_warnings_are_shown_and_stand_in_no_way(api: Api, well: Stub) -> None:
    well.always(PODS, reply({}, 201, Warning='299 - "would violate PodSecurity"'))
    checks = list(admission.check_admission(api, [Scenario(pod="bare")]))
    assert {check.level for check in checks} == {"ok"}
    assert any("would violate PodSecurity" in check.text for check in checks)


def test_pods_of_workloads_are_asked_about_as_pods_and_rejected_ones_are_not() -> None:
    scenarios = [
        Scenario(pod="workloads/web"),
        Scenario(pod="bare"),
        Scenario(pod="late", expect_rejection=True),
        Scenario(pod="holder", static=True),
    ]
    found = admission.representative(scenarios)
    assert {name: pod["kind"] for name, pod in found.items()} == {"bare": "Pod", "workloads/web": "Pod"}
    assert all(pod["spec"]["containers"] for pod in found.values())


@pytest.mark.parametrize(
    ("there", "per_node", "level"), [(0, 40, "ok"), (80, 40, "warning"), (110, 40, "error"), (80, 20, "ok")]
)
def test_room_on_a_node(api: Api, stub: Stub, there: int, per_node: int, level: str) -> None:
    pod = {"spec": {"nodeName": "worker"}, "status": {"phase": "Running"}}
    over = {"spec": {"nodeName": "worker"}, "status": {"phase": "Succeeded"}}
    stub.always("/api/v1/pods", reply({"items": [pod] * there + [over] * 50}))
    (check,) = capacity.check_room(api, [WORKER], [Scenario(pod="bare")], per_node)
    assert check.level == level, check


def test_a_quota_that_is_everywhere_comes_to_new_namespaces_too(api: Api, stub: Stub) -> None:
    names = [
        namespace("a"),
        namespace("b"),
        namespace("default"),
        namespace("podvow-1", **{"podvow.dev/managed": "t"}),
    ]
    stub.always(NAMESPACES, reply({"items": names}))
    quota = [{"metadata": {"name": "given", "namespace": where}} for where in ("a", "b")]
    stub.always(
        "/api/v1/resourcequotas", reply({"items": [*quota, {"metadata": {"name": "own", "namespace": "a"}}]})
    )
    stub.always("/api/v1/limitranges", reply({"items": []}))
    (check,) = capacity.check_quotas(api)
    assert (check.level, "ResourceQuota 'given'" in check.text) == ("warning", True)


def test_no_namespaces_have_nothing_in_common() -> None:
    assert capacity.everywhere([{"metadata": {"name": "q", "namespace": "a"}}], []) == []


def test_leftovers_are_named(api: Api, stub: Stub) -> None:
    stub.always(NAMESPACES, reply({"items": [namespace(f"podvow-{n}") for n in range(5)]}))
    (check,) = capacity.check_leftovers(api)
    assert "5 namespaces" in check.text
    assert "podvow recover" in check.hint


def test_a_slow_server_with_a_clock_of_its_own(api: Api, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stub.port
    monkeypatch.setattr(Handler, "date_time_string", lambda *_: formatdate(time.time() - 60, usegmt=True))
    monkeypatch.setattr(clock, "SLOW_S", 0.0)
    latency, skew = clock.check_server(api)
    assert (latency.level, skew.level) == ("warning", "warning")
    assert "the clock of the API server is" in skew.text
    assert "behind this machine's" in skew.text


@FAST
@given(st.floats(0, 1e9), st.floats(0, 30), st.floats(0, 1))
def test_a_clock_that_is_right_never_seems_wrong(now: float, took: float, share: float) -> None:
    assert abs(clock.beyond(float(int(now + share * took)), now, now + took)) < 1e-6


@FAST
@given(st.integers(10, 10**9), st.floats(0, 5), st.floats(10, 1000))
def test_a_clock_that_is_wrong_seems_so_but_for_a_second(now: int, took: float, off: float) -> None:
    ahead, behind = (
        clock.beyond(float(int(now + off)), now, now + took),
        clock.beyond(int(now - off), now, now + took),
    )
    assert off - took - 1.001 <= ahead <= off + 0.001
    assert -off - 0.001 <= behind <= 2.001 - off


class _Nodes:
    """Nodes whose clocks are off by so many seconds, or that do not answer."""

    def __init__(self, **off_s: float | None) -> None:
        self._off_s = off_s

    def exec(self, node: str, argv: Any, **_: Any) -> ExecResult:
        off = self._off_s[node]
        if off is None:
            raise CommandError(argv, 1, b"it is off")
        return ExecResult(0, f"{time.time() + off}".encode(), b"")


def test_clocks_of_nodes() -> None:
    access: Any = _Nodes(a=0.0, b=-300.0)
    checks = list(clock.check_nodes(access, ["a", "b"]))
    assert [check.level for check in checks] == ["ok", "warning", "ok"]
    assert "the clock of b is 300.0 s behind this machine's" in checks[1].text


def test_a_node_on_which_nothing_can_be_run_is_an_error() -> None:
    access: Any = _Nodes(a=0.0, b=None)
    first = next(clock.check_nodes(access, ["a", "b"]))
    assert (first.level, "run on b" in first.text) == ("error", True)


@pytest.mark.parametrize(("heartbeat", "level"), [("12:00:01", "ok"), ("12:00:30", "warning")])
def test_clocks_of_kubelets_without_a_way_onto_their_nodes(heartbeat: str, level: str) -> None:
    told_by = {"manager": "kubelet", "subresource": "status", "time": "2026-01-01T12:00:00Z"}
    raw = {
        "metadata": {"name": "n", "managedFields": [told_by]},
        "status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": f"2026-01-01T{heartbeat}Z"}]},
    }
    (check,) = clock.check_reports([raw])
    assert check.level == level
    assert list(clock.check_reports([{"metadata": {"name": "n"}}])) == []


def test_hints_are_for_what_is_not_well() -> None:
    assert len(list(lines(Check("x", "ok", "fine", "no matter")))) == 1
    assert list(lines(Check("x", "error", "broken", "mend it")))[1].strip() == "→ mend it"
