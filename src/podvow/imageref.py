"""References of images, as different programs write the same one. Pure."""

from __future__ import annotations


def is_same(full: str, name: str) -> bool:
    """Whether a reference is that of an image; a short name matches with any registry and folder before it.

    Args:
        full: the reference as a node or a status has it.
        name: the image as a manifest or a list of images names it.
    """
    return full == name or full.endswith(f"/{name}")
