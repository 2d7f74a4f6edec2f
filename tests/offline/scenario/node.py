"""A node in a folder: what its kubelet and containerd keep there, and a `ctr` whose words the test writes."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from podvow.cluster.node import ExecResult
from podvow.paths import FIXTURES

BUNDLES = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
PODS = "/var/lib/kubelet/pods"
SCRIPT = (FIXTURES / "scripts" / "node_stream.sh").read_text(encoding="utf-8")


def cid(number: int) -> str:
    """Return a container id."""
    return f"{number:064x}"


def event(topic: str, container_id: str, **more: object) -> str:
    """Return a line as `ctr events` prints it, without its line end."""
    key = "id" if topic.startswith("/containers") else "container_id"
    body = json.dumps({key: container_id, **more}, separators=(",", ":"))
    return f"2026-11-23 14:03:05.123456789 +0000 UTC k8s.io {topic} {body}"


class FakeNode:
    """Gives access to itself the way a real node does.

    Attributes:
        opened: how often a program was started on it.
    """

    def __init__(self, folder: Path) -> None:
        self.opened = 0
        self._folder = folder
        self._pipe = -1
        for part in ("bin", "bundles", "records", "pods"):
            (folder / part).mkdir()
        subprocess.run(["mkfifo", folder / "events"], check=True)
        # Its own process reads: `timeout` would, when a signal comes too early, leave the reader behind.
        ctr = folder / "bin" / "ctr"
        ctr.write_text(
            "#!/bin/sh\n"
            f'[ "$*" = "-n k8s.io containers info --spec $6" ] && exec cat "{folder}/records/$6"\n'
            '[ "$*" = "-n k8s.io events" ] || exit 0\n'
            "echo '2026-11-23 14:03:05.1 +0000 UTC k8s.io /namespaces/update {}'\n"
            f'exec cat "{folder}/events"\n'
        )
        ctr.chmod(0o755)

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        """Nothing else is run on it."""
        raise NotImplementedError(node, argv, stdin, timeout_s, check)

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Run a program with the node's paths put in."""
        assert node == "worker"
        self.opened += 1
        script = argv[-1].replace(BUNDLES, str(self._folder / "bundles")).replace(PODS, str(self._folder / "pods"))
        return subprocess.Popen(
            [*argv[:-1], script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}"},
        )

    def bundle(
        self, container_id: str, *, container: str = "app", namespace: str = "podvow-r-k", over: bool = False
    ) -> None:
        """Let containerd have a container; of one that is over it has a record only, and prints that over lines."""
        annotations = {
            "io.kubernetes.cri.container-type": "container" if container else "sandbox",
            "io.kubernetes.cri.sandbox-namespace": namespace,
            "io.kubernetes.cri.sandbox-name": "main",
            "io.kubernetes.cri.sandbox-uid": "u-1",
            "io.kubernetes.cri.sandbox-id": cid(0),
            **({"io.kubernetes.cri.container-name": container} if container else {}),
        }
        config = {"ociVersion": "1.2.0", "process": {"args": ["a}b"]}, "annotations": annotations, "linux": {}}
        if over:
            (self._folder / "records" / container_id).write_text(json.dumps(config, indent=4))
            return
        folder = self._folder / "bundles" / container_id
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config, separators=(",", ":")))

    def trace(self, uid: str, text: str) -> None:
        """Append to the trace of a Pod."""
        folder = self._folder / "pods" / uid / "volumes" / "kubernetes.io~empty-dir" / "podvow-trace"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "trace").open("a") as handle:
            handle.write(text)

    def remove_volume(self, uid: str) -> None:
        """Remove the trace but leave the Pod's folder, as the kubelet does for a while."""
        folder = self._folder / "pods" / uid / "volumes" / "kubernetes.io~empty-dir" / "podvow-trace"
        (folder / "trace").unlink()

    def say(self, text: str) -> None:
        """Let `ctr` print a piece; waits until a reader has opened the pipe."""
        if self._pipe < 0:
            self._pipe = os.open(self._folder / "events", os.O_WRONLY)
        os.write(self._pipe, text.encode())

    def unheard(self, patience_s: float) -> bool:
        """Wait until nobody reads any more what `ctr` would print."""
        poll = select.poll()
        poll.register(self._pipe, 0)
        return bool(poll.poll(patience_s * 1000))

    def hang_up(self) -> None:
        """Let `ctr` come to its end."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        # A reader that waits for somebody to write for the first time would outlive the tests.
        os.close(os.open(self._folder / "events", os.O_RDWR | os.O_NONBLOCK))
