"""References of images."""

from __future__ import annotations

import pytest

from podvow import imageref


@pytest.mark.parametrize(
    ("full", "name", "same"),
    [
        ("busybox:1", "busybox:1", True),
        ("registry.example/library/busybox:1", "busybox:1", True),
        ("registry.example/notbusybox:1", "busybox:1", False),
        ("busybox:1", "library/busybox:1", False),
        ("busybox:1", "busybox:2", False),
        ("", "busybox:1", False),
    ],
)
def test_a_short_name_is_that_of_any_registry(full: str, name: str, *, same: bool) -> None:
    assert imageref.is_same(full, name) is same
