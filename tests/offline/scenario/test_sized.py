from __future__ import annotations

import pytest

from podvow.errors import UsageError
from podvow.scenario.manifest import load_fixture, merge_patch
from podvow.scenario.sized import resources, sized


@pytest.mark.parametrize(
    ("word", "requests", "limits"),
    [
        ("cpu=20m/60m", {"cpu": "20m"}, {"cpu": "60m"}),
        ("memory=16Mi", {"memory": "16Mi"}, {"memory": "16Mi"}),
        ("cpu=20m/", {"cpu": "20m"}, {}),
        ("cpu=/60m", {}, {"cpu": "60m"}),
        ("podvow.dev/held=3", {"podvow.dev/held": "3"}, {"podvow.dev/held": "3"}),
    ],
)
def test_a_size_is_request_and_limit(word: str, requests: dict[str, str], limits: dict[str, str]) -> None:
    found = resources(word)
    assert (found.get("requests", {}), found.get("limits", {})) == (requests, limits)


def test_several_sizes_make_one_set_of_resources() -> None:
    assert resources("cpu=20m/60m", "memory=/32Mi") == {
        "requests": {"cpu": "20m"},
        "limits": {"cpu": "60m", "memory": "32Mi"},
    }
    assert resources() == {}


def test_what_is_no_size_is_refused() -> None:
    with pytest.raises(UsageError, match="is no size"):
        resources("20m")


def test_containers_keep_their_order_and_kind() -> None:
    spec = sized("side-1 cpu=1m", "init-1", "app cpu=2m", "app-b", "pod cpu=9m")["spec"]
    assert [c["name"] for c in spec["initContainers"]] == ["side-1", "init-1"]
    assert [c.get("restartPolicy") for c in spec["initContainers"]] == ["Always", None]
    assert [c["name"] for c in spec["containers"]] == ["app", "app-b"]
    assert spec["resources"] == {"requests": {"cpu": "9m"}, "limits": {"cpu": "9m"}}


def test_the_bare_fixture_is_given_the_containers() -> None:
    (bare,) = load_fixture("bare")
    spec = merge_patch(bare, sized("init-1 cpu=1m", "app cpu=2m"))["spec"]
    assert [c["name"] for c in spec["initContainers"]] == ["init-1"]
    assert [c["resources"]["limits"]["cpu"] for c in spec["containers"]] == ["2m"]
