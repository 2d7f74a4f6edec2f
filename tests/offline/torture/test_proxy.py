from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from podvow.api import Api, ApiError, UnreachableError, UntrustedError
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.watch import Watch, WatchEvent
from tests.offline.api.stub import Stub, reply, status, stream
from tests.offline.torture.conftest import CONTEXT
from tests.torture.conversation import kind_of
from tests.torture.disturbances import ALL, PLAIN, Disturbance, Rule, Spell
from tests.torture.effects import Answer, Cut, Delay, Expire, Lines, Range, Reset, Silence, Slow, Truncate
from tests.torture.proxy import Proxy

PODS = "/api/v1/pods"
POD = f"{PODS}/p"
LINES = [json.dumps({"type": "MODIFIED", "object": {"n": n}}).encode() + b"\n" for n in range(20)]
NOW: Range = (0.0, 0.0)
Disturb = Callable[..., None]


def watched(api: Api, timeout_s: float = 5.0) -> list[bytes]:
    return [line + b"\n" for line in api.stream(PODS, {"watch": "1"}, read_timeout_s=timeout_s)]


def test_what_is_not_disturbed_passes_as_it_is(api: Api, stub: Stub, proxy: Proxy) -> None:
    body = {"metadata": {"name": "p"}, "text": "ü" * 100_000}
    stub.always(POD, reply(body))
    stub.always(PODS, stream(*LINES))

    assert api.get(POD, params={"a": "b c"}) == body
    assert api.patch(POD, {"spec": {}}) == body
    assert watched(api) == LINES
    assert [seen.verb for seen in stub.seen] == ["GET", "GET", "PATCH", "GET"]
    assert stub.seen[1].params == {"a": "b c"}
    assert stub.seen[2].body == {"spec": {}}
    assert not proxy.tally.injected


def test_the_real_credentials_take_the_place_of_the_harness_own(api: Api, stub: Stub, proxy: Proxy) -> None:
    stub.always(POD, reply())
    api.get(POD)
    assert {seen.authorization for seen in stub.seen} == {"Bearer real"}
    assert proxy.token not in str(stub.seen)


def test_nobody_without_the_token_reaches_the_server(kubeconfig: Path, stub: Stub, proxy: Proxy) -> None:
    text = kubeconfig.read_text(encoding="utf-8").replace(proxy.token, "guessed")
    kubeconfig.write_text(text, encoding="utf-8")
    with pytest.raises(ClusterUnusableError, match="401"):
        Api.connect(kubeconfig, CONTEXT)
    assert stub.seen == []


def test_refusals_pass_with_their_status(api: Api, stub: Stub) -> None:
    stub.always(POD, status(403, "Forbidden", "no"))
    with pytest.raises(ApiError) as caught:
        api.get(POD)
    assert caught.value.status == 403


def test_nothing_is_disturbed_before_the_first_watch(api: Api, stub: Stub, proxy: Proxy) -> None:
    tally = proxy.begin(Disturbance("test", "", (Rule(ALL, 1.0, Answer(500, "InternalError")),)))
    stub.always(POD, reply())
    stub.always(PODS, stream(*LINES))
    api.get(POD)
    with pytest.raises(ApiError) as caught:
        watched(api)
    assert caught.value.status == 500
    assert tally.injected == {"answer": 1}
    assert tally.requests == {"read": 1, "watch": 1}
    proxy.end()
    assert watched(api) == LINES


def test_a_delay_holds_the_request_back(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(POD, reply())
    disturb(Rule(PLAIN, 1.0, Delay((0.3, 0.3))))
    began = time.monotonic()
    api.get(POD)
    assert time.monotonic() - began >= 0.3


def test_a_reset_before_hides_the_request_from_the_server(api: Api, stub: Stub, disturb: Disturb) -> None:
    disturb(Rule(PLAIN, 1.0, Reset("before")))
    with pytest.raises(UnreachableError):
        api.get(POD, retry=False)
    assert stub.count(POD) == 0


def test_a_reset_after_lets_the_server_do_it(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(PODS, reply({}, 201))
    disturb(Rule(PLAIN, 1.0, Reset("after")))
    with pytest.raises(UnreachableError):
        api.post(PODS, {})
    assert stub.count(PODS) == 1


def test_a_retry_is_counted(api: Api, stub: Stub, proxy: Proxy, disturb: Disturb) -> None:
    stub.always(POD, reply({"a": 1}))
    disturb(Rule(("read",), 0.5, Reset("before")))
    for _ in range(8):
        assert api.get(POD) == {"a": 1}
    assert proxy.tally.injected["reset"] == proxy.tally.retries == api.retries["reset"] > 0


def test_an_answer_that_is_cut_is_no_answer(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(POD, reply({"text": "x" * 5000}))
    disturb(Rule(PLAIN, 1.0, Cut()))
    with pytest.raises(UnreachableError):
        api.get(POD, retry=False)
    assert stub.count(POD) == 1


def test_truncated_json_is_a_proper_answer_that_cannot_be_read(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(POD, reply({"text": "x" * 50}, Content_Type="application/json"))
    disturb(Rule(PLAIN, 1.0, Truncate()))
    with pytest.raises(ApiError, match="not JSON"):
        api.get(POD, retry=False)


def test_a_text_that_is_no_json_is_not_truncated(api: Api, stub: Stub, proxy: Proxy, disturb: Disturb) -> None:
    stub.always(f"{POD}/log", reply("all of it", Content_Type="text/plain"))
    disturb(Rule(PLAIN, 1.0, Truncate()))
    assert api.text(f"{POD}/log") == "all of it"
    assert not proxy.tally.injected


ANSWERS = {
    "too-many": (Answer(429, "TooManyRequests", {"Retry-After": "7"}), "TooManyRequests"),
    "error": (Answer(500, "InternalError"), "InternalError"),
    "page": (Answer(502), "Bad Gateway"),
    "gone": (Answer(410, "Expired"), "Expired"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_proxy_answers_in_the_servers_place(api: Api, stub: Stub, disturb: Disturb, name: str) -> None:
    effect, reason = ANSWERS[name]
    disturb(Rule(PLAIN, 1.0, effect))
    with pytest.raises(ApiError) as caught:
        api.get(POD, retry=False)
    assert (caught.value.status, caught.value.reason) == (effect.status, reason)
    assert caught.value.retry_after_s == (7.0 if name == "too-many" else None)
    assert stub.count(POD) == 0


def test_a_slow_answer_is_whole(api: Api, stub: Stub, disturb: Disturb) -> None:
    body = {"text": "x" * 1000}
    stub.always(POD, reply(body))
    disturb(Rule(PLAIN, 1.0, Slow(100, 0.03)))
    began = time.monotonic()
    assert api.get(POD) == body
    assert time.monotonic() - began >= 0.3


def test_silence_leaves_the_connection_open_without_an_answer(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(POD, reply({"a": 1}))
    disturb(Rule(PLAIN, 1.0, Silence((0.8, 0.8))))
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        api.get(POD, retry=False)
    assert time.monotonic() - began >= 0.8
    assert stub.count(POD) == 1


def test_a_watch_falls_silent(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(PODS, stream(*LINES[:3], then="hang"))
    disturb(Rule(("watch",), 1.0, Silence((30.0, 30.0), after_s=(0.3, 0.3))))
    opened = api.stream(PODS, {"watch": "1"}, read_timeout_s=1.0)
    assert [next(opened) + b"\n" for _ in range(3)] == LINES[:3]
    with pytest.raises(UnreachableError) as caught:
        next(opened)
    assert caught.value.reason == "silent"


def test_a_watch_is_cut_in_the_middle_of_a_line(api: Api, stub: Stub, proxy: Proxy, disturb: Disturb) -> None:
    stub.always(PODS, stream(*LINES))
    disturb(Rule(("watch",), 1.0, Cut(after_s=NOW)))
    with pytest.raises(UnreachableError):
        watched(api)
    assert proxy.tally.injected == {"cut": 1}


def test_a_watch_expires_with_an_event(api: Api, stub: Stub, disturb: Disturb) -> None:
    stub.always(PODS, stream(*LINES[:2], then="hang"))
    disturb(Rule(("watch",), 1.0, Expire((0.2, 0.2))))
    *before, last = watched(api)
    assert before == LINES[:2]
    event = json.loads(last)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_lines_are_dropped_and_repeated_and_nothing_else(
    api: Api, stub: Stub, proxy: Proxy, disturb: Disturb
) -> None:
    stub.always(PODS, stream(*LINES))
    disturb(Rule(("watch",), 1.0, Lines(drop=0.3)))
    dropped = watched(api)
    assert len(dropped) == 20 - proxy.tally.injected["lines"] < 20
    assert [line for line in LINES if line in dropped] == dropped

    disturb(Rule(("watch",), 1.0, Lines(repeat=0.3)))
    repeated = watched(api)
    assert len(repeated) == 20 + proxy.tally.injected["lines"] > 20
    assert list(dict.fromkeys(repeated)) == LINES


def test_lines_come_late_and_in_order(api: Api, stub: Stub, proxy: Proxy, disturb: Disturb) -> None:
    stub.always(PODS, stream(*LINES))
    disturb(Rule(("watch",), 1.0, Lines(late=0.3, late_s=(0.05, 0.05))))
    began = time.monotonic()
    assert watched(api) == LINES
    assert time.monotonic() - began >= 0.05 * proxy.tally.injected["lines"] > 0


def test_a_wrong_certificate_comes_and_goes(api: Api, stub: Stub, proxy: Proxy, disturb: Disturb) -> None:
    stub.always(POD, reply({"a": 1}))
    disturb(trouble="wrong-certificate", spell=Spell(0.0, 1.0))
    eventually(lambda: proxy.tally.injected["wrong-certificate"] == 1)
    with pytest.raises(UntrustedError):
        api.get(POD, retry=False)
    eventually(lambda: served(api))
    assert stub.count(POD) >= 1


def test_nobody_listens_for_a_while(api: Api, stub: Stub, proxy: Proxy, disturb: Disturb) -> None:
    stub.always(POD, reply({"a": 1}))
    port = proxy.port
    disturb(trouble="refused", spell=Spell(0.0, 1.0))
    eventually(lambda: proxy.tally.injected["refused"] == 1)
    with pytest.raises(UnreachableError) as caught:
        api.get(POD, retry=False)
    assert not caught.value.sent
    eventually(lambda: served(api))
    assert proxy.port == port


def test_a_server_that_goes_away_is_passed_on(api: Api, stub: Stub) -> None:
    stub.always(POD, reply())
    api.get(POD)
    stub.down()
    with pytest.raises(UnreachableError):
        api.get(POD, retry=False)
    stub.up()
    assert api.get(POD) == {}


def test_a_stream_that_the_harness_closes_is_closed_towards_the_server(api: Api, stub: Stub) -> None:
    stub.always(PODS, stream(*LINES, then="hang"))
    opened = api.stream(PODS, {"watch": "1"}, read_timeout_s=5.0)
    assert next(opened) + b"\n" == LINES[0]
    opened.close()
    stub.always(POD, reply())
    assert api.get(POD) == {}


def test_a_watch_that_follows_through_a_proxy_that_expires_it_lists_again(
    api: Api, stub: Stub, disturb: Disturb
) -> None:
    pod = {"metadata": {"name": "p", "uid": "u", "resourceVersion": "5"}}
    listing = reply({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": [pod]})
    stub.on(PODS, listing, stream(then="hang"), listing, stream(then="hang"))
    seen: list[WatchEvent] = []
    again = threading.Event()

    def sink(event: WatchEvent) -> None:
        seen.append(event)
        if event.kind == "relisted" and not event.lossless:
            again.set()

    disturb(Rule(("watch",), 1.0, Expire((0.1, 0.1))))
    watch = Watch(api, PODS, sink=sink, name="pods")
    watch.start()
    assert again.wait(10)
    watch.stop()
    assert [e.kind for e in seen][:4] == ["listed", "gap", "listed", "relisted"]


@pytest.mark.parametrize(
    ("verb", "target", "kind"),
    [
        ("GET", "/api/v1/pods?watch=1&resourceVersion=4", "watch"),
        ("GET", "/api/v1/pods?limit=500", "read"),
        ("GET", "/api/v1/namespaces/n/pods/p/log?container=c&follow=true", "log"),
        ("GET", "/api/v1/namespaces/n/pods/p/log?container=c", "read"),
        ("POST", "/api/v1/namespaces", "create"),
        ("PATCH", "/api/v1/namespaces/n/pods/p", "change"),
        ("PUT", "/api/v1/namespaces/n/pods/p", "change"),
        ("DELETE", "/api/v1/namespaces/n", "delete"),
    ],
)
def test_requests_are_told_apart(verb: str, target: str, kind: str) -> None:
    assert kind_of(verb, target) == kind


def served(api: Api) -> bool:
    try:
        return api.get(POD, retry=False) == {"a": 1}
    except ApiError:
        return False


def eventually(met: Callable[[], bool]) -> None:
    deadline, tick = Deadline.after(10), threading.Event()
    while not met():
        assert not deadline.passed
        tick.wait(0.02)
