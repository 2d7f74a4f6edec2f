"""The check before every injection: what it lets pass, what stops a run for good, and what is only trouble."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import ApiError
from podvow.authority import authority
from podvow.cluster import health
from podvow.cluster.process import CommandError
from podvow.cluster.provider import Cluster
from podvow.errors import ClusterUnusableError, IdentityError, NotApprovedError, UsageError
from podvow.safety import guard as guard_module
from podvow.safety.guard import Guard, admit
from podvow.safety.identity import Identity, Place
from tests.offline.safety.guarded import CONTEXT, Allowed, Machinery, certificate, guarded, write_kubeconfig
from tests.offline.safety.test_approvals import approval
from tests.offline.scenario.fake_api import SERVER, FakeApi

OTHER = "https://10.0.0.1:6443"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "_WRITING_S", 0.05)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def nodes() -> Machinery:
    access = Machinery()
    access.belongs("worker", "ours")
    return access


def stops(guard: Guard, why: str, node: str = "") -> None:
    """Expect that a check stops the run, now and for ever after."""
    with pytest.raises(IdentityError, match=why) as caught:
        guard.check(node)
    assert caught.value.exit_code == 3
    with pytest.raises(IdentityError) as again:
        guard.check()
    assert again.value.message == caught.value.message == guard.stopped


def test_the_right_cluster_passes_with_one_request(tmp_path: Path, api: FakeApi, nodes: Machinery) -> None:
    guard = guarded(tmp_path, api, nodes)
    for count in (1, 2, 3):
        guard.check("worker")
        assert api.requests == {"GET": count}
    assert nodes.asked.count(("worker", "cat /etc/kubernetes/pki/ca.crt")) == 1, "then the machine is enough"
    assert guard.may_undo("worker")
    assert api.requests == {"GET": 3}, "and as long as nothing is wrong, undoing asks nothing"


@pytest.mark.parametrize(
    "changed", [{"server": OTHER}, {"ca": certificate("theirs")}, {"ca": ""}, {"insecure-skip-tls-verify": True}]
)
def test_a_kubeconfig_that_names_another_cluster_stops_it(
    tmp_path: Path, api: FakeApi, changed: dict[str, Any]
) -> None:
    guard = guarded(tmp_path, api)
    guard.check()
    write_kubeconfig(tmp_path / "kubeconfig", **changed)
    stops(guard, "names another cluster now")
    write_kubeconfig(tmp_path / "kubeconfig")
    stops(guard, "names another cluster now")


def test_a_kubeconfig_that_was_only_written_anew_changes_nothing(tmp_path: Path, api: FakeApi) -> None:
    guard = guarded(tmp_path, api)
    guard.check()
    path = tmp_path / "kubeconfig"
    path.write_text("# rotated\n" + path.read_text().replace("secret", "another-secret"))
    guard.check()
    (tmp_path / "new").write_text(path.read_text().replace(SERVER, SERVER + "/"))
    (tmp_path / "new").replace(path)
    guard.check()


def test_an_authority_in_a_file_of_its_own_is_read_each_time(tmp_path: Path, api: FakeApi) -> None:
    guard = guarded(tmp_path, api)
    (tmp_path / "ca.crt").write_text(certificate("ours"))
    write_kubeconfig(tmp_path / "kubeconfig", ca="", **{"certificate-authority": "ca.crt"})
    guard.check()
    guard.check()
    (tmp_path / "ca.crt").write_text(certificate("theirs"))
    stops(guard, "names another cluster now")


@pytest.mark.parametrize("text", ["", "{", "contexts: []", None])
def test_a_kubeconfig_that_does_not_come_back_stops_it(tmp_path: Path, api: FakeApi, text: str | None) -> None:
    guard = guarded(tmp_path, api)
    path = tmp_path / "kubeconfig"
    path.unlink() if text is None else path.write_text(text)
    stops(guard, "no longer tells which cluster is meant")


def test_a_kubeconfig_that_is_just_being_written_is_waited_for(
    tmp_path: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "_WRITING_S", 20)
    guard = guarded(tmp_path, api)
    path = tmp_path / "kubeconfig"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    reads: list[str] = []
    real = health.kubeconfig_text

    def read(file: Path, context: str) -> str:
        reads.append(real(file, context))
        path.write_text(whole)
        return reads[-1]

    monkeypatch.setattr(health, "kubeconfig_text", read)
    guard.check()
    assert [text == whole for text in reads] == [False, True]


def test_another_cluster_behind_the_same_address_stops_it(tmp_path: Path, api: FakeApi) -> None:
    guard = guarded(tmp_path, api)
    api.uid = "uid-of-production"
    stops(guard, "another cluster answers at https://127.0.0.1:6443: its kube-system UID is uid-of-production")
    assert guard.gone
    assert not guard.may_undo()


def test_a_connection_that_leads_elsewhere_stops_it(tmp_path: Path, api: FakeApi) -> None:
    guard = guarded(tmp_path, api)
    api.server_address = OTHER
    stops(guard, "the connection leads to")
    assert guard.gone


def test_after_a_switched_kubeconfig_the_old_connection_may_still_clean_up(
    tmp_path: Path, api: FakeApi, nodes: Machinery
) -> None:
    guard = guarded(tmp_path, api, nodes)
    heard: list[str] = []
    guard.on_stop = lambda: heard.append(guard.stopped)
    write_kubeconfig(tmp_path / "kubeconfig", server=OTHER)
    stops(guard, OTHER)
    assert not guard.gone
    assert guard.may_undo("worker")
    assert heard == [guard.stopped]
    nodes.belongs("worker", "theirs")
    nodes.machines["worker"] = "another"
    assert not guard.may_undo("worker")
    assert guard.may_undo()


@pytest.mark.parametrize("status", [0, 401, 403, 429, 500, 503])
def test_trouble_on_the_way_is_no_mismatch(
    tmp_path: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    guard = guarded(tmp_path, api)

    def fail(*_: Any, **__: Any) -> Any:
        raise ApiError(status, "Trouble")

    with monkeypatch.context() as patch:
        patch.setattr(api, "get", fail)
        with pytest.raises(ApiError, match="Trouble"):
            guard.check()
    assert guard.stopped == ""
    guard.check()


def test_an_approval_that_ends_or_is_taken_back_stops_it(tmp_path: Path, api: FakeApi) -> None:
    allowed = Allowed()
    guard = guarded(tmp_path, api, None, allowed)
    guard.check()
    allowed.refusal = NotApprovedError("the approval ended", hint="approve")
    stops(guard, "the approval ended")
    assert not guard.gone, "it is the same cluster: what was made is taken away"


def test_nodes_need_a_grant_of_their_own(tmp_path: Path, api: FakeApi, nodes: Machinery) -> None:
    guard = guarded(tmp_path, api, nodes, Allowed(nodes=False))
    guard.check()
    stops(guard, "nodes of .* may not be touched", "worker")
    assert nodes.asked == []


def test_a_node_of_another_cluster_stops_it(tmp_path: Path, api: FakeApi, nodes: Machinery) -> None:
    guard = guarded(tmp_path, api, nodes)
    nodes.belongs("worker-2", "theirs")
    stops(guard, "node worker-2 belongs to another cluster", "worker-2")


def test_a_node_that_was_replaced_by_one_of_the_same_name_stops_it(
    tmp_path: Path, api: FakeApi, nodes: Machinery
) -> None:
    guard = guarded(tmp_path, api, nodes)
    guard.check("worker")
    nodes.machines["worker"] = "another"
    stops(guard, "node worker is another machine", "worker")


def test_a_node_that_is_frozen_or_off_is_known_by_its_machine(
    tmp_path: Path, api: FakeApi, nodes: Machinery
) -> None:
    guard = guarded(tmp_path, api, nodes)
    guard.check_nodes(["worker"])
    nodes.files.clear()
    guard.check("worker")


def test_a_node_that_cannot_be_asked_is_trouble(tmp_path: Path, api: FakeApi) -> None:
    guard = guarded(tmp_path, api, Machinery())
    with pytest.raises(CommandError):
        guard.check("worker")
    assert guard.stopped == ""


def test_many_threads_hear_of_one_reason(tmp_path: Path, api: FakeApi) -> None:
    guard = guarded(tmp_path, api)
    heard: list[int] = []
    guard.on_stop = lambda: heard.append(1)
    api.uid = "uid-of-production"
    caught: list[str] = []

    def check() -> None:
        try:
            guard.check()
        except IdentityError as error:
            caught.append(error.message)

    threads = [threading.Thread(target=check) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert heard == [1]
    assert len(caught) == 16
    assert set(caught) == {guard.stopped}


class Store:
    """Approvals that hold what they are given."""

    def __init__(self, *listed: Any) -> None:
        self.listed = list(listed)

    def permit(self, identity: Identity, *, command: str) -> Any:
        if not self.listed or self.listed[0].identity != identity:
            raise NotApprovedError("not approved", hint=command)
        return self.listed[0]


def _cluster(folder: Path, **fields: Any) -> Cluster:
    kubeconfig = write_kubeconfig(folder / "a kubeconfig")
    return replace(Cluster("existing", "theirs", kubeconfig, CONTEXT, None), **fields)


def _identity(api: FakeApi) -> Identity:
    return Identity(api.uid, Place(SERVER, authority(certificate("ours"))))


def _admit(cluster: Cluster, api: FakeApi, *listed: Any) -> Guard:
    return admit(cluster, cast("Any", api), cast("Any", Store(*listed)))


def test_an_existing_cluster_is_let_in_by_its_approval_only(tmp_path: Path, api: FakeApi, nodes: Machinery) -> None:
    cluster = _cluster(tmp_path, access=nodes)
    with pytest.raises(NotApprovedError) as caught:
        _admit(cluster, api)
    assert caught.value.hint == f"podvow approve --kubeconfig '{tmp_path}/a kubeconfig' --context {CONTEXT}"
    guard = _admit(cluster, api, approval(**_identity(api).to_json(), node_faults=True))
    assert guard.cluster.access is nodes
    assert guard.no_nodes == ""
    guard.check("worker")


def test_without_the_second_grant_there_is_no_way_onto_the_nodes(
    tmp_path: Path, api: FakeApi, nodes: Machinery
) -> None:
    guard = _admit(_cluster(tmp_path, access=nodes), api, approval(**_identity(api).to_json()))
    assert guard.cluster.access is None
    assert guard.no_nodes.endswith("--node-faults")
    guard.check()
    stops(guard, "may not be touched", "worker")
    assert nodes.asked == []


def test_a_kind_cluster_is_let_in_if_it_is_the_one_that_was_made(tmp_path: Path, api: FakeApi) -> None:
    ours = _cluster(tmp_path, provider="kind", identity=_identity(api))
    assert _admit(ours, api).identity == _identity(api)
    with pytest.raises(ClusterUnusableError, match=r"did not note[\s\S]*podvow up"):
        _admit(replace(ours, identity=None), api)
    api.uid = "uid-of-production"
    with pytest.raises(IdentityError, match="not the one that podvow made"):
        _admit(ours, api)


def test_a_store_that_breaks_under_a_run_stops_it(
    tmp_path: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = approval(**_identity(api).to_json())
    guard = _admit(_cluster(tmp_path), api, listed)
    guard.check()

    def broken(*_: Any, **__: Any) -> Any:
        raise UsageError("cannot be read, so nothing is approved")

    monkeypatch.setattr(Store, "permit", broken)
    stops(guard, "nothing is approved")
