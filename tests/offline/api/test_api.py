from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from podvow.api import JSON_PATCH, Api, ApiError, SwitchedError, UnreachableError, client
from podvow.errors import ClusterUnusableError, ExitCode, UsageError
from tests.offline.api.stub import Handler, Stub, reply, reset, status, stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PODS = "/api/v1/namespaces/a/pods"


class Signalling(Counter[str]):
    """A counter that tells when it counts."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = threading.Event()

    def __setitem__(self, key: str, value: int) -> None:
        super().__setitem__(key, value)
        self.counted.set()


def test_objects_are_raw_json_and_every_request_is_counted(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"aFieldNoModelKnows": 1}}
    stub.always(f"{PODS}/p", reply(pod))
    stub.always(PODS, reply(pod, 201))

    assert api.get(f"{PODS}/p", params={"a": "b c"}) == pod
    assert api.post(PODS, pod) == pod
    assert api.put(f"{PODS}/p", pod) == pod
    assert api.patch(f"{PODS}/p", {"spec": {}}) == pod
    assert api.patch(f"{PODS}/p", [{"op": "remove"}], content_type=JSON_PATCH) == pod
    assert api.delete(f"{PODS}/p", {"gracePeriodSeconds": 0}) == pod

    assert api.requests == {"GET": 2, "POST": 1, "PUT": 1, "PATCH": 2, "DELETE": 1}
    assert not api.retries
    assert api.version == {"gitVersion": "v1.37.2"}
    assert stub.seen[1].params == {"a": "b c"}
    assert stub.seen[1].authorization == "Bearer secret"
    assert [seen.content_type for seen in stub.seen[4:6]] == [
        "application/strategic-merge-patch+json",
        "application/json-patch+json",
    ]
    assert stub.seen[6].body == {"gracePeriodSeconds": 0}


def test_text_is_returned_as_it_is(api: Api, stub: Stub) -> None:
    stub.always(f"{PODS}/p/log", reply("no json\nat all\n"))
    assert api.text(f"{PODS}/p/log", params={"container": "init"}) == "no json\nat all\n"


def test_a_refusal_carries_the_parsed_status(api: Api, stub: Stub) -> None:
    stub.on(f"{PODS}/p", status(403, "Forbidden", "you may not"))
    with pytest.raises(ApiError) as caught:
        api.get(f"{PODS}/p")
    error = caught.value
    assert (error.status, error.reason) == (403, "Forbidden")
    assert isinstance(error.body, dict)
    assert error.body["message"] == "you may not"
    assert f"GET {PODS}/p 403 Forbidden: you may not" in str(error)
    assert "permission" in error.hint


def test_a_refusal_without_a_status_carries_the_text(api: Api, stub: Stub) -> None:
    stub.on(f"{PODS}/p", reply("<html>proxy says no</html>", 418))
    with pytest.raises(ApiError, match="proxy says no") as caught:
        api.get(f"{PODS}/p")
    assert caught.value.body == "<html>proxy says no</html>"


def test_success_that_is_never_json_is_an_error(api: Api, stub: Stub) -> None:
    stub.always(PODS, reply("<html>log in</html>"))
    with pytest.raises(ApiError, match="not JSON"):
        api.get(PODS, retry=False)


def test_too_many_requests_waits_as_long_as_the_server_asks(api: Api, stub: Stub) -> None:
    stub.on(PODS, status(429, "TooManyRequests", Retry_After="0"), reply({"kind": "Pod"}, 201))
    assert api.post(PODS, {"metadata": {"generateName": "p-"}}) == {"kind": "Pod"}
    assert api.retries == {"429": 1}
    assert api.requests["POST"] == 2


def test_an_eviction_that_a_budget_refuses_is_not_repeated(api: Api, stub: Stub) -> None:
    stub.always(f"{PODS}/p/eviction", status(429, "TooManyRequests", Retry_After="10"))
    with pytest.raises(ApiError) as caught:
        api.post(f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert caught.value.retry_after_s == 10
    assert stub.count(f"{PODS}/p/eviction") == 1


@pytest.mark.parametrize("fault", [status(500, "InternalError"), status(503, "ServiceUnavailable"), reset])
@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get(PODS),
        lambda api: api.put(PODS, {}),
        lambda api: api.patch(PODS, {}),
        lambda api: api.delete(PODS),
    ],
    ids=["get", "put", "patch", "delete"],
)
def test_repeatable_requests_survive_a_fault(
    api: Api,
    stub: Stub,
    fault: Callable[[Handler], None],
    call: Callable[[Api], dict[str, Any]],
) -> None:
    stub.on(PODS, fault, reply({"kind": "fine"}))
    assert call(api) == {"kind": "fine"}
    assert api.retries.total() == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.post(PODS, {"metadata": {"generateName": "p-"}}),
        lambda api: api.post(f"{PODS}/p/eviction", {"metadata": {"name": "p"}}),
        lambda api: api.patch(PODS, [], content_type=JSON_PATCH),
    ],
    ids=["generated name", "subresource", "json patch"],
)
@pytest.mark.parametrize("fault", [status(500, "InternalError"), reset])
def test_requests_that_may_act_twice_are_not_repeated(
    api: Api,
    stub: Stub,
    fault: Callable[[Handler], None],
    call: Callable[[Api], dict[str, Any]],
) -> None:
    for path in (PODS, f"{PODS}/p/eviction"):
        stub.on(path, fault)
        stub.always(path, reply({}))
    with pytest.raises(ApiError):
        call(api)
    assert not api.retries


def test_a_named_object_whose_creation_lost_its_answer_is_found(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}}}
    made = {"metadata": {"name": "p", "labels": {"run": "1", "more": "x"}, "uid": "u"}}
    stub.on(PODS, reset, status(409, "AlreadyExists"))
    stub.on(f"{PODS}/p", reply(made))
    assert api.post(PODS, pod) == made


def test_a_named_object_of_somebody_else_is_a_conflict(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}}}
    stub.on(PODS, reset, status(409, "AlreadyExists"))
    stub.on(f"{PODS}/p", reply({"metadata": {"name": "p", "labels": {"run": "2"}}}))
    with pytest.raises(ApiError, match="AlreadyExists"):
        api.post(PODS, pod)


def test_an_object_that_existed_before_is_a_conflict_at_once(api: Api, stub: Stub) -> None:
    stub.on(PODS, status(409, "AlreadyExists"))
    with pytest.raises(ApiError) as caught:
        api.post(PODS, {"metadata": {"name": "p", "labels": {"run": "1"}}})
    assert caught.value.status == 409
    assert api.requests["POST"] == 1


def test_a_deletion_that_lost_its_answer_has_happened(api: Api, stub: Stub) -> None:
    stub.on(f"{PODS}/p", reset, status(404, "NotFound"))
    assert api.delete(f"{PODS}/p")["status"] == "Success"
    stub.on(f"{PODS}/p", status(404, "NotFound"))
    with pytest.raises(ApiError, match="NotFound"):
        api.delete(f"{PODS}/p")


def test_a_server_that_comes_back_is_awaited_by_any_request(api: Api, stub: Stub) -> None:
    retries = Signalling()
    api.retries = retries
    stub.always(PODS, reply({"kind": "made"}, 201))
    stub.down()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.post, PODS, {"metadata": {"generateName": "p-"}})
        assert retries.counted.wait(10)
        stub.up()
        assert answer.result(10) == {"kind": "made"}
    assert set(retries) <= {"refused", "reset"}


def test_patience_ends(api: Api, stub: Stub) -> None:
    stub.down()
    api.patience_s = 0.0
    with pytest.raises(UnreachableError) as caught:
        api.get(PODS)
    assert caught.value.status == 0
    assert not caught.value.sent
    assert caught.value.exit_code is ExitCode.CLUSTER


def test_a_connection_that_hangs_does_not_use_up_the_patience(api: Api, stub: Stub) -> None:
    api.read_s = api.patience_s = 0.2
    stub.on(PODS, stream(then="hang"), reply({"kind": "PodList"}))
    assert api.get(PODS) == {"kind": "PodList"}
    assert api.retries == {"no answer": 1}


def test_nor_does_it_go_on_for_ever(api: Api, stub: Stub) -> None:
    api.read_s = api.patience_s = 0.2
    stub.always(PODS, stream(then="hang"))
    with pytest.raises(UnreachableError, match="no answer"):
        api.get(PODS)
    assert stub.count(PODS) == 2


def test_whether_it_is_there_is_asked_shortly(api: Api, stub: Stub) -> None:
    stub.on("/version", stream(then="hang"), status(403, "Forbidden"), reply({"gitVersion": "v1"}))
    with pytest.raises(UnreachableError, match="no answer"):
        api.answers(0.2)
    with pytest.raises(ApiError, match="Forbidden"):
        api.answers(0.2)
    api.answers(0.2)


def test_closing_ends_the_waiting_of_other_threads(api: Api, stub: Stub) -> None:
    retries = Signalling()
    api.retries = retries
    api.patience_s = 60.0
    stub.always(PODS, status(503, "ServiceUnavailable", Retry_After="10"))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.get, PODS)
        assert retries.counted.wait(10)
        api.close()
        assert isinstance(answer.exception(5), ApiError)


def test_many_threads_share_the_pool(api: Api, stub: Stub) -> None:
    stub.always(PODS, reply({"kind": "PodList"}))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: api.get(PODS), range(100)))
    assert api.requests["GET"] == 101
    assert stub.count(PODS) == 100


def test_lines_arrive_whole_however_they_are_cut(api: Api, stub: Stub) -> None:
    text = b'{"a": "\xc3\xa4"}\n{"b": 2}\r\n\n{"c": 3}'
    stub.on(PODS, stream(*(text[i : i + 1] for i in range(len(text)))))
    assert list(api.stream(PODS, {"watch": "1"}, read_timeout_s=5)) == [
        '{"a": "ä"}'.encode(),
        b'{"b": 2}\r',
        b'{"c": 3}',
    ]
    assert api.requests["WATCH"] == 1


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_broken_stream_says_so_after_its_whole_lines(api: Api, stub: Stub, end: str) -> None:
    stub.on(PODS, stream(b"one\n", b"two\nthr", then=end))
    lines: list[bytes] = []
    with pytest.raises(UnreachableError):
        lines.extend(api.stream(PODS, read_timeout_s=5))
    assert b"thr" not in lines


def test_a_silent_stream_times_out(api: Api, stub: Stub) -> None:
    stub.on(PODS, stream(b"one\n", then="hang"))
    lines = api.stream(PODS, read_timeout_s=0.1)
    assert next(lines) == b"one"
    with pytest.raises(UnreachableError, match="silent"):
        next(lines)


def test_closing_a_stream_wakes_its_reader(api: Api, stub: Stub) -> None:
    stub.on(PODS, stream(b"one\n", then="hang"))
    lines = api.stream(PODS, read_timeout_s=20)
    assert next(lines) == b"one"
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, lines)
        lines.close()
        assert rest.result(5) == []
    assert not api._streams


def test_closing_the_connection_closes_its_streams(api: Api, stub: Stub) -> None:
    stub.on(PODS, stream(b"one\n", then="hang"))
    lines = api.stream(PODS, read_timeout_s=20)
    api.close()
    assert list(lines) == []


def test_a_refused_stream_is_an_api_error(api: Api, stub: Stub) -> None:
    stub.on(PODS, status(410, "Expired", "too old resource version"))
    with pytest.raises(ApiError) as caught:
        api.stream(PODS, read_timeout_s=5)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")


def test_expired_credentials_are_read_again_once(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_RENEW_EVERY_S", 0.0)
    token = tmp_path / "token"
    token.write_text("old")
    with Api.connect(stub.kubeconfig(tmp_path, {"tokenFile": str(token)}), "stub") as api:
        token.write_text("new")
        stub.on(PODS, status(401, "Unauthorized"), reply({"kind": "fine"}))
        assert api.get(PODS) == {"kind": "fine"}
        assert [seen.authorization for seen in stub.seen[1:]] == ["Bearer old", "Bearer new"]
        stub.always(PODS, status(401, "Unauthorized"))
        with pytest.raises(ApiError, match="log in"):
            api.get(PODS)


def test_renewed_credentials_are_not_sent_to_another_cluster(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_RENEW_EVERY_S", 0.0)
    file = stub.kubeconfig(tmp_path)
    with Stub() as other, Api.connect(file, "stub") as api:
        stub.always(PODS, status(401, "Unauthorized"))
        file.write_text(file.read_text().replace(str(stub.port), str(other.port)))
        for ask in (lambda: api.get(PODS), lambda: api.stream(PODS, read_timeout_s=5), lambda: api.post(PODS, {})):
            with pytest.raises(SwitchedError, match=f"names http://127.0.0.1:{other.port}") as caught:
                ask()
            assert caught.value.status == 401
        assert other.seen == []
        assert api.server_address.endswith(str(stub.port))
        file.write_text(file.read_text().replace(str(other.port), str(stub.port)))
        stub.on(PODS, status(401, "Unauthorized"), reply({"kind": "fine"}))
        assert api.get(PODS) == {"kind": "fine"}


def test_expired_credentials_at_the_start_say_what_to_do(stub: Stub, tmp_path: Path) -> None:
    stub.always("/version", status(401, "Unauthorized"))
    with pytest.raises(ClusterUnusableError, match=r"401 Unauthorized[\s\S]*log in"):
        Api.connect(stub.kubeconfig(tmp_path), "stub")


def test_a_cluster_that_is_down_is_reported(stub: Stub, tmp_path: Path) -> None:
    stub.down()
    with pytest.raises(ClusterUnusableError, match=r"refused[\s\S]*is the cluster running"):
        Api.connect(stub.kubeconfig(tmp_path), "stub", connect_patience_s=0.0)


def test_the_credential_plugin_is_asked_and_its_failure_reported(stub: Stub, tmp_path: Path) -> None:
    answer = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}'
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", f"echo '{answer}'"]}
    with Api.connect(stub.kubeconfig(tmp_path, {"exec": plugin}), "stub"):
        assert stub.seen[0].authorization == "Bearer t"
    plugin["args"] = ["-c", "echo session expired >&2; exit 7"]
    with pytest.raises(ClusterUnusableError, match=r"returned 7. session expired"):
        Api.connect(stub.kubeconfig(tmp_path, {"exec": plugin}), "stub")


def test_an_unknown_context_names_the_known_ones(stub: Stub, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contexts in it: stub"):
        Api.connect(stub.kubeconfig(tmp_path), "prod")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "[1, 2]",
        "{unclosed",
        "clusters: 3",
        "contexts: [{name: stub}]",
        "contexts: [{name: stub, context: {cluster: c}}]\nclusters: [{name: c}]",
        (
            "contexts: [{name: stub, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://127.0.0.1', certificate-authority: nowhere}}]"
        ),
        (
            "contexts: [{name: stub, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://127.0.0.1', certificate-authority-data: a}}]"
        ),
        (
            "contexts: [{name: stub, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://[::1]', certificate-authority-data: Z2FyYmFnZQ==}}]"
        ),
        (
            "contexts: [{name: stub, context: {cluster: c, user: u}}]\n"
            "users: [{name: u, user: {client-certificate-data: Z2FyYmFnZQ==, client-key-data: Z2FyYmFnZQ==}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://127.0.0.1'}}]"
        ),
    ],
)
def test_a_broken_kubeconfig_is_the_users_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(UsageError):
        Api.connect(file, "stub")


def test_a_missing_kubeconfig_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        Api.connect(tmp_path / "nowhere", "stub")


def test_a_proxy_of_the_environment_is_not_used_on_the_loopback_interface(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Api.connect(stub.kubeconfig(tmp_path), "stub", connect_patience_s=0.0) as api:
        assert api.server_address == f"http://127.0.0.1:{stub.port}"


def test_importing_the_module_does_not_import_the_client() -> None:
    code = "import sys, podvow.api; sys.exit('kubernetes' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_object_that_a_lost_request_made_is_not_asked_for_again(api: Api, stub: Stub) -> None:
    # A second request is refused, but admission has charged it to the quota by then.
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}}}
    stub.on(PODS, reset)
    stub.on(f"{PODS}/p", reply(pod))
    assert api.post(PODS, pod) == pod
    assert stub.count(PODS) == 1
    assert not api.asked_again


def test_an_object_that_cannot_be_looked_for_now_is_looked_for_later(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}}}
    stub.on(PODS, reset)
    stub.on(f"{PODS}/p", status(500, "InternalError"), status(429, "TooManyRequests"), reset, reply(pod))
    assert api.post(PODS, pod) == pod
    assert stub.count(PODS) == 1


def test_who_may_not_look_asks_again(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}, "uid": "u"}}
    stub.on(PODS, reset, reply(pod))
    stub.on(f"{PODS}/p", status(403, "Forbidden"))
    assert api.post(PODS, pod) == pod


@pytest.mark.parametrize(
    ("code", "message", "by_authorizer"),
    [
        (
            403,
            'pods "p" is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "n"',
            True,
        ),
        (
            403,
            'pods "p" is forbidden: exceeded quota: quota, requested: pods=1, used: pods=5, limited: pods=5',
            False,
        ),
        (403, 'pods "p" is forbidden: violates PodSecurity "baseline:latest": privileged', False),
        (422, 'User "u" cannot create resource "pods"', False),
    ],
)
def test_who_may_not_is_told_from_what_may_not_be(code: int, message: str, *, by_authorizer: bool) -> None:
    assert ApiError(code, "Forbidden", {"message": message}).by_authorizer is by_authorizer


def test_an_object_that_was_asked_for_twice_is_remembered(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}, "uid": "u"}}
    stub.on(PODS, reset, reply(pod))
    stub.on(f"{PODS}/p", status(404, "NotFound"))
    assert api.post(PODS, pod) == pod
    assert api.asked_again == {"u"}


def test_a_dry_run_whose_answer_was_lost_is_asked_for_again(api: Api, stub: Stub) -> None:
    pod = {"metadata": {"name": "p", "labels": {"run": "1"}}}
    stub.on(PODS, reset, reply({"kind": "judged"}))
    assert api.post(PODS, pod, params={"dryRun": "All"}) == {"kind": "judged"}
    assert stub.count(f"{PODS}/p") == 0


@pytest.mark.parametrize("half", ['{"items": [{"metada', "[1, 2]"])
def test_an_answer_that_broke_off_is_asked_for_again(api: Api, stub: Stub, half: str) -> None:
    stub.on(PODS, reply(half), reply({"items": []}))
    assert api.get(PODS) == {"items": []}
    assert api.retries == {"not JSON": 1}


def test_what_must_not_be_repeated_is_not_when_its_answer_cannot_be_read(api: Api, stub: Stub) -> None:
    stub.on(f"{PODS}/p/eviction", reply("{", 201))
    with pytest.raises(ApiError, match="not JSON"):
        api.post(f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert stub.count(f"{PODS}/p/eviction") == 1
