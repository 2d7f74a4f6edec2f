"""Nodes for tests: each is a folder, in which the real shell lines run with a systemctl and a curl of the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from podvow.cluster.node import ExecResult, Life
from podvow.cluster.process import CommandError
from podvow.faults import deadman

_SYSTEMCTL = """#!/bin/sh
word=$1; shift
for unit in "$@"; do
  case $unit in -*) continue;; esac
  case $word in
    is-active) cat "$ROOT/units/$unit" 2>/dev/null || echo inactive;;
    show) echo "MainPID=7"; echo "ActiveState=$(cat "$ROOT/units/$unit")";;
    restart|start) echo active >"$ROOT/units/$unit";;
    stop) case $unit in podvow-*) rm -f "$ROOT/units/$unit";; *) echo inactive >"$ROOT/units/$unit";; esac;;
  esac
done
exit 0
"""
_CURL = '#!/bin/sh\n[ "$(cat "$ROOT/units/kubelet")" = active ] && printf ok\n'
CNI = "/etc/cni/net.d/10-podvow.conflist"


class Nodes:
    """Access to made-up nodes.

    Args:
        folder: where they are.
        names: their names.

    Attributes:
        frozen: nodes that stand still.
        off: nodes without power.
        calls: what was run, `NODE: argv`.
    """

    def __init__(self, folder: Path, *names: str) -> None:
        self._folder = folder
        self.frozen: set[str] = set()
        self.off: set[str] = set()
        self.calls: list[str] = []
        tools = folder / "bin"
        tools.mkdir(parents=True)
        for name, text in (("systemctl", _SYSTEMCTL), ("curl", _CURL)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        for name in names:
            for unit in ("kubelet", "containerd"):
                self.write(name, f"/units/{unit}", "active\n")
            self.write(name, CNI, "{}")
            for part in ("/etc/kubernetes/manifests", "/etc/systemd/system", "/run/systemd/system"):
                self.path(name, part).mkdir(parents=True)

    def path(self, node: str, path: str) -> Path:
        """Return a node's file."""
        return self._folder / node / path.lstrip("/")

    def write(self, node: str, path: str, text: str = "x") -> None:
        """Write a node's file."""
        file = self.path(node, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def state(self) -> dict[str, Any]:
        """Return everything that a fault could have changed."""
        files = {
            str(path.relative_to(self._folder)): path.read_text()
            for path in sorted(self._folder.glob("*/**/*"))
            if path.is_file() and "bin" not in path.parts
        }
        return {"files": files, "frozen": sorted(self.frozen), "off": sorted(self.off)}

    # the way onto them

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        """Run a program with the node's folder as its root, as far as podvow goes."""
        self.calls.append(f"{node}: {' '.join(argv)}")
        if node in self.frozen | self.off:
            raise CommandError(argv, 1, b"cannot exec in a container that stands still")
        root = self._folder / node
        moved = [
            word.replace("/etc/", f"{root}/etc/").replace("/run/systemd/", f"{root}/run/systemd/") for word in argv
        ]
        done = subprocess.run(
            moved,
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={
                "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
                "ROOT": str(root),
                "PODVOW_ROOT": str(root),
            },
        )
        if check and done.returncode:
            raise CommandError(argv, done.returncode, done.stderr)
        return ExecResult(done.returncode, done.stdout.replace(str(root).encode(), b""), done.stderr)

    def popen(self, node: str, argv: Sequence[str]) -> Any:
        """Nothing goes on on these nodes."""
        raise NotImplementedError(node, argv)

    def life(self, node: str) -> Life:
        """Return the state of a node."""
        return Life("since", node not in self.off, node in self.frozen, "10.0.0.2")

    def freeze(self, node: str) -> None:
        """Let it stand still."""
        self.frozen.add(node)

    def thaw(self, node: str) -> None:
        """Let it go on."""
        self.frozen.discard(node)

    def reboot(self, node: str) -> None:
        """Begin a new life."""
        self.calls.append(f"{node}: reboot")

    def cut_power(self, node: str) -> None:
        """Switch it off."""
        self.off.add(node)

    def switch_on(self, node: str) -> None:
        """Switch it on."""
        self.off.discard(node)


def breaks(nodes: Nodes, node: str) -> dict[str, Callable[[], object]]:
    """Return everything that a node fault can leave behind, by name."""

    def broken_network() -> None:
        nodes.write(node, "/etc/cni/net.d/00-podvow-broken.conflist")

    def no_network() -> None:
        away = nodes.path(node, "/etc/cni/podvow-away")
        away.mkdir()
        nodes.path(node, CNI).rename(away / Path(CNI).name)

    return {
        "armed timer": lambda: deadman.arm(nodes, node, "r1", 900),
        "stopped kubelet": lambda: nodes.write(node, "/units/kubelet", "inactive\n"),
        "stopped containerd": lambda: nodes.write(node, "/units/containerd", "failed\n"),
        "broken network": broken_network,
        "no network": no_network,
        "frozen": lambda: nodes.freeze(node),
        "off": lambda: nodes.cut_power(node),
    }
