from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import ApiError
from podvow.deadline import Deadline
from podvow.journal.log import Journal
from podvow.journal.reading import read
from podvow.journal.undo import DeleteNamespace
from podvow.labels import HOLD_FINALIZER
from podvow.scenario import tenancy as tenancy_module
from podvow.scenario.tenancy import Tenancy
from tests.offline.scenario.fake_api import FakeApi

PATIENCE_S = 20.0


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "run" / "journal.jsonl", run="r1")
    yield made
    made.close()


@pytest.fixture
def tenancy(api: FakeApi, journal: Journal) -> Tenancy:
    return Tenancy(cast("Any", api), "r1", journal)


def test_a_namespace_has_the_names_of_run_and_scenario(api: FakeApi, tenancy: Tenancy) -> None:
    assert tenancy.make("k1") == tenancy.name_for("k1") == "podvow-r1-k1"
    made = api.objects["namespaces", "", "podvow-r1-k1"]
    assert made["metadata"]["labels"] == tenancy.labels_for("k1")
    assert ("serviceaccounts", "podvow-r1-k1", "default") in api.objects
    tenancy.remove("podvow-r1-k1")
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []


def test_a_service_account_that_is_there_already_is_no_trouble(api: FakeApi, tenancy: Tenancy) -> None:
    api.refuse["ServiceAccount"] = 409
    tenancy.make("k1")
    api.refuse["ServiceAccount"] = 403
    with pytest.raises(ApiError):
        tenancy.make("k2")
    for name in ("podvow-r1-k1", "podvow-r1-k2"):
        tenancy.remove(name)
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []


def test_a_namespace_that_is_not_ours_is_never_touched(api: FakeApi, tenancy: Tenancy) -> None:
    api.post("/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": "kube-system"}})
    before = dict(api.requests)
    tenancy.remove("kube-system")
    assert api.requests == before
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []
    assert ("namespaces", "", "kube-system") in api.objects


def test_what_holds_a_pod_back_is_taken_off(api: FakeApi, tenancy: Tenancy) -> None:
    name = tenancy.make("k1")
    pods = f"/api/v1/namespaces/{name}/pods"
    for pod, finalizers in (("held", [HOLD_FINALIZER]), ("free", [])):
        metadata = {"name": pod, "namespace": name, "finalizers": finalizers}
        api.post(pods, {"kind": "Pod", "metadata": metadata, "spec": {}})
    api.keep.add("pods")
    tenancy.remove(name)
    assert "finalizers" not in api.objects["pods", name, "held"]["metadata"]
    assert api.requests["PATCH"] == 1
    tenancy.leftovers(Deadline.after(0))


def test_what_is_gone_already_is_removed(api: FakeApi, tenancy: Tenancy) -> None:
    name = tenancy.make("k1")
    api.delete(f"/api/v1/namespaces/{name}", None)
    tenancy.remove(name)
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []


@pytest.fixture
def doubting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenancy_module, "_DOUBT_S", 0.05)


@pytest.mark.usefixtures("doubting")
def test_the_lost_word_that_a_namespace_is_gone_is_no_leak(api: FakeApi, tenancy: Tenancy) -> None:
    name = tenancy.make("k1")
    api.swallow.add("namespaces")
    tenancy.remove(name)
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []


@pytest.mark.usefixtures("doubting")
def test_a_deletion_that_was_refused_is_asked_for_again(api: FakeApi, tenancy: Tenancy) -> None:
    name = tenancy.make("k1")
    api.down = True
    with pytest.raises(ApiError):
        tenancy.remove(name)
    api.down = False
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []
    assert ("namespaces", "", name) not in api.objects


def test_what_stays_is_named(api: FakeApi, tenancy: Tenancy) -> None:
    api.keep.add("namespaces")
    for key in ("k2", "k1"):
        tenancy.remove(tenancy.make(key))
    assert tenancy.leftovers(Deadline.after(0.2)) == ["podvow-r1-k1", "podvow-r1-k2"]


def test_the_journal_is_on_the_disk_before_the_change(
    tmp_path: Path, api: FakeApi, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    synced: list[int] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(path.stat().st_size)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    seen: list[tuple[int, str]] = []
    api.before_post = lambda _: seen.append((synced[-1], path.read_text()))
    tenancy.make("k1")
    size, text = seen[0]
    assert size == len(text.encode()) > 0
    line = json.loads(text.splitlines()[-1])
    assert (line["what"], line["undo"]) == (
        "namespace",
        {"op": "delete-namespace", "name": "podvow-r1-k1", "run": "r1"},
    )
    tenancy.leftovers(Deadline.after(0))


def test_the_journal_knows_when_a_namespace_and_all_that_was_done_in_it_is_gone(
    tmp_path: Path, api: FakeApi, tenancy: Tenancy, journal: Journal
) -> None:
    name = tenancy.make("k1")
    journal.open("fault", DeleteNamespace(name, "r1"), fault="poke")
    api.keep.add("namespaces")
    tenancy.remove(name)
    assert [entry.what for entry in journal.open_entries] == ["namespace", "fault"], "asked for is not gone"
    api.keep.clear()
    tenancy.remove(name)
    assert tenancy.leftovers(Deadline.after(PATIENCE_S)) == []
    journal.close()
    assert read(tmp_path / "run" / "journal.jsonl").closed
