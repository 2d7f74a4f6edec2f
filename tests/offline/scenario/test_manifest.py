from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podvow.errors import UsageError
from podvow.paths import FIXTURES
from podvow.scenario import manifest
from podvow.scenario.manifest import (
    UNTRACED,
    containers_of,
    images_of,
    load_fixture,
    merge_patch,
    pod_specs,
    prepare,
    trace_script,
    wrap_with_trace,
)
from podvow.timeline.timeline import TRACE_VOLUME

FAST = settings(max_examples=60, deadline=None, derandomize=True)
EVERY = [
    f"{folder}/{path.stem}"
    for folder in ("pods", "objects", "workloads")
    for path in sorted((FIXTURES / folder).glob("*.yaml"))
]


@pytest.mark.parametrize("name", EVERY)
def test_every_fixture_is_read_and_can_be_prepared(name: str) -> None:
    for document in load_fixture(name):
        untouched = copy.deepcopy(document)
        ready = prepare(document, labels={"podvow.dev/run": "r"}, namespace="n", node="worker")
        assert document == untouched
        assert ready["metadata"]["namespace"] == "n"
        for metadata, spec in pod_specs(ready):
            assert metadata["labels"]["podvow.dev/run"] == "r"
            assert spec.get("nodeName") or spec["nodeSelector"]["kubernetes.io/hostname"] == "worker"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(manifest, "FIXTURES", tmp_path)
    (tmp_path / "pods").mkdir()
    return tmp_path / "pods"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"kind: [", "broken manifest"),
        (b"\xff\xfe\x00a", "no manifest"),
        (b"", "it is empty"),
        (b"---\n---\n", "it is empty"),
        (b"[1, 2]", "document 1 has no kind"),
        (b"kind: Pod", "no kind or apiVersion"),
        (b"apiVersion: v1\nkind: Pod\n", "no metadata.name"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: }\n", "no metadata.name"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: [x]\n", "no metadata.name"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: []}\n", "Pod p has no containers"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n", "Pod p has no containers"),
    ],
)
def test_a_broken_fixture_is_named(folder: Path, text: bytes, why: str) -> None:
    (folder / "bad.yaml").write_bytes(text)
    with pytest.raises(UsageError, match=why) as caught:
        load_fixture("bad")
    assert str(folder / "bad.yaml") in str(caught.value)


def test_a_fixture_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no fixture pods/nosuch\.yaml") as caught:
        load_fixture("nosuch")
    assert "failing-init" in caught.value.hint


def test_a_loaded_fixture_is_a_fresh_copy() -> None:
    load_fixture("failing-init")[0]["metadata"]["name"] = "changed"
    assert load_fixture("failing-init")[0]["metadata"]["name"] != "changed"


# merge patch

LEAF = st.integers(0, 3) | st.text("xy", max_size=1)
KEYS = st.sampled_from(["a", "b"])


def _named(items: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "v": value} for name, value in items.items()]


NAMED = st.dictionaries(st.sampled_from(["x", "y"]), LEAF, max_size=2).map(_named)
PLAIN = st.lists(LEAF, max_size=2)


def _trees(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    inner = leaf | NAMED | PLAIN | st.dictionaries(KEYS, leaf | NAMED, max_size=2)
    return st.dictionaries(KEYS, inner | st.dictionaries(KEYS, inner, max_size=2), max_size=2)


TREE, PATCH = _trees(LEAF), _trees(LEAF | st.none())


def _removed(tree: Any, patch: dict[str, Any]) -> bool:
    return all(
        key not in tree if value is None else not isinstance(value, dict) or _removed(tree[key], value)
        for key, value in patch.items()
    )


@given(TREE, PATCH)
@FAST
def test_a_patch_applied_twice_is_a_patch_applied_once(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(tree, patch)
    assert merge_patch(once, patch) == once


@given(TREE, PATCH)
@FAST
def test_none_removes_at_every_depth(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    assert _removed(merge_patch(tree, patch), patch)


@given(TREE, PATCH)
@FAST
def test_neither_side_of_a_patch_is_changed(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy((tree, patch))
    merge_patch(tree, patch)
    assert (tree, patch) == before


@given(TREE, PATCH, PATCH)
@FAST
def test_two_patches_make_one_that_does_what_both_do(
    tree: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    both = merge_patch(first, second, keep_none=True)
    assert _removed(merge_patch(tree, both), second)
    assert merge_patch(merge_patch(tree, both), second) == merge_patch(tree, both)


@given(TREE)
@FAST
def test_an_empty_patch_changes_nothing(tree: dict[str, Any]) -> None:
    assert merge_patch(tree, {}) == tree


def test_named_things_merge_by_name_and_keep_their_place() -> None:
    target = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}
    patch = {"containers": [{"name": "c", "image": "3"}, {"name": "a", "tty": True}]}
    assert merge_patch(target, patch)["containers"] == [
        {"name": "a", "image": "1", "tty": True},
        {"name": "b", "image": "2"},
        {"name": "c", "image": "3"},
    ]


def test_a_list_of_plain_things_is_replaced() -> None:
    assert merge_patch({"command": ["sh", "-c"]}, {"command": ["true"]}) == {"command": ["true"]}
    assert merge_patch({"command": ["sh", "-c"]}, {"command": []}) == {"command": []}
    assert merge_patch({"items": ["sh"]}, {"items": [{"name": "x"}]}) == {"items": [{"name": "x"}]}


# trace


def _spec(**more: Any) -> dict[str, Any]:
    return {
        "initContainers": [{"name": "init-1", "command": ["sh", "-c", "x"], "args": ["y"]}],
        "containers": [{"name": "app", "command": ["sleep", "9"]}, {"name": "plain", "image": "nginx"}],
        **more,
    }


def test_commands_are_wrapped_and_share_one_volume() -> None:
    spec = _spec(volumes=[{"name": "data", "emptyDir": {}}])
    wrap_with_trace({}, spec)
    init, app, plain = containers_of(spec)
    assert init["command"] == ["sh", "-c", trace_script(), "init-1", "sh", "-c", "x", "y"]
    assert app["command"][3:] == ["app", "sleep", "9"]
    assert "args" not in init
    assert init["volumeMounts"] == app["volumeMounts"] == [{"name": TRACE_VOLUME, "mountPath": "/podvow"}]
    assert plain == {"name": "plain", "image": "nginx"}
    assert [v["name"] for v in spec["volumes"]] == ["data", TRACE_VOLUME]


@pytest.mark.parametrize(
    ("untraced", "wrapped"), [("*", []), ("app", ["init-1"]), ("init-1,app", []), ("other", ["init-1", "app"])]
)
def test_an_annotation_leaves_containers_alone(untraced: str, wrapped: list[str]) -> None:
    spec = _spec()
    wrap_with_trace({"annotations": {UNTRACED: untraced}}, spec)
    assert [c["name"] for c in containers_of(spec) if "volumeMounts" in c] == wrapped
    assert ("volumes" in spec) is bool(wrapped)


def test_the_wrapping_script_has_no_comments_left() -> None:
    assert not [line for line in trace_script().splitlines() if line.lstrip().startswith("#")]
    assert trace_script().startswith("d=/podvow ")


# prepare


def test_a_workload_is_labelled_on_itself_and_on_its_template() -> None:
    (web,) = load_fixture("workloads/web")
    ready = prepare(web, labels={"l": "1"}, namespace="n", node="worker")
    template = ready["spec"]["template"]
    assert ready["metadata"]["labels"]["l"] == template["metadata"]["labels"]["l"] == "1"
    assert template["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "worker"}
    assert set(ready["spec"]["selector"]["matchLabels"]) <= set(template["metadata"]["labels"])


def test_a_pod_that_names_its_node_is_not_pinned_again() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": [{"name": "a"}]}}
    assert "nodeSelector" not in prepare(pod, labels={}, namespace="n", node="worker")["spec"]


def test_without_a_node_the_scheduler_chooses() -> None:
    (pod,) = load_fixture("failing-init")
    assert "nodeSelector" not in prepare(pod, labels={}, namespace="n", node="")["spec"]


def test_images_of_fixtures_that_must_be_on_the_node() -> None:
    spec = {
        "containers": [
            {"name": "a", "image": "podvow/busybox:blue"},
            {"name": "b", "image": "nginx"},
            {"name": "c", "image": "local", "imagePullPolicy": "Never"},
        ]
    }
    assert images_of([{"kind": "Pod", "metadata": {}, "spec": spec}]) == {"podvow/busybox:blue", "local"}
