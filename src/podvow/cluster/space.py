"""Room on the disk, asked for before work that would fill it after minutes. Must not know what needs it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIB = 1024**3


def require(needs: Mapping[Path, int], purpose: str) -> None:
    """Check that there is room; needs that lie on one disk are added up.

    Args:
        needs: folder (it need not exist yet) → bytes.
        purpose: what they are for, named in the error.

    Raises:
        ClusterUnusableError: with the figures when a disk has less.
    """
    disks: dict[int, tuple[Path, int]] = {}
    for folder, count in needs.items():
        place = existing_part(folder)
        first, so_far = disks.get(place.stat().st_dev, (place, 0))
        disks[place.stat().st_dev] = (first, so_far + count)
    for place, count in disks.values():
        free = shutil.disk_usage(place).free
        if free < count:
            raise ClusterUnusableError(
                f"{purpose} needs about {count / GIB:.0f} GiB; the disk of {place} has {free / GIB:.1f} GiB left",
                hint="make room, or set PODVOW_CACHE to a folder on a larger disk",
            )


def existing_part(path: Path) -> Path:
    """Return the innermost folder of a path that exists."""
    return next((part for part in (path, *path.parents) if part.exists()), path)
