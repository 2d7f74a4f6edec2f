from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from podvow.api import Api, ApiError
from podvow.faults.base import FaultContext
from podvow.probes.api import read_log
from podvow.timeline import Timeline
from tests.offline.expect.builder import Story
from tests.offline.scenario.fake_api import FakeApi


class Logs(FakeApi):
    """An API server whose Pods have written logs.

    Attributes:
        asked: path and parameters of the last request.
        answer: the log, or the refusal.
    """

    def __init__(self, answer: str | ApiError) -> None:
        super().__init__()
        self.answer = answer
        self.asked: tuple[str, Mapping[str, str]] = ("", {})

    def text(self, path: str, *, params: Mapping[str, str] | None = None, retry: bool = True) -> str:
        """Return the log."""
        super().text(path, params=params, retry=retry)
        self.asked = (path, dict(params or {}))
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer


def told() -> Timeline:
    story = Story()
    story.pod().initialise()
    return story.timeline()


def context(api: FakeApi) -> FaultContext:
    return FaultContext(cast("Api", api), "ns", "", None, None, told, dict, lambda _: None)


def test_a_log_is_read() -> None:
    api = Logs("one\ntwo\n")
    assert read_log("init-1").look(context(api)) == {"code": 200, "text": "one\ntwo\n"}
    path, params = api.asked
    assert path == f"/api/v1/namespaces/ns/pods/{told().meta.pod}/log"
    assert (params["container"], params["previous"]) == ("init-1", "false")


def test_the_previous_runs_log_of_another_pod_is_read() -> None:
    api = Logs("before\n")
    probe = read_log("app", previous=True, pod="other")
    assert probe.look(context(api)) == {"code": 200, "text": "before\n"}
    assert api.asked[0].endswith("/pods/other/log")
    assert api.asked[1]["previous"] == "true"
    assert probe.name == "previous log of other/app"
    assert not probe.needs


@pytest.mark.parametrize("body", [{"message": "it is gone"}, "it is gone"])
def test_a_refusal_is_an_answer(body: dict[str, Any] | str) -> None:
    api = Logs(ApiError(400, "BadRequest", body))
    assert read_log("init-1", previous=True).look(context(api)) == {"code": 400, "text": "it is gone"}


@pytest.mark.parametrize("status", [0, 401, 500])
def test_no_answer_is_no_evidence(status: int) -> None:
    with pytest.raises(ApiError):
        read_log("init-1").look(context(Logs(ApiError(status, "out of order"))))
