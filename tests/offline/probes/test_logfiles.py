from __future__ import annotations

from typing import Any, cast

import pytest

from podvow.api import Api
from podvow.cluster.node import ExecResult, NodeAccess
from podvow.errors import InjectionError
from podvow.faults.base import NODE_ACCESS, FaultContext
from podvow.probes.logfiles import list_logs
from podvow.timeline import Timeline
from tests.offline.expect.builder import Story


class Disk:
    """A node with the log files of a Pod."""

    def __init__(self, files: str) -> None:
        self.files = files
        self.asked: tuple[str, list[str]] = ("", [])

    def exec(self, node: str, argv: list[str], **_: Any) -> ExecResult:
        """Answer the listing."""
        self.asked = (node, argv)
        return ExecResult(0, self.files.encode(), b"")


def told() -> Timeline:
    story = Story()
    story.pod().initialise()
    return story.timeline()


def context(disk: Disk, timeline: Timeline) -> FaultContext:
    access = cast("NodeAccess", disk)
    return FaultContext(cast("Api", None), "ns", "worker", None, access, lambda: timeline, dict, lambda _: None)


def test_the_numbers_of_the_runs_are_told_by_container() -> None:
    disk = Disk("app/1.log\ninit-1/0.log\napp/0.log\n")
    assert list_logs().look(context(disk, told())) == {"kept": {"app": "0 1", "init-1": "0"}}
    assert disk.asked[0] == "worker"
    assert disk.asked[1][-1] == told().snapshots()[-1].uid
    assert list_logs().needs == {NODE_ACCESS}


def test_a_pod_that_was_not_seen_has_no_folder() -> None:
    with pytest.raises(InjectionError, match="not seen"):
        list_logs().look(context(Disk(""), Story().timeline()))
