"""Access to a node from its outside: run a program there, or keep one running.

With kind a node is a container, so `docker exec` does it. Must not know what is run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import tenacity

from podvow.cluster import frost
from podvow.cluster.process import CommandError, Ran, run
from podvow.errors import ClusterUnusableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CA_FILE = "/etc/kubernetes/pki/ca.crt"
"""Where kubeadm puts the certificate authority of its cluster, on every node."""
_ENGINE_S = 60.0
_OPENING_S = 3.0


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


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a node, from its power-on to its end.

    Attributes:
        since: when it was switched on, in the engine's words; every life has another one.
        running: whether it is on.
        frozen: whether all its processes stand still.
        address: its address in the nodes' network; it may be another one in the next life.
    """

    since: str
    running: bool
    frozen: bool
    address: str


@runtime_checkable
class NodePower(Protocol):
    """Ways to treat a node as the machine that it is."""

    def life(self, node: str) -> Life:
        """Return the state of a node."""
        ...

    def freeze(self, node: str) -> None:
        """Let every process of a node stand still."""
        ...

    def thaw(self, node: str) -> None:
        """Let them go on."""
        ...

    def reboot(self, node: str) -> None:
        """Shut a node down and switch it on again; returns before its kubelet is up."""
        ...

    def cut_power(self, node: str) -> None:
        """End a node at once; nothing on it is told."""
        ...

    def switch_on(self, node: str) -> None:
        """Start a node that is off; harmless when it is on."""
        ...


@runtime_checkable
class Machines(Protocol):
    """Ways to tell one node from another of the same name."""

    def machine(self, node: str) -> str:
        """Return what stays the same as long as it is the same machine, also while it is frozen or off.

        Raises:
            CommandError: when it cannot be told.
        """
        ...


def put_program(access: NodeAccess, node: str, path: str, program: bytes, *, timeout_s: float) -> None:
    """Write a program on a node, whole or not at all, and make its folder."""
    script = 'mkdir -p "$(dirname "$1")" && cat >"$1.new" && chmod 0755 "$1.new" && mv "$1.new" "$1"'
    access.exec(node, ["sh", "-c", script, "sh", path], stdin=program, timeout_s=timeout_s)


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
        self._changed = threading.Condition()
        self._frozen: set[str] = set()
        self._inside: Counter[str] = Counter()
        self._opened: dict[str, float] = {}

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
        with self._awake(node):
            ran = run(command, stdin=stdin, timeout_s=timeout_s, check=check, env=self._env())
        return ExecResult(ran.code, ran.stdout, ran.stderr)

    def popen(self, node: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on a node; the caller ends it (closing its input, or killing it).

        Killing the client does not kill the program on the node: let it end when its input does.
        """
        with self._awake(node):
            self._opened[node] = time.monotonic()
            return subprocess.Popen(
                self._command(node, argv, interactive=True),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **self._env()},
            )

    @contextlib.contextmanager
    def _awake(self, node: str) -> Iterator[None]:
        """Begin nothing on a frozen node.

        A program that is just being started when its node is frozen holds the engine's lock on the node, and the
        node can never be thawed again (seen with docker 26.1).
        """
        with self._changed:
            self._changed.wait_for(lambda: node not in self._frozen, _ENGINE_S)
            self._inside[node] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[node] -= 1
                self._changed.notify_all()

    def life(self, node: str) -> Life:
        """Return the state of a node; see `NodePower`."""
        raw: dict[str, Any] = json.loads(self._engine("inspect", node).stdout)[0]
        networks = raw.get("NetworkSettings", {}).get("Networks") or {}
        address = next((str(n["IPAddress"]) for n in networks.values() if n.get("IPAddress")), "")
        state = raw["State"]
        return Life(str(state["StartedAt"]), bool(state["Running"]), bool(state["Paused"]), address)

    def machine(self, node: str) -> str:
        """Return the id of the node's container."""
        return self._engine("inspect", "--format", "{{.Id}}", node).text

    def freeze(self, node: str) -> None:
        """Freeze the node's container, once no program is on its way onto it."""
        with self._changed:
            self._frozen.add(node)
            quiet = self._changed.wait_for(lambda: not self._inside[node], _ENGINE_S)
        if not quiet:
            self._melt(node)
            raise ClusterUnusableError(f"{node} cannot be frozen: programs are being run on it without end")
        try:
            time.sleep(max(0.0, self._opened.get(node, 0.0) + _OPENING_S - time.monotonic()))
            self._pause(node)
        except BaseException:
            self._melt(node)
            raise

    def _pause(self, node: str) -> None:
        """Ask until it is done: the kernel gives up on a node that forks faster than it can be frozen."""
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(CommandError),
            stop=tenacity.stop_after_delay(_ENGINE_S),
            wait=tenacity.wait_fixed(0.5),
            reraise=True,
        ):
            with attempt:
                self._engine("pause", node)

    def thaw(self, node: str) -> None:
        """Thaw the node's container."""
        try:
            self._engine("unpause", node)
        except CommandError:
            if self.life(node).frozen:  # else somebody else was faster: a watchdog, `podvow recover`
                raise
        self._melt(node)

    def _melt(self, node: str) -> None:
        with self._changed:
            self._frozen.discard(node)
            self._changed.notify_all()

    def reboot(self, node: str) -> None:
        """Restart the node's container; its init has a few seconds to shut down."""
        with frost.thawing([self.machine(node)]):
            self._engine("restart", "-t", "5", node)

    def cut_power(self, node: str) -> None:
        """Kill the node's container."""
        with frost.thawing([self.machine(node)]):
            self._engine("kill", node)

    def switch_on(self, node: str) -> None:
        """Start the node's container."""
        self._engine("start", node)

    def _engine(self, *words: str) -> Ran:
        return run(["docker", *words], timeout_s=_ENGINE_S, env=self._env())

    def _command(self, node: str, argv: Sequence[str], *, interactive: bool) -> list[str]:
        if not argv:
            raise ClusterUnusableError("no program given to run on the node")
        # Without -i docker does not hand over standard input, and says nothing about it.
        return ["docker", "exec", *(["-i"] if interactive else []), node, *argv]

    def _env(self) -> dict[str, str]:
        return {"DOCKER_HOST": self._host} if self._host else {}
