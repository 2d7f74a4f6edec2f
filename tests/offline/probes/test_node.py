from __future__ import annotations

from typing import Any, cast

import pytest

from podvow.cluster.node import ExecResult, NodeAccess
from podvow.errors import InjectionError
from podvow.faults.base import FaultContext
from podvow.probes.node import container_cgroup, pod_cgroup
from podvow.timeline import Timeline
from tests.offline.expect.builder import Story
from tests.offline.scenario.fake_api import FakeApi

V1 = """\
path /sys/fs/cgroup/cpu/kubepods/poduid-1
cpu.cfs_quota_us 14000
cpu.cfs_period_us 100000
cpu.shares 51
path /sys/fs/cgroup/memory/kubepods/poduid-1
memory.limit_in_bytes 67108864
"""
V2 = """\
path /sys/fs/cgroup/kubepods/poduid-1
cpu.max max 100000
cpu.weight 3
path /sys/fs/cgroup/kubepods/poduid-1
memory.max max
"""


class Node:
    """A node whose one program answers with a text."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def exec(self, node: str, argv: list[str], **_: Any) -> ExecResult:
        """Answer."""
        self.asked = [node, *argv[-2:]]
        return ExecResult(0, self.answer.encode(), b"")


def told() -> Timeline:
    story = Story()
    story.pod().initialise()
    return story.timeline()


def context(node: Node) -> FaultContext:
    access = cast("NodeAccess", node)
    return FaultContext(cast("Any", FakeApi()), "ns", "worker", None, access, told, dict, lambda _: None)


def test_the_pods_cgroup_is_read_with_version_1() -> None:
    node = Node(V1)
    facts = pod_cgroup().look(context(node))
    assert node.asked == ["worker", "poduid-1", "poduid_1"]
    assert (facts["version"], facts["cpu_quota_us"], facts["cpu_shares"]) == (1, 14000, 51)
    assert facts["memory_bytes"] == 64 << 20


def test_no_limit_is_told_as_none_with_both_versions() -> None:
    facts = pod_cgroup().look(context(Node(V2)))
    assert (facts["version"], facts["cpu_quota_us"], facts["cpu_weight"]) == (2, None, 3)
    assert facts["memory_bytes"] is None
    free = V1.replace("14000", "-1").replace("67108864", "9223372036854771712")
    facts = pod_cgroup().look(context(Node(free)))
    assert (facts["cpu_quota_us"], facts["memory_bytes"]) == (None, None)


@pytest.mark.parametrize(
    ("folder", "qos"),
    [
        ("/kubepods/poduid-1", "Guaranteed"),
        ("/kubepods/besteffort/poduid-1", "BestEffort"),
        ("/kubepods/burstable/poduid-1", "Burstable"),
        ("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-poduid_1.slice", "Guaranteed"),
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poduid_1.slice", "Burstable"),
    ],
)
def test_the_folder_of_the_cgroup_tells_the_qos_class(folder: str, qos: str) -> None:
    answer = V2.replace("/kubepods/poduid-1", folder)
    assert pod_cgroup().look(context(Node(answer)))["qos"] == qos


def test_a_containers_cgroup_is_found_by_its_id() -> None:
    node = Node(V1)
    assert container_cgroup("app").name == "cgroup of app"
    container_cgroup("app").look(context(node))
    assert node.asked[1:] == ["uid-1-app-1", "uid-1-app-1"]


@pytest.mark.parametrize("answer", ["", "path /sys/fs/cgroup/cpu/x\ncpu.shares 2\n"])
def test_a_cgroup_that_is_not_there_is_said_so(answer: str) -> None:
    with pytest.raises(InjectionError, match="no complete cgroup of the Pod"):
        pod_cgroup().look(context(Node(answer)))


def test_a_container_that_never_ran_has_no_cgroup() -> None:
    with pytest.raises(InjectionError, match="no container id"):
        container_cgroup("nobody").look(context(Node(V1)))
