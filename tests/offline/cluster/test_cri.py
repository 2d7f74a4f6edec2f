from __future__ import annotations

import json

import pytest

from podvow.cluster import cri
from podvow.cluster.cri import Cri
from podvow.errors import ClusterUnusableError
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

PODS = {
    "items": [
        {
            "id": "5c1e",
            "metadata": {"name": "p", "uid": "u-1", "namespace": "default", "attempt": 1},
            "state": "SANDBOX_READY",
            "createdAt": "1790000000000000001",
            "labels": {"io.kubernetes.pod.name": "p"},
        }
    ]
}


def test_a_listing_is_raw() -> None:
    access = FakeAccess({"which crictl": (0, b""), "crictl pods": (0, json.dumps(PODS).encode())})
    assert Cri(access).sandboxes("n") == PODS["items"]


def test_an_empty_listing_is_null_with_crictl() -> None:
    assert cri.items(b'{"containers": null}', "containers") == []
    assert cri.items(b'{"containers": []}', "containers") == []


@pytest.mark.parametrize("answer", [b"", b"FATA[0000] unknown flag", b"[]", b"{}", b"null"])
def test_what_is_no_listing_is_an_error_that_shows_it(answer: bytes) -> None:
    with pytest.raises(ClusterUnusableError, match="no 'items'"):
        cri.items(answer, "items")


def test_crictl_is_preferred_and_asked_for_once() -> None:
    access = FakeAccess({"which": (0, b""), "crictl ps": (0, b'{"containers": []}')})
    runtime = Cri(access)
    runtime.containers("n")
    runtime.containers("n")
    assert [line for _, line in access.asked] == ["which crictl", "crictl ps -a -o json", "crictl ps -a -o json"]


def test_our_own_tool_is_used_where_there_is_no_crictl() -> None:
    access = FakeAccess({"which crictl": (1, b""), "podvow-cri": (0, b"{}")})
    Cri(access).stop_sandbox("n", "5c1e")
    assert access.asked[-1] == ("n", "podvow-cri stopp 5c1e")


def test_a_node_without_either_is_named() -> None:
    with pytest.raises(ClusterUnusableError, match=r"node n .*\n.*podvow up"):
        Cri(FakeAccess({"which": (1, b"")})).sandboxes("n")


def test_a_signal_goes_through_ctr_because_cri_has_no_word_for_it() -> None:
    access = FakeAccess()
    Cri(access).kill("n", "5c1e")
    assert access.asked == [("n", "ctr -n k8s.io tasks kill -s SIGKILL 5c1e")]
