"""Questions to a node's kernel: the limits of the cgroup of a Pod or of a container, cgroup v1 and v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podvow.errors import InjectionError
from podvow.faults.base import NODE_ACCESS, FaultContext

_SCRIPT = """
top=/sys/fs/cgroup
if [ -e $top/cgroup.controllers ]; then cpu=$top memory=$top; else cpu=$top/cpu memory=$top/memory; fi
show() {
  folder=$(find "$1/" -type d \\( -name "*$2*" -o -name "*$3*" \\) | head -n 1)
  [ -n "$folder" ] || return 0
  echo "path $folder"
  shift 3
  for file; do [ ! -e "$folder/$file" ] || echo "$file $(cat "$folder/$file")"; done
}
show $cpu "$1" "$2" cpu.cfs_quota_us cpu.cfs_period_us cpu.shares cpu.max cpu.weight
show $memory "$1" "$2" memory.limit_in_bytes memory.max
"""
_UNLIMITED = 1 << 62
"""What cgroup v1 calls no limit is the largest multiple of a page that it can count."""

_BELOW = {"besteffort": "BestEffort", "burstable": "Burstable"}
"""QoS classes by the folder that their Pods are in; Guaranteed Pods are in none of their own (cgroup drivers
cgroupfs and systemd; pkg/kubelet/cm/qos_container_manager_linux.go)."""


def _read(lines: Mapping[str, str]) -> dict[str, Any]:
    """Return what the files of a cgroup say, the same for both versions; None stands for no limit."""
    v2 = "cpu.max" in lines
    quota, period = lines["cpu.max"].split() if v2 else (lines["cpu.cfs_quota_us"], lines["cpu.cfs_period_us"])
    memory = lines["memory.max" if v2 else "memory.limit_in_bytes"]
    return {
        "version": 2 if v2 else 1,
        "path": lines["path"],
        "qos": next((qos for part, qos in _BELOW.items() if part in lines["path"]), "Guaranteed"),
        "cpu_quota_us": None if quota in {"max", "-1"} else int(quota),
        "cpu_period_us": int(period),
        "cpu_shares": None if v2 else int(lines["cpu.shares"]),
        "cpu_weight": int(lines["cpu.weight"]) if v2 else None,
        "memory_bytes": None if memory == "max" or int(memory) >= _UNLIMITED else int(memory),
    }


@dataclass(frozen=True)
class ReadCgroup:
    """Read the limits of a cgroup: that of a container, or of the whole Pod when no container is named."""

    container: str = ""

    @property
    def name(self) -> str:
        """The cgroup."""
        return f"cgroup of {self.container or 'the Pod'}"

    @property
    def needs(self) -> frozenset[str]:
        """Commands on the node."""
        return frozenset({NODE_ACCESS})

    def look(self, context: FaultContext) -> Mapping[str, Any]:
        """Find it by the UID or the container's id, read its files."""
        words = self._words(context)
        answer = context.nodes.exec(context.node, ["sh", "-c", _SCRIPT, "sh", *words]).stdout.decode()
        lines = dict(line.split(" ", 1) for line in answer.splitlines() if " " in line)
        try:
            return _read(lines)
        except (KeyError, ValueError) as error:
            raise InjectionError(f"no complete {self.name} on {context.node}: {answer[:200]!r}") from error

    def _words(self, context: FaultContext) -> tuple[str, str]:
        """Return the two spellings of what the cgroup's folder is named after."""
        shots = context.timeline().snapshots()
        if not shots:
            raise InjectionError("the Pod was not seen yet")
        if not self.container:
            return f"pod{shots[-1].uid}", f"pod{shots[-1].uid.replace('-', '_')}"
        found = shots[-1].container_id(self.container)
        if not found:
            raise InjectionError(f"{self.container} has no container id")
        return found, found


def pod_cgroup() -> ReadCgroup:
    """Return the probe that reads the limits of the Pod's cgroup on its node."""
    return ReadCgroup()


def container_cgroup(container: str) -> ReadCgroup:
    """Return the probe that reads the limits of a running container's cgroup on its node."""
    return ReadCgroup(container)
