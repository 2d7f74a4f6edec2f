"""Tables of requests: how a case becomes a request, what is sent for real, what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import Api, ApiError, UnreachableError
from podvow.errors import UsageError
from podvow.scenario import requests as requests_module
from podvow.scenario import table as table_module
from podvow.scenario.fieldpath import drop, put, swap, value_at
from podvow.scenario.halt import Halt
from podvow.scenario.model import Scenario, Send
from podvow.scenario.recorder import Recorder
from podvow.scenario.requests import send_tables
from podvow.scenario.table import FOLDER, Case, Raw, cases_of, load_table
from podvow.timeline import Meta, Record, Timeline
from podvow.timeline.record import Kind

BASES = """
let: [&spec {initContainers: [&one {name: init-1, image: i}, {<<: *one, name: init-2}], containers: [{name: app}]}]
bases:
  Pod: {apiVersion: v1, kind: Pod, metadata: {name: request}, spec: *spec}
  CronJob:
    {apiVersion: batch/v1, kind: CronJob, metadata: {name: request},
     spec: {jobTemplate: {spec: {template: {spec: *spec}}}}}
  Big: {apiVersion: v1, kind: Pod, metadata: {name: big}, spec: *spec}
"""


class Server:
    """Answers with what it was sent, or with what the test says.

    Attributes:
        sent: verb, path, body and parameters of every request.
    """

    def __init__(self, answer: Callable[[str, Raw], Raw] = lambda _path, body: body) -> None:
        self.sent: list[tuple[str, str, Raw, Mapping[str, str]]] = []
        self._answer = answer

    def _take(self, verb: str, path: str, body: Raw, params: Mapping[str, str] | None) -> Raw:
        self.sent.append((verb, path, body, params or {}))
        return self._answer(path, body)

    def post(self, path: str, body: Raw, *, params: Mapping[str, str] | None = None) -> Raw:
        return self._take("POST", path, body, params)

    def put(self, path: str, body: Raw, *, params: Mapping[str, str] | None = None) -> Raw:
        return self._take("PUT", path, body, params)

    def patch(self, path: str, body: Raw, *, content_type: str) -> Raw:
        return self._take("PATCH", path, {**body, "type": content_type}, None)


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write tables into a folder of the test's own."""
    monkeypatch.setattr(table_module, "FOLDER", tmp_path)

    def write(**texts: str) -> None:
        for name, text in {"bases": BASES, **texts}.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        load_table.cache_clear()
        table_module._bases.cache_clear()

    write()
    return write


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    load_table.cache_clear()
    table_module._bases.cache_clear()


def play(server: Server, *names: str) -> tuple[bool, Timeline]:
    recorder = Recorder(Meta(scenario="x", test="x", pod="", fixture="", node=""), Halt())
    going = send_tables(names, cast("Api", server), "ns", {"podvow.dev/run": "r"}, recorder)
    return going, recorder.finish()


def answers(timeline: Timeline) -> dict[str, Record]:
    return {r.data["case"]: r for r in timeline.of(Kind.ANSWERED)}


def refuse(status: int, **body: Any) -> ApiError:
    return ApiError(status, body.pop("reason", "Invalid"), body, request="POST")


# paths


def test_a_value_is_put_where_the_path_says_and_the_way_is_made() -> None:
    raw: Raw = {"spec": {"initContainers": [{"name": "a"}]}}
    put(raw, "spec.initContainers[0].env", [1])
    put(raw, "spec.initContainers[1]", {"name": "b"})
    put(raw, "spec.initContainers[0].resources.requests.cpu", "1")
    put(raw, "metadata.labels.x", "y")
    assert raw == {
        "spec": {
            "initContainers": [{"name": "a", "env": [1], "resources": {"requests": {"cpu": "1"}}}, {"name": "b"}]
        },
        "metadata": {"labels": {"x": "y"}},
    }
    put(raw, "spec.initContainers[0]", {"name": "c"})
    swap(raw, "spec.initContainers")
    drop(raw, "spec.initContainers[1]")
    assert value_at(raw, "spec.initContainers") == [{"name": "b"}]
    assert value_at(raw, "spec.initContainers[7].name") is None
    assert value_at(raw, "spec.containers[0].name") is None


# reading


def test_a_case_is_made_for_every_base_with_paths_and_causes_in_its_template(tables: Callable[..., None]) -> None:
    tables(t="cases: {one: {in: [Pod, CronJob], init: {image: x}, causes: ['spec.initContainers[0].image: No']}}")
    pod, cron = cases_of("t")
    assert [pod.id, cron.id, cron.name] == ["t/one", "t/one-CronJob", "one-CronJob"]
    at = "spec.jobTemplate.spec.template.spec.initContainers[0].image"
    assert dict(cron.sets) == {at: "x"}
    assert cron.expected[">=0"]["causes"] == [f"{at}: No"]
    assert value_at(cron.edited(cron.base), at) == "x"


def test_an_edit_reaches_neither_the_base_nor_what_shares_a_part_with_it(tables: Callable[..., None]) -> None:
    tables(t="cases: {one: {init: {image: x}, drop: ['spec.initContainers[1].image'], accepted: true}}")
    (case,) = cases_of("t")
    made = case.edited(case.base)["spec"]["initContainers"]
    assert made == [{"name": "init-1", "image": "x"}, {"name": "init-2"}]
    assert case.base["spec"]["initContainers"][1]["image"] == "i"


def test_every_form_of_an_answer_is_brought_into_one(tables: Callable[..., None]) -> None:
    tables(
        t="""
defaults: {prefix: "because: "}
cases:
  a: {accepted: true, shows: {spec.x: 1}}
  b: {ignored: [spec.x]}
  c: {causes: [".spec.x: of the object", "spec: Forbidden: of the Pod"]}
  d: {in: [Big], forbidden: never}
  e: {malformed: what}
  f: {by_version: {"<1.36": {accepted: true}, ">=1.36": {forbidden: late}}}
"""
    )
    by_name = {case.name: dict(case.expected) for case in cases_of("t")}
    assert by_name == {
        "a": {">=0": {"status": 200, "shown": {"spec.x": 1}}},
        "b": {">=0": {"status": 200, "dropped": ["spec.x"]}},
        "c": {">=0": {"status": 422, "causes": ["spec.x: of the object", "spec: Forbidden: of the Pod"]}},
        "d": {">=0": {"status": 403, "message": 'pods "big" is forbidden: because: never'}},
        "e": {">=0": {"status": 400, "message": "what"}},
        "f": {
            "<1.36": {"status": 200, "shown": {}},
            ">=1.36": {"status": 403, "message": 'pods "request" is forbidden: because: late'},
        },
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "no mapping"),
        ("cases: {a: {}}", "t/a: say by_version or one of accepted"),
        ("cases: {a: {accepted: true, forbidden: x}}", "found"),
        ("cases: {a: {accepted: true, inits: {}}}", "t/a: unknown keys inits"),
        ("cases: {a: {live: x, accepted: true}}", "t/a: no manifest 'x'"),
        ("cases: {a: {in: [Node], accepted: true}}", "there are: Pod, CronJob, Big"),
        ("cases: {a: {by_version: {soon: {accepted: true}}}}", "t/a: Invalid specifier"),
        ("cases: {a: {accepted: true, by_version: {'>=1': {accepted: true}}}}", "t/a: says accepted beside"),
        ("cases: {a: [", "broken table"),
        ("awaits: {case: b, says: x}\ncases: {a: {accepted: true}}", "awaits 't/b', which is no case"),
    ],
)
def test_a_broken_table_is_refused_with_the_case_named(tables: Callable[..., None], text: str, told: str) -> None:
    tables(t=text)
    with pytest.raises(UsageError) as error:
        load_table("t")
    assert told in str(error.value)


@pytest.mark.usefixtures("tables")
def test_a_missing_table_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="there are: bases"):
        load_table("nowhere")


def test_all_tables_of_the_house_can_be_read_and_every_case_can_be_made() -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "bases")
    cases = cases_of(*names)
    assert len(cases) > 600
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        if not case.on:
            assert case.edited(case.base) is not case.base


# the scenario


def test_a_scenario_with_requests_sends_them_first_and_needs_no_object() -> None:
    scenario = Scenario(requests=("a", "b"), hold="quiet")
    assert scenario.steps[0] == Send(("a", "b"))
    assert scenario.manifests() == ()
    assert repr(Send(("a",))) != repr(Send(("b",)))


# sending


def test_a_creation_is_a_strict_dry_run_in_the_scenarios_namespace(tables: Callable[..., None]) -> None:
    tables(t="cases: {one: {in: [CronJob], init: {image: x}, accepted: true}}")
    server = Server()
    going, timeline = play(server, "t")
    assert going
    ((verb, path, body, params),) = server.sent
    assert (verb, path) == ("POST", "/apis/batch/v1/namespaces/ns/cronjobs")
    assert params == {"dryRun": "All", "fieldValidation": "Strict"}
    assert body["metadata"] == {"name": "request", "labels": {"podvow.dev/run": "r"}, "namespace": "ns"}
    record = answers(timeline)["t/one-CronJob"]
    assert (record.data["status"], record.data["dropped"]) == (200, [])
    assert record.data["sent"] == {"set": {"spec.jobTemplate.spec.template.spec.initContainers[0].image": "x"}}


LIVE = """
objects: [{apiVersion: v1, kind: Pod, metadata: {name: there}, spec: {initContainers: [{name: a}, {name: b}]}}]
cases:
  update: {live: there, swap: [spec.initContainers], accepted: true}
  part: {live: there, subresource: resize, init: {name: c}, accepted: true}
"""


def test_an_update_edits_what_the_server_made_of_a_live_object(tables: Callable[..., None]) -> None:
    def answer(_path: str, body: Raw) -> Raw:
        metadata = {**body["metadata"], "uid": "u", "resourceVersion": "7", "managedFields": [1]}
        return {**body, "metadata": metadata, "status": {"phase": "Pending"}}

    tables(t=LIVE)
    server = Server(answer)
    _, timeline = play(server, "t")
    created, *updates = server.sent
    assert created[0] == "POST"
    assert not created[3], "this one is made for real"
    by_path = {path: (verb, body, params) for verb, path, body, params in updates}
    verb, body, params = by_path["/api/v1/namespaces/ns/pods/there"]
    assert (verb, params["dryRun"]) == ("PUT", "All")
    assert [c["name"] for c in body["spec"]["initContainers"]] == ["b", "a"]
    assert body["metadata"]["uid"] == "u"
    assert not {"resourceVersion", "managedFields"} & set(body["metadata"])
    assert "status" not in body
    assert by_path["/api/v1/namespaces/ns/pods/there/resize"][1]["spec"]["initContainers"][0] == {"name": "c"}
    assert [r.data["object"]["metadata"]["name"] for r in timeline.of(Kind.APPLIED)] == ["there"]
    assert list(answers(timeline)) == ["t/update", "t/part"]


def test_what_the_server_left_out_and_what_it_filled_in_are_recorded(tables: Callable[..., None]) -> None:
    def answer(_path: str, body: Raw) -> Raw:
        spec = {"initContainers": [{"name": "init-1", "image": "i"}], "x": {"cpu": "1", "memory": "2"}}
        return {**body, "spec": spec}

    tables(
        t="cases: {one: {init: {image: other, tty: false}, accepted: true, shows: {spec.x.cpu: '1', spec.y: null}}}"
    )
    _, timeline = play(Server(answer), "t")
    data = answers(timeline)["t/one"].data
    assert data["dropped"] == ["spec.initContainers[0].image"]
    assert data["shown"] == {"spec.x.cpu": "1", "spec.y": None}


def test_a_refusal_is_recorded_with_its_causes_and_long_quotations_cut(tables: Callable[..., None]) -> None:
    long = f"Invalid value: {'x' * 5000}: field is immutable"

    def answer(_path: str, _body: Raw) -> Raw:
        raise refuse(422, message=long, details={"causes": [{"field": "f", "reason": "R", "message": long}]})

    tables(t="cases: {one: {causes: ['f: Invalid value: …: field is immutable']}}")
    _, timeline = play(Server(answer), "t")
    data = answers(timeline)["t/one"].data
    assert (data["status"], data["reason"]) == (422, "Invalid")
    assert len(data["message"]) < 1000
    (cause,) = data["causes"]
    assert (cause["field"], cause["reason"]) == ("f", "R")
    assert cause["message"].startswith("Invalid value: x")
    assert cause["message"].endswith("x: field is immutable")


@pytest.mark.parametrize("status", [0, 401, 429, 500, 503])
def test_a_server_that_does_not_answer_is_no_answer(tables: Callable[..., None], status: int) -> None:
    def answer(path: str, _body: Raw) -> Raw:
        raise UnreachableError("gone", "", request=path, sent=True) if status == 0 else refuse(status)

    tables(t="cases: {one: {accepted: true}}")
    with pytest.raises(ApiError):
        play(Server(answer), "t")


AWAITED = """
namespace: {labels: {enforce: restricted}}
awaits: {case: one, says: violates}
cases: {one: {forbidden: violates it}, two: {accepted: true}}
"""


def test_admission_is_waited_for_before_the_cases_are_sent(
    tables: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_module, "_PAUSE_S", 0.001)
    tries = 0

    def answer(_path: str, body: Raw) -> Raw:
        nonlocal tries
        tries += 1
        if tries in {4, 5}:  # the label, two tries in vain, one that is refused, and then the cases
            raise refuse(403, reason="Forbidden", message="violates it")
        return body

    tables(t=AWAITED)
    monkeypatch.setattr(requests_module, "_AT_ONCE", 1)
    server = Server(answer)
    going, timeline = play(server, "t")
    assert going
    labelled = server.sent[0]
    assert labelled[:2] == ("PATCH", "/api/v1/namespaces/ns")
    assert labelled[2]["metadata"] == {"labels": {"enforce": "restricted"}}
    assert {case: r.data["status"] for case, r in answers(timeline).items()} == {"t/one": 403, "t/two": 200}


def test_admission_that_never_learns_ends_the_scenario_without_answers(
    tables: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_module, "_PAUSE_S", 0.001)
    monkeypatch.setattr(requests_module, "_LEARNED_S", 0.02)
    tables(t=AWAITED)
    going, timeline = play(Server(), "t")
    assert not going
    (missed,) = timeline.of(Kind.MISSED)
    assert "t/one refused: violates" in missed.data["condition"]
    assert not answers(timeline)


def test_a_case_is_shown_by_its_id() -> None:
    assert "initContainers" not in repr(Case("t/one", {"spec": {"initContainers": []}}))
