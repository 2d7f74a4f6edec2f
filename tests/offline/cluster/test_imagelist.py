from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podvow.cluster import imagelist
from podvow.errors import UsageError
from tests.offline.cluster.isolation import elsewhere as elsewhere  # noqa: PLC0414 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path


def test_the_list_of_the_house_is_sound() -> None:
    images = {image.name: image for image in imagelist.load()}
    refs = {ref for image in images.values() for ref in image.refs}
    assert {"podvow/busybox:blue", "podvow/busybox:green", "podvow/nginx:1"} <= refs
    # Changing a container's image needs two images whose digests differ.
    assert images["busybox-blue"].files != images["busybox-green"].files
    assert all(image.pull and image.packages and image.note for image in images.values())
    assert images["nginx"].image_config.stop_signal == "SIGQUIT"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no image list"),
        ("images: [", "broken image list"),
        ("images: [{name: a}]", "refs"),
        ("images: [{name: a, refs: []}]", "refs"),
        ("images: [{name: A b, refs: [x:1]}]", "name"),
        ("images: [{name: a, refs: [x:1], pakages: [y]}]", "pakages"),
        ("images: [{name: a, refs: [x:1], files: {/etc/x: y}}]", "inside the image"),
        ("images: [{name: a, refs: [x:1], drop: [usr/../../etc]}]", "inside the image"),
        ("images: [{name: a, refs: [x:1]}, {name: a, refs: [y:1]}]", "names a twice"),
        ("images: [{name: a, refs: [x:1]}, {name: b, refs: [x:1]}]", "names x:1 twice"),
    ],
)
def test_a_broken_list_is_a_usage_error_that_names_file_and_fault(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "images.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        imagelist.load(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_list_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image list"):
        imagelist.load(tmp_path / "none.yaml")
