"""The container engine: a Docker daemon that already answers, or else one of our own without uplink.

Must not know Kubernetes. Everything that talks to containers goes through the `docker` client with the environment
that `Engine` sets.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from podvow.cluster import dockerd, netns
from podvow.cluster.process import CommandError, run
from podvow.cluster.progress import Progress
from podvow.errors import ClusterUnusableError

_ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    Attributes:
        own: whether podvow started it, in a network namespace without uplink.
        version: the daemon's version.
    """

    own: bool
    version: str

    @property
    def has_uplink(self) -> bool:
        """Whether it could reach a registry."""
        return not self.own


def ensure_engine(progress: Progress | None = None) -> Engine:
    """Return an engine that answers, starting our own if there is none.

    Raises:
        ClusterUnusableError: when there is none and none can be started.
    """
    found = find_engine()
    if found:
        return found
    progress = progress or Progress()
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ClusterUnusableError(
            "no Docker daemon answers, and podvow can start its own only as root on Linux",
            hint="start Docker, run as root, or use a cluster that exists: --kubeconfig FILE --context NAME",
        )
    with progress.step("engine", "starting a container engine of our own (no Docker daemon answers)"):
        dockerd.start()
    started = _own_engine()
    if not started:
        raise ClusterUnusableError("our own container engine started but does not answer", hint=dockerd.log_hint())
    return started


def find_engine() -> Engine | None:
    """Return the engine that already answers, the user's before our own; None when there is none."""
    dockerd.extend_path()
    if os.environ.get("DOCKER_HOST") != dockerd.HOST:
        version = _server_version({})
        if version:
            return Engine(own=False, version=version)
    return _own_engine()


def _own_engine() -> Engine | None:
    if not dockerd.is_running() or not netns.exists():
        return None
    version = _server_version({"DOCKER_HOST": dockerd.HOST})
    if not version:
        return None
    os.environ["DOCKER_HOST"] = dockerd.HOST
    return Engine(own=True, version=version)


def enter_engine_network() -> Engine:
    """Make this process able to reach the cluster: enter our own engine's network; nothing with the user's engine.

    Call it early, in the main thread; idempotent.

    Raises:
        ClusterUnusableError: when no engine answers.
    """
    engine = find_engine()
    if engine is None:
        raise ClusterUnusableError("no container engine answers", hint="podvow up")
    if engine.own:
        netns.enter()
    return engine


def stop_engine() -> None:
    """Stop our own engine, if there is one, with its namespace and mounts; the user's engine is never touched."""
    netns.leave()
    dockerd.stop()
    if os.environ.get("DOCKER_HOST") == dockerd.HOST:
        del os.environ["DOCKER_HOST"]


def _server_version(env: dict[str, str]) -> str:
    if not shutil.which("docker"):
        return ""
    socket = env.get("DOCKER_HOST", os.environ.get("DOCKER_HOST", "")).removeprefix("unix://")
    if socket.startswith("/") and not Path(socket).exists():
        return ""
    try:
        return run(["docker", "version", "--format", "{{.Server.Version}}"], env=env, timeout_s=_ASK_S).text
    except CommandError:
        return ""
