"""A cluster that trials are played on, one after the other."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Self

from podvow.api import Api, ApiError
from podvow.cluster import kind, lifecycle
from podvow.cluster.node import DockerNodeAccess
from podvow.cluster.process import CommandError
from podvow.deadline import Deadline
from podvow.faults import deadman
from podvow.paths import REPORTS
from tests.reliability.commands import Commands, Done
from tests.reliability.points import Selection
from tests.reliability.state import State, differences, in_the_api, on_the_nodes

_POLL_S = 0.5
_MEND_S = 300.0


class Lane:
    """A cluster of its own; what it was like in the beginning is what it has to be like after each trial.

    Args:
        name: of the cluster, which runs.
        commands: start `podvow`.
    """

    def __init__(self, name: str, commands: Commands) -> None:
        self.name = name
        self._commands = commands
        cluster = lifecycle.attach(name)
        assert isinstance(cluster.access, DockerNodeAccess)
        self.access = cluster.access
        self._api = Api.connect(cluster.kubeconfig, cluster.context)
        nodes = kind.nodes(name)
        self._nodes = [node.name for node in nodes]
        self.worker = any(node.role == "worker" for node in nodes)
        self.node = nodes[-1].name
        self.recover(timeout_s=_MEND_S)  # what an interrupted play left is not what a cluster is to be like
        self._remember()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def run(self, selection: Selection, point: str, *, timeout_s: float) -> tuple[Done, Path]:
        """Start a run that is killed at a point; return how it ended, and its folder."""
        before = set(_folders())
        done = self._commands.podvow(["run", "--name", self.name, *selection.options], point, timeout_s=timeout_s)
        (folder,) = (folder for folder in set(_folders()) - before if _cluster_of(folder) == self.name)
        return done, folder

    def recover(self, point: str = "", *, timeout_s: float) -> Done:
        """Call `podvow recover` for this cluster."""
        return self._commands.podvow(["recover", "--name", self.name], point, timeout_s=timeout_s)

    def await_same(self, seconds: float, *, nodes_only: bool = False) -> list[str]:
        """Wait until the cluster, or its nodes alone, are as before; return what still differs in the end."""
        deadline, tick = Deadline.after(seconds), threading.Event()
        while True:
            try:
                left = self._differences(nodes_only=nodes_only)
            except (ApiError, CommandError) as error:
                left = [f"node or API: {error}"]
            if not left or deadline.passed:
                return left
            tick.wait(_POLL_S)

    def _differences(self, *, nodes_only: bool) -> list[str]:
        """Compare; what can be asked cheaply first: many looks are taken at a cluster that is not done yet."""
        left = differences(self._in_the_api, in_the_api(self._api))
        left = [each for each in left if not nodes_only or each.startswith("node ")]
        return left or differences(self._on_the_nodes, on_the_nodes(self.access, self._nodes))

    def _remember(self) -> None:
        """Take the cluster as it is for what it has to be like."""
        self._in_the_api: State = in_the_api(self._api)
        self._on_the_nodes: State = on_the_nodes(self.access, self._nodes)

    def mend(self) -> None:
        """Take a leak away, or get used to it, so that it is counted once."""
        self.recover(timeout_s=_MEND_S)
        for node in self._nodes:
            deadman.heal(self.access, node)
        if self.await_same(_MEND_S):
            self._remember()


def _folders() -> list[Path]:
    return list((REPORTS / "runs").iterdir()) if (REPORTS / "runs").is_dir() else []


def _cluster_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "session.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError):
        return ""
