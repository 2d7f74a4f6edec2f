from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.journal.undo import (
    DeleteNamespace,
    HealNode,
    RemoveResource,
    RemoveStatic,
    RestoreComponent,
    RestoreKubelet,
    Undo,
    node_of,
    parse,
    raw,
)

STATIC = "/etc/kubernetes/manifests/podvow-r1-k1.json"
UNDOS: list[Undo] = [
    DeleteNamespace("podvow-r1-k1", "r1"),
    HealNode("worker.example"),
    RemoveStatic("worker", STATIC),
    RemoveResource("worker", "podvow.dev/held"),
    RestoreKubelet("worker"),
    RestoreComponent("control-plane", "kube-apiserver"),
]


@pytest.mark.parametrize("undo", UNDOS, ids=lambda undo: undo.op)
def test_an_undo_survives_json_and_says_what_it_does(undo: Undo) -> None:
    assert parse(json.loads(json.dumps(raw(undo)))) == undo
    assert all(
        str(value) in undo.words
        for key, value in raw(undo).items()
        if key in {"name", "node", "resource", "component"}
    )
    assert node_of(undo) == raw(undo).get("node", "")
    assert undo.mirrored is (undo.op != "delete-namespace"), "labels find namespaces, and nothing else"


@pytest.mark.parametrize(
    "forged",
    [
        {"op": "delete-namespace", "name": "kube-system", "run": "r1"},
        {"op": "delete-namespace", "name": "podvow-r1/../../kube-system", "run": "r1"},
        {"op": "delete-namespace", "name": "podvow-r1-k1\n", "run": "r1"},
        {"op": "remove-static", "node": "worker", "path": "/etc/kubernetes/manifests/etcd.json"},
        {"op": "remove-static", "node": "worker", "path": "/etc/kubernetes/manifests/podvow-/../etcd.json"},
        {"op": "remove-static", "node": "worker", "path": "-rf"},
        {"op": "heal-node", "node": "--privileged"},
        {"op": "heal-node", "node": "worker; reboot"},
        {"op": "remove-resource", "node": "worker", "resource": "cpu"},
        {"op": "remove-resource", "node": "worker", "resource": "xpodvow.dev/held"},
        {"op": "restore-kubelet", "node": "worker", "path": "/usr/bin/kubelet"},
        {"op": "restore-kubelet", "node": "worker\n"},
        {"op": "restore-component", "node": "worker", "component": "etcd"},
        {"op": "restore-component", "node": "worker", "component": "../kube-apiserver"},
        {"op": "restore-component", "node": "worker"},
        {"op": "heal-node"},
        {"op": "heal-node", "node": "worker", "then": "more"},
        {"op": "heal-node", "node": 7},
        {"op": "run", "argv": ["reboot"]},
        {},
        [],
        None,
    ],
)
def test_what_podvow_cannot_have_made_is_never_undone(forged: Any) -> None:
    with pytest.raises(ValueError, match=r"undo|no |needs"):
        parse(forged)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    undo=st.sampled_from(UNDOS),
    key=st.sampled_from(["op", "name", "run", "node", "path", "resource", "component"]),
    value=JSON,
)
def test_a_changed_value_gives_another_undo_of_ours_or_a_clear_error(undo: Undo, key: str, value: Any) -> None:
    try:
        made = parse({**raw(undo), key: value})
    except ValueError as error:
        assert str(error)  # noqa: PT017 (either way is right)
    else:
        assert raw(made)[key] == value
