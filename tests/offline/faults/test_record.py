"""A container that is created and not started is what the kubelet would create next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from podvow.errors import InjectionError
from podvow.faults.base import FaultContext
from podvow.faults.record import CreateRecord, create_record
from podvow.timeline import Record, Source, Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark
from tests.offline.expect.builder import Story

CONFIG = {
    "metadata": {"name": "init-2", "attempt": 4},
    "image": {"image": "sha256:b"},
    "labels": {"io.kubernetes.container.name": "init-2", "io.kubernetes.pod.uid": "u"},
    "annotations": {"io.kubernetes.container.restartCount": "4", "io.kubernetes.container.hash": "h"},
    "log_path": "init-2/4.log",
}


class Runtime:
    """CRI of a node; what is created in it is kept."""

    def __init__(self, pod: str) -> None:
        self._pod = pod
        self.created: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.state = "CONTAINER_CREATED"

    def containers(self, node: str) -> list[dict[str, Any]]:
        assert node == "worker"
        listed = [
            ("1", 3, 10, self._pod),
            ("2", 4, 20, self._pod),
            ("3", 9, 30, "other"),
        ]
        return [
            {
                "id": cid,
                "podSandboxId": f"s{cid}",
                "metadata": {"name": "init-2", "attempt": attempt},
                "createdAt": str(at),
                "labels": {"io.kubernetes.pod.namespace": "ns", "io.kubernetes.pod.name": pod},
            }
            for cid, attempt, at, pod in listed
        ]

    def inspect_container(self, _node: str, container_id: str) -> dict[str, Any]:
        return {"status": {"state": self.state}, "info": {"config": CONFIG if container_id == "2" else {}}}

    def inspect_sandbox(self, _node: str, sandbox_id: str) -> dict[str, Any]:
        return {"info": {"config": {"of": sandbox_id}}}

    def create_container(
        self, _node: str, sandbox_id: str, config: dict[str, Any], sandbox_config: dict[str, Any]
    ) -> str:
        self.created.append((sandbox_id, config, sandbox_config))
        return "new"


def _timeline() -> Timeline:
    story = Story()
    story.pod(apps=("app",)).initialise()
    return story.timeline()


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(_timeline().meta.pod)


def _context(runtime: Runtime) -> FaultContext:
    cri, timeline = cast("Any", runtime), _timeline()
    return FaultContext(cast("Any", None), "ns", "worker", cri, None, lambda: timeline, dict, lambda _: None)


def _shown(fault: CreateRecord, facts: Mapping[str, Any]) -> bool:
    begin = Record(0, 0, 1, Source.HARNESS, Kind.FAULT, data={"facts": facts})
    return fault.observed(_timeline(), FaultMark(0, fault.name, fault.target, begin, None))


def test_the_next_run_of_a_container_is_a_copy_of_its_newest_one(runtime: Runtime) -> None:
    fault = create_record("init-2")
    facts = fault.inject(_context(runtime))
    ((sandbox, config, pod),) = runtime.created
    assert (sandbox, pod) == ("s2", {"of": "s2"})
    assert config == {
        **CONFIG,
        "metadata": {"name": "init-2", "attempt": 5},
        "annotations": {"io.kubernetes.container.restartCount": "5", "io.kubernetes.container.hash": "h"},
        "log_path": "init-2/5.log",
    }
    assert _shown(fault, facts)
    assert CONFIG["log_path"] == "init-2/4.log", "the model stays as it was"


def test_the_first_run_of_a_container_is_made_after_another_one(runtime: Runtime) -> None:
    create_record("init-3", like="init-2").inject(_context(runtime))
    ((_, config, _),) = runtime.created
    assert config["metadata"] == {"name": "init-3", "attempt": 0}
    assert config["labels"] == {"io.kubernetes.container.name": "init-3", "io.kubernetes.pod.uid": "u"}
    assert config["annotations"]["io.kubernetes.container.restartCount"] == "0"
    assert config["log_path"] == "init-3/0.log"


def test_one_that_was_started_is_no_proof(runtime: Runtime) -> None:
    runtime.state = "CONTAINER_RUNNING"
    fault = create_record("init-2")
    assert not _shown(fault, fault.inject(_context(runtime)))


def test_without_a_record_there_is_nothing_to_copy(runtime: Runtime) -> None:
    with pytest.raises(InjectionError, match="no record of init-9"):
        create_record("init-9").inject(_context(runtime))
