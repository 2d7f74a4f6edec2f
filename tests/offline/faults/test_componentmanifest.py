"""The manifest of a component with another program in it."""

from __future__ import annotations

import json

import pytest

from podvow.errors import InjectionError
from podvow.faults.componentmanifest import health_of, swapped
from tests.offline.faults.component import OWN

PATH = "/var/lib/podvow-components/kube-scheduler/0123456789abcdef/kube-scheduler"


def test_only_the_program_its_folder_and_the_variable_are_another() -> None:
    raw = json.loads(swapped(OWN, "kube-scheduler", PATH, "PODVOW_MUTANT", "a-bug"))
    container = raw["spec"]["containers"][0]
    assert container["command"] == [PATH, "--bind-address=127.0.0.1", "--leader-elect=true"]
    folder = PATH.rpartition("/")[0]
    assert container["volumeMounts"][-1] == {"name": "podvow-program", "mountPath": folder, "readOnly": True}
    assert raw["spec"]["volumes"][-1] == {
        "name": "podvow-program",
        "hostPath": {"path": folder, "type": "Directory"},
    }
    assert container["env"] == [{"name": "PODVOW_MUTANT", "value": "a-bug"}]
    assert container["image"] == "registry.example/kube-scheduler:v1.37.2"
    assert raw["spec"]["hostNetwork"] is True
    assert len(container["volumeMounts"]) == len(raw["spec"]["volumes"]) == 2, "its own ones stay"


def test_without_a_mutant_there_is_no_variable() -> None:
    raw = json.loads(swapped(OWN, "kube-scheduler", PATH, "PODVOW_MUTANT", ""))
    assert "env" not in raw["spec"]["containers"][0]


def test_it_is_asked_as_the_kubelet_asks_it() -> None:
    assert health_of(OWN, "kube-scheduler") == "https://127.0.0.1:10259/readyz"
    by_number = OWN.replace(b"readinessProbe", b"unknown").replace(b"port: probe-port", b"port: 4")
    assert health_of(by_number, "kube-scheduler") == "https://127.0.0.1:4/livez"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"- kube-scheduler", b"- /bin/sh", "cannot be understood"),
        (b"command:", b"args:", "cannot be understood"),
        (b"name: kube-scheduler", b"name: other", "no container of that name"),
        (b"spec:", b"spek:", "is no Pod"),
        (b"apiVersion: v1", b"a: b: c", "cannot be read"),
        (b"apiVersion: v1", b"\xff", "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_left_alone(old: bytes, new: bytes, said: str) -> None:
    with pytest.raises(InjectionError, match=said):
        swapped(OWN.replace(old, new), "kube-scheduler", PATH, "PODVOW_MUTANT", "a-bug")


def test_one_that_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(InjectionError, match="no probe"):
        health_of(OWN.replace(b"Probe:", b"Prob:"), "kube-scheduler")
