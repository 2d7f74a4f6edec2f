"""What is mounted below a folder, and taking it away: never delete through a mount that a crash has left."""

from __future__ import annotations

from pathlib import Path

from podvow.cluster.process import run


def below(folder: Path, table: Path = Path("/proc/self/mounts")) -> list[str]:
    """Return the mount points below a folder, innermost first; none where there is no mount table."""
    if not table.is_file():
        return []
    points = [line.split()[1].replace("\\040", " ") for line in table.read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything below a folder, lazily."""
    for point in below(folder):
        run(["umount", "-l", point], check=False)
