"""A node that is a folder: its files, a `systemctl` and a `kubectl` that keep their state in it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from podvow.cluster.node import ExecResult
from podvow.cluster.process import CommandError

_SYSTEMCTL = """#!/bin/sh
state={folder}/units
echo "$*" >>{folder}/calls
verb=$1
shift
case $verb in
is-active)
    for unit; do [ -e "$state/$unit" ] && exit 0; done
    exit 3 ;;
start | restart) for unit; do touch "$state/$unit"; done ;;
stop) for unit; do rm -f "$state/$unit"; done ;;
show)
    if [ -e {folder}/stale ]; then echo NeedDaemonReload=yes; else echo NeedDaemonReload=no; fi
    if [ -e {folder}/healing ]; then echo ActiveState=activating; else echo ActiveState=inactive; fi ;;
daemon-reload) rm -f {folder}/stale ;;
esac
"""
_KUBECTL = """#!/bin/sh
[ -e {folder}/api-away ] && exit 1
for word; do
    case $word in
    --unix-socket=*) echo "$*" >>{folder}/patches; touch "${{word#*=}}"; exec sleep 60 ;;
    esac
done
cat {folder}/offers
"""
_CURL = """#!/bin/sh
echo "$*" >>{folder}/patches
[ -e {folder}/stubborn ] || : >{folder}/offers
"""


class FolderNode:
    """Gives access to itself the way a real node does.

    Attributes:
        refuses: whether every program fails.
        environment: what programs find in theirs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refuses = False
        self.environment: dict[str, str] = {}
        for part in ("bin", "units", "etc/kubernetes/manifests", "etc/cni/net.d", "etc/systemd/system"):
            (folder / part).mkdir(parents=True)
        (folder / "offers").touch()
        for name, text in (("systemctl", _SYSTEMCTL), ("kubectl", _KUBECTL), ("curl", _CURL)):
            program = folder / "bin" / name
            program.write_text(text.format(folder=folder))
            program.chmod(0o755)
        for unit in ("kubelet", "containerd"):
            self.start(unit)

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        assert node == "worker"
        if self.refuses:
            raise CommandError(argv, 1, b"no")
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            list(argv),
            input=stdin or b"",
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={"PATH": path, "PODVOW_ROOT": str(self.folder), **self.environment},
        )
        if check and done.returncode:
            raise CommandError(argv, done.returncode, done.stderr)
        return ExecResult(done.returncode, done.stdout, done.stderr)

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Nothing is kept running on it."""
        raise NotImplementedError(node, argv)

    def go_off(self) -> int:
        """Do what systemd does when the timer has elapsed; return the service's exit code."""
        unit = (self.folder / "etc/systemd/system/podvow-heal.service").read_text()
        values = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
        name, value = values["Environment"].split("=")
        self.environment = {name: value}
        try:
            return self.exec("worker", values["ExecStart"].split(), check=False).code
        finally:
            self.environment = {}

    def start(self, unit: str) -> None:
        (self.folder / "units" / unit).touch()

    def stop(self, unit: str) -> None:
        (self.folder / "units" / unit).unlink()

    def runs(self, unit: str) -> bool:
        return (self.folder / "units" / unit).exists()

    def write(self, path: str, text: str = "{}") -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def offer(self, *resources: str) -> None:
        (self.folder / "offers").write_text(json.dumps(dict.fromkeys(resources, "4")))

    @property
    def files(self) -> list[str]:
        """What lies in the folders that faults and timer write to."""
        etc = self.folder / "etc"
        return sorted(str(p.relative_to(etc)) for p in etc.rglob("*") if not p.is_dir() or p.is_symlink())

    @property
    def calls(self) -> list[str]:
        """What systemctl was asked."""
        return (self.folder / "calls").read_text().splitlines()
