"""How much CPU the nodes of a cluster use while something runs on them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from podvow.cluster.node import NodeAccess
from podvow.cluster.process import CommandError

_EVERY_S = 10.0
_FILES = ("/sys/fs/cgroup/cpuacct/cpuacct.usage", "/sys/fs/cgroup/cpu.stat")


def used_s(access: NodeAccess, node: str) -> float | None:
    """Return the CPU seconds that a node has used since it was started; None when it cannot be asked."""
    try:
        ran = access.exec(node, ["cat", *_FILES], check=False, timeout_s=10.0)
    except (CommandError, OSError):
        return None
    words = ran.stdout.decode().split()
    if words and words[0].isdigit():
        return int(words[0]) / 1e9
    if "usage_usec" in words:
        return int(words[words.index("usage_usec") + 1]) / 1e6
    return None


class CpuMeter:
    """Adds up the CPU seconds of nodes, also of those that are started again meanwhile (they count from zero then).

    Args:
        nodes: their names.
        read: returns a node's counter in seconds, None when it cannot be asked.
        every_s: how often to look, in seconds; what a node used since the last look is lost when it goes down.
    """

    def __init__(
        self, nodes: Iterable[str], read: Callable[[str], float | None], *, every_s: float = _EVERY_S
    ) -> None:
        self._read = read
        self._every_s = every_s
        self._last: dict[str, float | None] = dict.fromkeys(nodes)
        self._sum_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cpu", daemon=True)

    def start(self) -> None:
        """Begin to count."""
        self.look()
        self._thread.start()

    def stop(self) -> float:
        """Count no longer; return the CPU seconds since the beginning."""
        self._over.set()
        self._thread.join(timeout=self._every_s)
        self.look()
        return self._sum_s

    def look(self) -> None:
        """Add what was used since the last look."""
        for node, last in self._last.items():
            now = self._read(node)
            if now is None:
                continue
            if last is not None:
                self._sum_s += now - last if now >= last else now
            self._last[node] = now

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.look()
