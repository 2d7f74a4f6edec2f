"""Stages of a long build: each leaves a folder with a stamp, is resumed after an interruption, never half-written.

A stage is built in a folder of its own beside its place and renamed when it is complete; its stamp names the inputs
(the key) and the checksum of every file. Must not know what is built.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock

from podvow.cluster import mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_STAMP = "stamp.json"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(inputs: Mapping[str, object]) -> str:
    """Return a short key for the inputs of a stage."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def read_stamp(folder: Path) -> dict[str, object]:
    """Return the stamp of a stage, empty when it has none or a broken one."""
    try:
        stamp = json.loads((folder / _STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_complete(folder: Path, inputs: Mapping[str, object], *, thorough: bool = True) -> bool:
    """Whether a stage's folder holds what these inputs make, unharmed.

    Args:
        folder: the stage's place.
        inputs: what it was to be made from.
        thorough: compare checksums, not only sizes.
    """
    stamp = read_stamp(folder)
    files = stamp.get("files")
    if stamp.get("key") != key_of(inputs) or not isinstance(files, dict):
        return False
    for name, fact in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != fact["size"]:
            return False
        if thorough and digest(path) != fact["sha256"]:
            return False
    return True


def ensure(folder: Path, inputs: Mapping[str, object], build: Callable[[Path], None]) -> bool:
    """Make a stage unless its folder already holds it.

    Args:
        folder: the stage's place; replaced as a whole.
        inputs: everything that the result depends on (JSON values).
        build: fills the empty folder that it is given.

    Returns:
        Whether it had to be built.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if is_complete(folder, inputs):
            return False
        new = folder.with_name(f".{folder.name}.new")
        discard(new)
        new.mkdir()
        build(new)
        files = {
            str(path.relative_to(new)): {"size": path.stat().st_size, "sha256": digest(path)}
            for path in sorted(new.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        stamp = {"key": key_of(inputs), "inputs": dict(inputs), "files": files}
        (new / _STAMP).write_text(json.dumps(stamp, indent=1) + "\n")
        discard(folder)
        new.rename(folder)
        return True


def discard(folder: Path) -> None:
    """Remove a folder if it is there, after unmounting what an interrupted stage left below it."""
    mounts.unmount_below(folder)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
