"""Access to a node from its outside: run a program there, or keep one running.

With kind a node is a container, so `docker exec` does it. Must not know what is run.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from podvow.cluster.process import run
from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a program on a node did."""

    code: int
    stdout: bytes
    stderr: bytes


class NodeAccess(Protocol):
    """Ways onto a node."""

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        """Run a program on a node to its end.

        Raises:
            CommandError: on a non-zero code (if `check`) or a timeout.
        """
        ...

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on a node, with pipes to its standard input and output; its standard error is lost.

        A third pipe that nobody reads would block the program once it is full.
        """
        ...


def put_file(access: NodeAccess, node: str, path: str, data: bytes, mode: str = "0644") -> bool:
    """Write a file on a node, whole or not at all, unless it is there already; returns whether it had to."""
    there = access.exec(node, ["cat", path], check=False)
    if there.code == 0 and there.stdout == data:
        return False
    script = 'cat >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"'
    access.exec(node, ["sh", "-c", script, "sh", path, mode], stdin=data)
    return True


class DockerNodeAccess:
    """Nodes that are containers of the engine that `docker` talks to.

    Args:
        host: DOCKER_HOST to use; this process's own by default.
    """

    def __init__(self, host: str | None = None) -> None:
        self._host = host or os.environ.get("DOCKER_HOST")

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 30.0,
        check: bool = True,
    ) -> ExecResult:
        """Run a program on a node to its end; see `NodeAccess.exec`."""
        command = self._command(node, argv, interactive=stdin is not None)
        ran = run(command, stdin=stdin, timeout_s=timeout_s, check=check, env=self._env())
        return ExecResult(ran.code, ran.stdout, ran.stderr)

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on a node; the caller ends it (closing its input, or killing it).

        Killing the client does not kill the program on the node: let it end when its input does.
        """
        return subprocess.Popen(
            self._command(node, argv, interactive=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self._env()},
        )

    def _command(self, node: str, argv: Sequence[str], *, interactive: bool) -> list[str]:
        if not argv:
            raise ClusterUnusableError("no program given to run on the node")
        # Without -i docker does not hand over standard input, and says nothing about it.
        return ["docker", "exec", *(["-i"] if interactive else []), node, *argv]

    def _env(self) -> dict[str, str]:
        return {"DOCKER_HOST": self._host} if self._host else {}
