"""A quota counts once admission acts on it, not once its status is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from podvow.api import Api, ApiError
from podvow.deadline import Deadline
from podvow.scenario.quota import await_counting, await_limits

QUOTA = {"spec": {"hard": {"requests.cpu": "1", "limits.cpu": "2", "pods": "5"}}}


class Admission:
    """An API server whose admission hears of a quota after so many requests."""

    def __init__(self, *, hears_after: int, status: int = 403, message: str = "exceeded quota: quota") -> None:
        self.hears_after = hears_after
        self.answer = (status, message)
        self.sent: list[tuple[Mapping[str, Any], Mapping[str, str] | None]] = []

    def post(self, path: str, body: Mapping[str, Any], *, params: Mapping[str, str] | None = None) -> object:
        assert path == "/api/v1/namespaces/ns/pods"
        self.sent.append((body, params))
        if len(self.sent) > self.hears_after:
            raise ApiError(self.answer[0], "Forbidden", {"message": self.answer[1]})
        return {}


def ask(admission: Admission, quota: Mapping[str, Any] = QUOTA, seconds: float = 5.0) -> bool:
    return await_counting(cast("Api", admission), "ns", quota, Deadline.after(seconds))


def test_admission_is_asked_until_it_refuses_and_nothing_is_stored() -> None:
    admission = Admission(hears_after=2)
    assert ask(admission)
    assert len(admission.sent) == 3
    assert all(params == {"dryRun": "All"} for _, params in admission.sent)
    resources = admission.sent[0][0]["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "1M"}, "limits": {"cpu": "1M"}}


def test_a_refusal_for_another_reason_is_no_sign() -> None:
    assert not ask(Admission(hears_after=0, message="maximum cpu usage per Container is 1"), seconds=0.3)


def test_admission_that_never_hears_of_it_is_given_up() -> None:
    assert not ask(Admission(hears_after=10**6), seconds=0.3)


def test_a_quota_that_limits_no_compute_resource_cannot_be_asked() -> None:
    admission = Admission(hears_after=0)
    assert not ask(admission, {"spec": {"hard": {"pods": "5"}}})
    assert not admission.sent


def test_another_error_is_not_swallowed() -> None:
    with pytest.raises(ApiError, match="boom"):
        ask(Admission(hears_after=0, status=500, message="boom"))


class Limits(Admission):
    """One whose admission hears of a LimitRange after so many requests, and then fills something in."""

    def post(self, path: str, body: Mapping[str, Any], *, params: Mapping[str, str] | None = None) -> object:
        assert (path, params) == ("/api/v1/namespaces/ns/pods", {"dryRun": "All"})
        self.sent.append((body, params))
        filled = {"limits": {"cpu": "1"}} if len(self.sent) > self.hears_after else {}
        return {"spec": {"containers": [{"name": "app", "resources": filled}]}}


def test_a_limit_range_applies_once_admission_fills_something_in() -> None:
    limits = Limits(hears_after=2)
    assert await_limits(cast("Api", limits), "ns", Deadline.after(5))
    assert len(limits.sent) == 3


def test_a_limit_range_that_refuses_applies_too_and_a_quota_alone_says_nothing() -> None:
    refusing = Admission(hears_after=0, message="maximum cpu usage per Container is 1, but no limit is specified")
    assert await_limits(cast("Api", refusing), "ns", Deadline.after(5))
    quota = Admission(hears_after=0, message="failed quota: quota: must specify limits.cpu for: app")
    assert not await_limits(cast("Api", quota), "ns", Deadline.after(0.3))
