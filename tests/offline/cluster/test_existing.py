from __future__ import annotations

import base64
import re
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from podvow.cluster import existing, health, kind
from podvow.cluster.existing import existing_cluster
from podvow.cluster.kind import NodeContainer
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, UsageError
from tests.offline.cluster.fakes import FakeAccess
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    cluster = {
        "server": "https://127.0.0.1:1",
        "certificate-authority-data": base64.b64encode(CA.encode()).decode(),
    }
    document = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "kind-mine", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "kind-mine",
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_missing_kubeconfig_is_an_error_that_names_file_and_context(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        existing_cluster(tmp_path / "none", "mine")
    assert str(tmp_path / "none") in str(caught.value)
    assert "'mine'" in str(caught.value)


def test_a_missing_context_is_an_error_that_names_file_context_and_what_there_is(kubeconfig: Path) -> None:
    with pytest.raises(UsageError) as caught:
        existing_cluster(kubeconfig, "prod")
    assert str(kubeconfig) in str(caught.value)
    assert "'prod'" in str(caught.value)
    assert "kind-mine" in caught.value.hint


def test_the_current_context_is_never_taken_by_silence(kubeconfig: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"no context of {kubeconfig}")):
        existing_cluster(kubeconfig, None)
    with pytest.raises(UsageError, match=r"no kubeconfig given.*'kind-mine'"):
        existing_cluster(None, "kind-mine")


@pytest.mark.parametrize(
    "text", ["", "[]", "clusters: 1", "{", "contexts: [{name: x, context: {cluster: gone}}]\nclusters: []"]
)
def test_a_broken_kubeconfig_is_an_error_that_names_both(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        existing_cluster(path, "x")
    assert str(path) in str(caught.value)
    assert "'x'" in str(caught.value)


def test_an_endpoint_that_nobody_serves_is_not_ready(kubeconfig: Path) -> None:
    endpoint = health.read_endpoint(kubeconfig, "kind-mine")
    # Its certificate is none, which must not be a crash either.
    assert not health.is_ready(endpoint)
    assert health.server_version(endpoint) == ""
    with pytest.raises(ClusterUnusableError, match="not ready"):
        health.wait_ready(endpoint, Deadline.after(0))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeAccess:
    access = FakeAccess()
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: "/usr/bin/docker")
    monkeypatch.setattr(existing, "find_engine", lambda: "engine")
    monkeypatch.setattr(existing, "enter_engine_network", lambda: "engine")
    monkeypatch.setattr(existing, "DockerNodeAccess", lambda: access)
    monkeypatch.setattr(
        kind,
        "nodes",
        lambda name: [NodeContainer("mine-control-plane", "control-plane", True, "i")] * (name == "mine"),
    )
    return access


def test_a_kind_cluster_of_this_engine_gets_access_to_its_nodes(kubeconfig: Path, engine: FakeAccess) -> None:
    engine.files["mine-control-plane", "/etc/kubernetes/pki/ca.crt"] = CA.encode()
    cluster = existing_cluster(kubeconfig, "kind-mine")
    assert cluster.access is engine
    assert (cluster.provider, cluster.name) == ("existing", "mine")


def test_a_cluster_that_only_has_the_same_name_gets_none(kubeconfig: Path, engine: FakeAccess) -> None:
    engine.files["mine-control-plane", "/etc/kubernetes/pki/ca.crt"] = CA.replace("AAAA", "BBBB").encode()
    cluster = existing_cluster(kubeconfig, "kind-mine")
    assert cluster.access is None
    assert cluster.name == "kind-mine"


def test_a_node_that_cannot_be_asked_gives_none(kubeconfig: Path, engine: FakeAccess) -> None:
    assert not engine.files
    assert existing_cluster(kubeconfig, "kind-mine").access is None
