"""How many inotify instances a user of this machine may have: all nodes of all clusters share root's.

A node takes 17 (systemd 4, kubelet 7, containerd 2, …), the default is 128: with a third cluster containerd starts
without its CRI plugin ("failed to create fsnotify watcher: too many open files") and the kubelet cannot start.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024
_PLENTY = 512
"""The usual 128 were not enough for eight nodes."""
_NOTE = "inotify"


def widen(folder: Path, limit: Path | None = None) -> None:
    """Raise the limit if it is lower than what many clusters need; harmless where that is not allowed.

    Args:
        folder: keeps what it was.
        limit: the kernel's file.
    """
    limit = limit or LIMIT
    with contextlib.suppress(OSError, ValueError):
        was = int(limit.read_text())
        if was < ENOUGH:
            limit.write_text(f"{ENOUGH}\n")
            (folder / _NOTE).write_text(f"{was}\n")


def restore(folder: Path, limit: Path | None = None) -> None:
    """Set the limit to what it was, unless somebody else changed it since."""
    note, limit = folder / _NOTE, limit or LIMIT
    with contextlib.suppress(OSError, ValueError):
        was = int(note.read_text())
        if int(limit.read_text()) == ENOUGH:
            limit.write_text(f"{was}\n")
        note.unlink()


def hint() -> str:
    """Say so if a kubelet may not have come up because the machine has no instances left for it."""
    try:
        most = int(LIMIT.read_text())
    except (OSError, ValueError):
        return ""
    if most >= _PLENTY:
        return ""
    return f"all nodes share this machine's {most} inotify instances: sysctl fs.inotify.max_user_instances={ENOUGH}"
