"""Runs under whose feet the cluster is exchanged: they stop before the next fault and clean up where it is safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.cluster.profile import ClusterProfile, NodeProfile, Windows
from podvow.errors import NotApprovedError
from podvow.faults import offer
from podvow.faults.base import NODE_ACCESS, FaultContext, Isolation
from podvow.journal.reading import read
from podvow.journal.undo import HealNode
from podvow.judge import verdict_of
from podvow.scenario import driver as driver_module
from podvow.scenario import play as play_module
from podvow.scenario.conditions import running
from podvow.scenario.driver import Driver, Planned
from podvow.scenario.hub import Hub
from podvow.scenario.model import Inject, Scenario
from podvow.timeline import Timeline
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark
from podvow.verdict import Judgement, Outcome, Verdict
from tests.offline.safety.guarded import Allowed, Machinery, guarded, write_kubeconfig
from tests.offline.scenario.fake_api import FakeApi

POD = "crashing-app"
OTHER = "https://10.0.0.1:6443"


@dataclass(frozen=True)
class Counted:
    """A fault that counts how often it is injected and undone."""

    done: list[str] = field(compare=False)
    then: Callable[[], None] = field(default=lambda: None, compare=False)
    name: str = "poke"
    isolation: Isolation = Isolation.POD
    needs: frozenset[str] = frozenset()
    target: str = "the Pod"

    def undoing(self, node: str) -> HealNode:
        return HealNode(node)

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        assert context.node == "worker"
        self.done.append(f"inject {self.name}")
        self.then()
        return {}

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        return bool(timeline.records) and mark.name == self.name

    def undo(self, context: FaultContext) -> None:
        assert context.node == "worker"
        self.done.append(f"undo {self.name}")


class Quiet:
    """Hears nothing."""

    def scenario_started(self, scenario_id: str) -> None:
        """Begin."""

    def scenario_recorded(self, scenario_id: str, wall_s: float) -> None:
        """End."""


class Ground:
    """A cluster that can be exchanged while scenarios are played on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api = FakeApi(lambda api, pod: cast("None", api.run(pod)))
        self.nodes = Machinery()
        self.nodes.belongs("worker", "ours")
        self.allowed = Allowed()
        self.guard = guarded(folder, self.api, self.nodes, self.allowed)
        self.done: list[str] = []
        self.made: list[str] = []
        self.api.before_post = lambda raw: self.made.append(raw["kind"])
        self.driver: Driver | None = None

    def start(self, *scenarios: Scenario, per_node: int = 40) -> Driver:
        self.driver = Driver(
            api=cast("Any", self.api),
            guard=self.guard,
            profile=ClusterProfile("v1.37.2", (NodeProfile("worker", "v1.37.2", ready=True),)),
            run_id="r1",
            folder=self.folder,
            planned=[
                Planned(f"a.b.s{n}", f"k{n}", f"suites/t.py::s{n}", s, self.folder / "evidence" / f"s{n}.jsonl")
                for n, s in enumerate(scenarios)
            ],
            listener=Quiet(),
            per_node=per_node,
        )
        self.driver.start()
        return self.driver

    def play(self, *scenarios: Scenario, per_node: int = 40) -> list[Timeline]:
        driver = self.start(*scenarios, per_node=per_node)
        timelines = [driver.timeline(f"k{n}") for n in range(len(scenarios))]
        driver.finish()
        return timelines

    # what can happen meanwhile

    def switch_kubeconfig(self) -> None:
        write_kubeconfig(self.folder / "kubeconfig", server=OTHER)

    def exchange_cluster(self) -> None:
        self.api.uid = "uid-of-production"

    def end_approval(self) -> None:
        self.allowed.refusal = NotApprovedError("the approval ended a moment ago")


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setattr(play_module, "_PROOF_S", 5)
    monkeypatch.setattr(driver_module, "_LOST_S", 0.05)
    monkeypatch.setattr(driver_module, "_TEARDOWN_S", 0.3)
    # Streams from nodes are another matter (tests/offline/scenario/test_nodestream.py).
    monkeypatch.setattr(driver_module, "Hub", _hub_without_nodes(Hub))
    real = Windows.of
    monkeypatch.setattr(
        NodeProfile, "windows", lambda self, *, quiet_s: replace(real(self, quiet_s=quiet_s), quiet=0.01)
    )
    made = Ground(tmp_path)
    yield made
    if made.driver is not None:
        made.driver.finish(interrupted=True)


def _hub_without_nodes(hub: Any) -> Callable[..., Any]:
    def make(api: Any, run_id: str, _access: Any, *rest: Any) -> Any:
        return hub(api, run_id, None, *rest)

    return make


def scenario(*faults: Counted, static: bool = False) -> Scenario:
    first, *rest = faults
    return Scenario(
        pod=POD, steady=running("app"), fault=first, then=tuple(Inject(each) for each in rest), static=static
    )


HAPPENINGS = [Ground.switch_kubeconfig, Ground.exchange_cluster, Ground.end_approval]


@pytest.mark.parametrize("happens", HAPPENINGS)
@pytest.mark.parametrize(
    ("isolation", "needs"), [(Isolation.POD, ()), (Isolation.POD, (NODE_ACCESS,)), (Isolation.NODE, (NODE_ACCESS,))]
)
def test_what_happens_between_two_faults_stops_the_run_before_the_second(
    ground: Ground, happens: Callable[[Ground], None], isolation: Isolation, needs: tuple[str, ...]
) -> None:
    common: dict[str, Any] = {"isolation": isolation, "needs": frozenset(needs)}
    first = Counted(ground.done, lambda: happens(ground), "first", **common)
    second = Counted(ground.done, name="second", **common)
    (timeline,) = ground.play(scenario(first, second))
    assert "inject first" in ground.done
    assert "inject second" not in ground.done
    assert ground.driver is not None
    assert ground.driver.refused == ground.guard.stopped != ""
    assert ground.guard.stopped in {record.data["reason"] for record in timeline.of(Kind.LOST)}
    assert verdict_of(timeline, [Judgement("it held", Outcome.HOLDS)])[0] is Verdict.INCONCLUSIVE
    foreign = happens is Ground.exchange_cluster
    assert ("undo first" in ground.done) is not foreign, "what was injected is undone where it was injected only"
    assert bool(ground.api.objects) is foreign, "and so is what was made"
    assert bool(ground.api.requests.get("DELETE")) is not foreign, "nothing is deleted in another cluster"
    assert ground.driver.leaks == []
    history = read(ground.folder / "journal.jsonl")
    assert history.header is not None
    assert history.header.identity == ground.guard.identity.to_json()
    assert bool(history.open) is foreign, "what could not be undone is left to podvow recover"


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_what_happens_before_the_first_fault_lets_none_happen(
    ground: Ground, happens: Callable[[Ground], None]
) -> None:
    ground.api.before_post = lambda raw: happens(ground) if raw["kind"] == "Pod" else None
    (timeline,) = ground.play(scenario(Counted(ground.done)))
    assert "inject poke" not in ground.done
    assert not timeline.of(Kind.FAULT_DONE)
    assert ground.guard.stopped


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_a_static_pod_is_not_written_any_more(ground: Ground, happens: Callable[[Ground], None]) -> None:
    ground.api.before_post = lambda raw: happens(ground) if raw["kind"] == "Namespace" else None
    before = dict(ground.nodes.files)
    (timeline,) = ground.play(scenario(Counted(ground.done), static=True))
    assert ground.nodes.files == before
    assert timeline.of(Kind.LOST)
    assert ground.done == []


def test_all_other_scenarios_end_too_with_the_reason(ground: Ground) -> None:
    first = Counted(ground.done, ground.switch_kubeconfig, "first")
    others = [scenario(Counted(ground.done, name=f"other {n}")) for n in range(3)]
    timelines = ground.play(scenario(first, Counted(ground.done, name="second")), *others, per_node=1)
    assert ground.done.count("inject first") == 1
    for timeline in timelines:
        if not any(f"inject other {n}" in ground.done for n in range(3)):
            assert ground.guard.stopped in {record.data["reason"] for record in timeline.of(Kind.LOST)}
    assert not ground.api.objects


def test_a_shared_fault_is_injected_for_none_of_its_members(ground: Ground) -> None:
    common: dict[str, Any] = {"isolation": Isolation.NODE, "needs": frozenset({NODE_ACCESS})}
    told = threading.Barrier(2)

    def kubelet(api: FakeApi, pod: dict[str, Any]) -> None:
        told.wait(10)
        ground.nodes.machines["worker"] = "a machine of production"
        api.run(pod)

    ground.api.kubelet = kubelet
    timelines = ground.play(*(scenario(Counted(ground.done, **common)) for _ in range(2)))
    assert ground.done == []
    for timeline in timelines:
        reasons = {record.data["reason"] for record in timeline.of(Kind.LOST)}
        assert any("another machine" in reason for reason in reasons)
    assert not ground.api.objects, "the API server is the right one: what was made there is taken away"


def test_a_run_is_not_begun_on_another_cluster(ground: Ground) -> None:
    ground.exchange_cluster()
    with pytest.raises(Exception, match="another cluster answers"):
        ground.start(scenario(Counted(ground.done)))
    assert ground.made == ground.done == []


def test_a_cluster_that_is_exchanged_while_all_wait_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "_GUARD_S", 0.01)
    ground.api.kubelet = lambda _api, _pod: ground.exchange_cluster()
    (timeline,) = ground.play(replace(scenario(Counted(ground.done)), deadline_s=600))
    assert "another cluster answers" in str(timeline.of(Kind.LOST)[0].data["reason"])
    assert ground.done == []


@pytest.mark.parametrize("kind", ["offer", "static", "shared"])
def test_nothing_is_run_on_a_node_that_another_one_took_the_place_of(ground: Ground, kind: str) -> None:
    since: list[int] = []

    def exchange_node(raw: dict[str, Any]) -> None:
        if raw["kind"] == ("Namespace" if kind == "static" else "Pod"):
            ground.nodes.machines["worker"] = "a machine of production"
            since.append(len(ground.nodes.asked))

    ground.api.before_post = exchange_node
    shared = Counted(ground.done, isolation=Isolation.NODE, needs=frozenset({NODE_ACCESS}))
    fault = offer("podvow.dev/x", 1) if kind == "offer" else shared
    (timeline,) = ground.play(replace(scenario(shared, static=kind == "static"), fault=fault))
    assert since
    assert {question for _, question in ground.nodes.asked[since[0] :]} == {"machine"}
    assert ground.done == []
    assert any("another machine" in record.data["reason"] for record in timeline.of(Kind.LOST))
    assert not ground.api.requests.get("PATCH"), "and its status is not changed either"
