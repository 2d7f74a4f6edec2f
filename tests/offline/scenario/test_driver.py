from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import ApiError
from podvow.claims import Claim
from podvow.cluster.profile import ClusterProfile, NodeProfile, Windows
from podvow.errors import ClusterUnusableError, InjectionError
from podvow.faults import delete_pod, set_image
from podvow.faults.base import FaultContext, Isolation
from podvow.journal.reading import read
from podvow.journal.undo import HealNode
from podvow.judge import awaited, verdict_of
from podvow.scenario import crowd as crowd_module
from podvow.scenario import driver as driver_module
from podvow.scenario import hub as hub_module
from podvow.scenario import play as play_module
from podvow.scenario import tenancy as tenancy_module
from podvow.scenario.applicable import applicable_nodes, lacking
from podvow.scenario.conditions import Condition, gone, phase, ready, rejected, running
from podvow.scenario.driver import Driver, Planned, workers
from podvow.scenario.model import Inject, Scenario, promised
from podvow.scenario.recorder import Recorder
from podvow.timeline import Source, Timeline, load
from podvow.timeline.record import Kind
from podvow.timeline.timeline import FaultMark
from podvow.verdict import Judgement, Outcome, Verdict
from tests.offline.safety.guarded import guarded
from tests.offline.scenario.fake_api import FakeApi, Raw

HELD = [Judgement("something held", Outcome.HOLDS)]
POD = "crashing-app"
NEVER = Condition("the moon is blue", lambda _: False)


@dataclass(frozen=True)
class Poke:
    """A fault whose every part the test makes up."""

    do: Callable[[FaultContext], Mapping[str, Any]] = lambda _: {"poked": True}
    seen: Callable[[Timeline], bool] = lambda _: True
    name: str = "poke"
    target: str = "the Pod"
    isolation: Isolation = Isolation.POD
    needs: frozenset[str] = frozenset()

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        return self.do(context)

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        return mark.facts["poked"] and self.seen(timeline)

    def undo(self, context: FaultContext) -> None:
        raise NotImplementedError(context)


class Ears:
    """Listens to a run."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.started = threading.Event()

    def scenario_started(self, scenario_id: str) -> None:
        self.heard.append(f"started {scenario_id}")
        self.started.set()

    def scenario_recorded(self, scenario_id: str, wall_s: float) -> None:
        assert wall_s >= 0
        self.heard.append(f"recorded {scenario_id}")


class Bench:
    """Drives scenarios against the API server of this process."""

    def __init__(self, folder: Path, api: FakeApi) -> None:
        self.folder = folder
        self.api = api
        self.ears = Ears()
        self.driver: Driver | None = None
        self.guard = guarded(folder, api)

    def start(self, *scenarios: Scenario, per_node: int = 40, busy: int = 10) -> Driver:
        node = NodeProfile("worker", "v1.37.2", ready=True)
        planned = [
            Planned(f"a.b.s{n}", f"k{n}", f"suites/t.py::s{n}", s, self.folder / "evidence" / f"s{n}.jsonl")
            for n, s in enumerate(scenarios)
        ]
        self.driver = Driver(
            api=cast("Any", self.api),
            guard=self.guard,
            profile=ClusterProfile("v1.37.2", (node,)),
            run_id="r1",
            folder=self.folder,
            planned=planned,
            listener=self.ears,
            per_node=per_node,
            busy=busy,
        )
        self.driver.start()
        return self.driver

    def play(self, scenario: Scenario) -> Timeline:
        """Run one scenario to its end."""
        driver = self.start(scenario)
        timeline = driver.timeline("k0")
        driver.finish()
        assert load(self.folder / "evidence" / "s0.jsonl") == timeline
        return timeline


def _runs(api: FakeApi, pod: Raw) -> None:
    api.run(pod)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(play_module, "_PROOF_S", 0.1)
    monkeypatch.setattr(driver_module, "_LOST_S", 0.05)
    monkeypatch.setattr(driver_module, "_TEARDOWN_S", 0.3)
    real = Windows.of
    monkeypatch.setattr(
        NodeProfile, "windows", lambda self, *, quiet_s: replace(real(self, quiet_s=quiet_s), quiet=0.01)
    )
    made = Bench(tmp_path, FakeApi(_runs))
    threads = set(threading.enumerate())
    yield made
    if made.driver is not None:
        made.driver.finish(interrupted=True)
        assert set(threading.enumerate()) <= threads, "a run that is over leaves no thread behind"


def _kinds(timeline: Timeline) -> list[Kind]:
    return [r.kind for r in timeline.records if r.source is Source.HARNESS]


def _verdict(timeline: Timeline) -> tuple[Verdict, str]:
    return verdict_of(timeline, HELD)


def test_a_scenario_is_played_from_its_objects_to_its_end(bench: Bench) -> None:
    scenario = Scenario(pod=POD, steady=running("app") & ready(), fault=Poke(), until=running("app"), hold="quiet")
    timeline = bench.play(scenario)
    assert _kinds(timeline) == [
        Kind.APPLIED,
        Kind.REACHED,
        Kind.FAULT,
        Kind.FAULT_DONE,
        Kind.REACHED,
        Kind.HOLD_BEGIN,
        Kind.HOLD_END,
    ]
    assert [r.data["control"] for r in timeline.of(Kind.REACHED)] == [False, True]
    assert timeline.meta.node == "worker"
    assert timeline.meta.kubelet_version == "v1.37.2"
    assert (timeline.meta.pod, timeline.meta.run, timeline.meta.windows["quiet"]) == (POD, bench.folder.name, 0.01)
    assert "status" in timeline.meta.sources
    assert "runtime" not in timeline.meta.sources
    assert len(timeline.snapshots()) >= 2
    assert _verdict(timeline) == (Verdict.HOLDS, "")
    assert bench.ears.heard == ["started a.b.s0", "recorded a.b.s0"]


def test_an_object_that_was_asked_for_twice_is_marked(bench: Bench) -> None:
    class Everything(set[str]):
        def __contains__(self, _: object) -> bool:
            return True

    bench.api.asked_again = Everything()
    (applied,) = bench.play(Scenario(pod=POD, steady=running("app"))).of(Kind.APPLIED)
    assert applied.data["asked_again"] is True


def test_nothing_of_it_is_left_and_everything_was_labelled(bench: Bench) -> None:
    made: list[Raw] = []
    bench.api.before_post = made.append
    bench.play(Scenario(pod=POD, steady=running("app")))
    assert not bench.api.objects
    assert bench.driver is not None
    assert bench.driver.leaks == []
    own, made = made[:4], made[4:]
    assert [raw["kind"] for raw in own] == ["Namespace", "ServiceAccount", "Lease", "ConfigMap"]
    assert own[0]["metadata"]["name"] == "podvow-r1-journal"
    assert [raw["kind"] for raw in made] == ["Namespace", "ServiceAccount", "Pod"]
    for raw, key in ((made[0], "k0"), (made[2], "k0"), *((each, "journal") for each in (own[0], *own[2:]))):
        labels = raw["metadata"]["labels"]
        assert labels["podvow.dev/run"] == "r1"
        assert labels["podvow.dev/scenario"] == key
        assert labels["podvow.dev/managed"] == "true"
    assert made[0]["metadata"]["name"] == made[2]["metadata"]["namespace"] == "podvow-r1-k0"


def test_a_change_is_in_the_journal_before_it_is_made(bench: Bench) -> None:
    path = bench.folder / "journal.jsonl"
    seen: list[str] = []
    bench.api.before_post = lambda raw: seen.append(path.read_text() if raw["kind"] == "Namespace" else "")

    def look(_: FaultContext) -> Mapping[str, Any]:
        seen.append(path.read_text())
        return {"poked": True}

    bench.play(Scenario(pod=POD, fault=Poke(do=look)))
    before = next(text for text in seen if "podvow-r1-k0" in text)
    namespace = {"op": "delete-namespace", "name": "podvow-r1-k0", "run": "r1"}
    assert json.loads(before.splitlines()[-1])["undo"] == namespace
    fault = json.loads(seen[-1].splitlines()[-1])
    assert (fault["what"], fault["facts"]["fault"], fault["undo"]) == ("fault", "poke", namespace)
    assert json.loads(path.read_text().splitlines()[-1])["closed"] is True


def test_faults_by_the_api_are_proven_by_the_watch(bench: Bench) -> None:
    scenario = Scenario(pod=POD, steady=running("app"), fault=set_image("app", "green"), until=running("app"))
    timeline = bench.play(replace(scenario, then=()))
    assert [f.error for f in timeline.faults] == [""]
    assert timeline.faults[0].facts["container"] == "app"


def test_a_deleted_pod_is_gone(bench: Bench) -> None:
    timeline = bench.play(Scenario(pod=POD, steady=running("app"), fault=delete_pod(), until=gone()))
    assert timeline.of(Kind.DELETED)
    assert _verdict(timeline)[0] is Verdict.HOLDS


def test_a_refused_object_is_evidence(bench: Bench) -> None:
    bench.api.refuse["Pod"] = 422
    timeline = bench.play(Scenario(pod=POD, steady=rejected(), expect_rejection=True))
    (record,) = timeline.of(Kind.REJECTED)
    assert (record.data["status"], record.data["body"]["message"]) == (422, "Pod refused")
    assert record.data["object"]["metadata"]["name"] == POD
    assert _kinds(timeline) == [Kind.REJECTED, Kind.REACHED]


def test_an_object_refused_unasked_ends_the_scenario(bench: Bench) -> None:
    bench.api.refuse["Pod"] = 403
    timeline = bench.play(Scenario(pod=POD, steady=running("app")))
    assert _kinds(timeline) == [Kind.REJECTED]


@pytest.mark.parametrize("status", [404, 409, 429, 500])
def test_a_server_that_cannot_take_an_object_proves_nothing(bench: Bench, status: int) -> None:
    bench.api.refuse["Pod"] = status
    timeline = bench.play(Scenario(pod=POD, steady=rejected(), expect_rejection=True))
    assert not timeline.of(Kind.REJECTED)
    assert _verdict(timeline)[0] is Verdict.INCONCLUSIVE
    assert bench.driver is not None
    assert not bench.driver.lost, "a single refusal does not end the run"


def test_a_fault_that_is_not_observed_was_not_injected(bench: Bench) -> None:
    scenario = Scenario(pod=POD, fault=Poke(seen=lambda _: False), until=running("app"))
    timeline = bench.play(scenario)
    assert _kinds(timeline) == [Kind.APPLIED, Kind.FAULT, Kind.FAULT_FAILED], "and what follows it is not tried"
    assert _verdict(timeline) == (Verdict.NOT_INJECTED, "poke (the Pod): not observed to happen")


def test_a_fault_that_cannot_be_injected_was_not_injected(bench: Bench) -> None:
    def fail(_: FaultContext) -> Mapping[str, Any]:
        raise InjectionError("no such container")

    verdict, reason = _verdict(bench.play(Scenario(pod=POD, fault=Poke(do=fail))))
    assert (verdict, reason) == (Verdict.NOT_INJECTED, "poke (the Pod): no such container")


def test_a_bug_in_a_fault_leaves_the_verdict_open(bench: Bench) -> None:
    def bug(_: FaultContext) -> Mapping[str, Any]:
        raise KeyError("missing")

    verdict, reason = _verdict(bench.play(Scenario(pod=POD, fault=Poke(do=bug))))
    assert (verdict, reason) == (Verdict.INCONCLUSIVE, "harness error: KeyError: 'missing'")


def test_a_state_that_is_not_reached_leaves_the_verdict_open(bench: Bench) -> None:
    timeline = bench.play(Scenario(pod=POD, steady=NEVER, fault=Poke(), deadline_s=0.02))
    assert _kinds(timeline) == [Kind.APPLIED, Kind.MISSED]
    verdict, reason = _verdict(timeline)
    assert verdict is Verdict.INCONCLUSIVE
    assert reason.startswith("not reached: the moon is blue (deadline passed after 0.")


@pytest.mark.parametrize(("quiet_s", "waited_s"), [(60.0, 0.02), (0.0, 0.5)], ids=["still", "moving"])
def test_a_step_is_given_up_early_only_when_nothing_moves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, quiet_s: float, waited_s: float
) -> None:
    monkeypatch.setattr(Recorder, "quiet_s", property(lambda _: quiet_s))
    timeline = bench.play(Scenario(pod=POD, steady=NEVER, fault=Poke(), deadline_s=0.5, idle_s=0.02))
    (missed,) = timeline.of(Kind.MISSED)
    assert waited_s <= missed.data["waited_s"] < waited_s + 0.4


def test_a_promised_state_that_is_not_reached_is_a_violation_although_a_fault_was_to_come(bench: Bench) -> None:
    timeline = bench.play(Scenario(pod=POD, then=(promised(NEVER), Inject(Poke())), deadline_s=0.02))
    assert _kinds(timeline) == [Kind.APPLIED, Kind.MISSED]
    (broken,) = awaited(timeline)
    assert broken.text == "reached: the moon is blue"
    assert verdict_of(timeline, (broken,)) == (Verdict.VIOLATED, "")


def test_a_state_that_has_become_impossible_is_not_waited_for(bench: Bench) -> None:
    bench.api.kubelet = lambda api, pod: cast("None", api.show(pod, phase="Failed"))
    timeline = bench.play(Scenario(pod=POD, steady=phase("Succeeded"), deadline_s=600))
    assert timeline.of(Kind.MISSED)[0].data["last"] == "hopeless"


@dataclass(frozen=True)
class Lasting(Poke):
    """A fault that has to be undone."""

    heal: Callable[[], None] = lambda: None

    def undoing(self, node: str) -> HealNode:
        return HealNode(node)

    def undo(self, context: FaultContext) -> None:
        assert context.node == "worker"
        self.heal()


def _fail(_: object) -> Mapping[str, Any]:
    raise InjectionError("half-way")


@pytest.mark.parametrize("isolation", [Isolation.POD, Isolation.NODE])
@pytest.mark.parametrize("fault", [Lasting(), Lasting(do=_fail), Lasting(seen=lambda _: False)])
def test_what_lasts_is_undone_whatever_came_of_it_and_the_journal_knew_before(
    bench: Bench, isolation: Isolation, fault: Lasting
) -> None:
    healed: list[str] = []

    def poke(context: FaultContext) -> Mapping[str, Any]:
        last = json.loads((bench.folder / "journal.jsonl").read_text().splitlines()[-1])
        assert last["undo"] == {"op": "heal-node", "node": "worker"}
        copy = bench.api.objects["configmaps", "podvow-r1-journal", "journal"]["data"]
        assert json.loads(copy[f"entry-{last['id']}"]) == last
        return fault.do(context)

    wrapped = replace(fault, do=poke, heal=lambda: healed.append("healed"), isolation=isolation)
    timeline = bench.play(Scenario(pod=POD, steady=running("app"), fault=wrapped))
    assert healed == ["healed"]
    (undone,) = timeline.of(Kind.UNDONE)
    assert undone.data["fault"] == "poke"
    assert undone.t_ns > timeline.faults[0].begin.t_ns


def test_what_cannot_be_undone_leaves_the_verdict_open(bench: Bench) -> None:
    def heal() -> None:
        raise InjectionError("it bites")

    timeline = bench.play(Scenario(pod=POD, steady=running("app"), fault=Lasting(heal=heal)))
    verdict, reason = _verdict(timeline)
    assert verdict is Verdict.INCONCLUSIVE
    assert reason == "poke could not be undone: it bites"


def test_equal_faults_of_a_node_are_injected_once_and_stand_in_every_timeline(bench: Bench) -> None:
    log: list[str] = []

    def poke(context: FaultContext) -> Mapping[str, Any]:
        log.append("poked")
        return {"poked": True, "by": context.namespace}

    def heal() -> None:
        log.append("healed")

    shared = Lasting(do=poke, heal=heal, isolation=Isolation.NODE)
    own = Poke(name="own", do=lambda _: log.append("own") or {"poked": True})  # type: ignore[func-returns-value]
    driver = bench.start(
        Scenario(pod=POD, steady=running("app"), fault=shared),
        Scenario(pod=POD, steady=running("app"), fault=own, then=[Inject(shared)]),
        Scenario(pod=POD, steady=NEVER, fault=shared, deadline_s=0.2),
    )
    one, two, stuck = (driver.timeline(f"k{n}") for n in range(3))
    driver.finish()
    assert log == ["own", "poked", "healed"]
    assert one.faults[0].facts == two.faults[1].facts
    assert [f.index for f in two.faults] == [0, 1]
    assert [len(t.of(Kind.UNDONE)) for t in (one, two, stuck)] == [1, 1, 1]
    assert not stuck.faults
    assert len(driver.exclusive_s) == 1


def test_an_api_server_that_goes_away_costs_every_verdict_and_no_hang(bench: Bench) -> None:
    def cut(context: FaultContext) -> Mapping[str, Any]:
        bench.api.go_down()
        return context.api.get("/version")

    driver = bench.start(
        Scenario(pod=POD, steady=running("app"), fault=Poke(do=cut), typical_s=99),
        Scenario(pod=POD, steady=NEVER),
        Scenario(pod=POD, steady=NEVER),
        per_node=2,
    )
    timelines = [driver.timeline(f"k{n}") for n in range(3)]
    driver.finish()
    assert driver.lost.startswith("the API server went away")
    for timeline in timelines:
        verdict, reason = _verdict(timeline)
        assert verdict is Verdict.INCONCLUSIVE
        assert "the API server went away" in reason
    assert (bench.folder / "evidence" / "s2.jsonl").exists(), "no verdict without evidence"


def test_what_is_left_is_taken_away_after_all_by_a_run_whose_api_server_came_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy_module, "_DOUBT_S", 0.05)

    def cut(context: FaultContext) -> Mapping[str, Any]:
        bench.api.go_down()
        return context.api.get("/version")

    driver = bench.start(Scenario(pod=POD, steady=running("app"), fault=Poke(do=cut)))
    driver.timeline("k0")
    assert driver.lost.startswith("the API server went away")
    assert bench.api.objects
    bench.api.come_up()
    driver.finish()
    assert driver.leaks == []
    assert not bench.api.objects


def test_an_api_server_that_has_not_read_its_roles_is_not_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = ApiError(403, "Forbidden", {"message": 'forbidden: User "admin" cannot get path "/version"'})
    asked: list[float] = []

    def answers(read_s: float) -> None:
        asked.append(read_s)
        raise forbidden

    def post(raw: Raw) -> None:
        if raw["kind"] == "Pod":
            bench.api.before_post = lambda _: None
            monkeypatch.setattr(bench.api, "answers", answers)
            raise forbidden

    bench.api.before_post = post
    driver = bench.start(*[Scenario(pod=POD, steady=running("app"))] * 2, per_node=1)
    verdicts = [_verdict(driver.timeline(f"k{n}"))[0] for n in range(2)]
    driver.finish()
    assert asked
    assert driver.lost == ""
    assert sorted(verdicts) == [Verdict.HOLDS, Verdict.INCONCLUSIVE]


def test_an_interrupted_run_leaves_open_verdicts_and_nothing_else(bench: Bench) -> None:
    driver = bench.start(*[Scenario(pod=POD, steady=NEVER)] * 3, per_node=1)
    assert bench.ears.started.wait(10)
    driver.finish(interrupted=True)
    reasons = [_verdict(driver.timeline(f"k{n}")) for n in range(3)]
    assert {verdict for verdict, _ in reasons} == {Verdict.INCONCLUSIVE}
    assert sorted(reason for _, reason in reasons) == ["interrupted", *["interrupted before it began"] * 2]
    assert not bench.api.objects
    assert driver.leaks == []


def test_what_cannot_be_removed_is_a_leak(bench: Bench) -> None:
    bench.api.keep.add("namespaces")
    bench.play(Scenario(pod=POD, steady=running("app")))
    assert bench.driver is not None
    assert [leak.partition(":")[0] for leak in bench.driver.leaks] == [
        "namespace podvow-r1-journal",
        "namespace podvow-r1-k0",
    ]
    history = read(bench.folder / "journal.jsonl")
    assert not history.closed
    assert {entry.words for entry in history.open_entries} == {
        "delete namespace podvow-r1-journal",
        "delete namespace podvow-r1-k0",
    }


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_evidence_that_cannot_be_written_ends_the_run_and_does_not_hang_it(bench: Bench) -> None:
    (bench.folder / "evidence").write_text("a file where the folder should be")
    driver = bench.start(Scenario(pod=POD, steady=running("app")))
    with pytest.raises(ClusterUnusableError, match="the driver stopped"):
        driver.timeline("k0")
    driver.finish()
    assert not bench.api.objects


def test_capabilities_decide_what_is_applicable() -> None:
    assert not lacking(Scenario(pod=POD).needs, node_access=False)
    needy = Scenario(pod=POD, fault=Poke(needs=frozenset({"node-access"})))
    assert not lacking(needy.needs, node_access=True)
    assert lacking(needy.needs, node_access=False) == "this cluster lacks: node-access"


def _claim(**fields: object) -> Claim:
    return Claim.model_validate({"id": "a.b.c", "statement": "It holds.", "sources": ["x"], **fields})


@pytest.mark.parametrize(
    ("fields", "nodes", "reason"),
    [
        ({}, ("new", "old"), ""),
        ({"versions": ">=1.37"}, ("new",), "a.b.c is about kubelets >=1.37, this one is 1.36.3 (old)"),
        ({"gates": ["Fancy"]}, ("new",), "a.b.c needs the gate Fancy on; it is off (old)"),
        ({"gates": ["Fancy=false"]}, ("old",), "a.b.c needs the gate Fancy off; it is on (new)"),
        ({"gates": ["Declared"]}, ("new",), "a.b.c needs the gate Declared on; it is off (old)"),
        ({"gates": ["ApiOff"]}, (), "a.b.c needs the gate ApiOff on; it is off (new)"),
        ({"gates": ["Rumour"]}, (), "a.b.c needs the gate Rumour on; it is off (new)"),
        ({"capabilities": ["stars"]}, ("new",), "a.b.c needs a node with stars (old)"),
    ],
)
def test_versions_and_gates_of_each_node_decide_where_a_claim_is_judged(
    fields: dict[str, object], nodes: tuple[str, ...], reason: str
) -> None:
    gates = {"Declared": True, "ApiOff": True}
    new = NodeProfile(
        "new",
        "v1.37.2",
        ready=True,
        gates={**gates, "Fancy": True},
        declared_features=("Declared",),
        capabilities=("stars",),
    )
    old = NodeProfile("old", "v1.36.3", ready=True, gates={**gates, "Fancy": False})
    profile = ClusterProfile("v1.37.2", (new, old), gates={"Declared": True, "ApiOff": False, "Fancy": True})
    assert applicable_nodes([_claim(**fields)], profile, [new, old]) == (nodes, reason)


def test_scenarios_run_on_usable_workers_else_on_what_there_is() -> None:
    control = NodeProfile("c", "v1.37.2", ready=True, roles=("control-plane",))
    worker = NodeProfile("w", "v1.37.2", ready=True)
    tainted = replace(worker, name="t", taints=("a=b:NoSchedule",))
    chosen = [
        [n.name for n in workers(ClusterProfile("v1.37.2", ns))] for ns in ((control, worker, tainted), (control,))
    ]
    assert chosen == [["w"], ["c"]]
    with pytest.raises(ClusterUnusableError, match="no node is ready"):
        workers(ClusterProfile("v1.37.2", (tainted,)))


def test_a_state_that_no_watch_tells_is_seen_past_it_and_leaves_a_gap(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play_module, "_DOUBT_S", 0.05)
    monkeypatch.setattr(hub_module, "_LAG_S", 0.05)
    monkeypatch.setattr(hub_module, "_AGAIN_S", 0.05)

    def silently(api: FakeApi, pod: Raw) -> None:
        api.swallow.add("pods")
        api.run(pod)
        api.swallow.clear()

    bench.api.kubelet = silently
    timeline = bench.play(Scenario(pod=POD, until=running("app")))
    assert Kind.REACHED in _kinds(timeline)
    assert Kind.MISSED not in _kinds(timeline)
    (gap,) = timeline.gaps_of(Source.STATUS)
    assert gap.reason == "the watch of Pod did not tell of 1 change(s)"


@pytest.fixture
def brief_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "_SILENT_S", 0.05)
    monkeypatch.setattr(crowd_module, "_TIMES", 0.0)


@pytest.mark.usefixtures("brief_silence")
def test_a_scenario_that_only_waits_lets_the_next_one_begin(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play_module, "first_start_s", lambda _: 1.0)
    waits = Scenario(pod=POD, steady=NEVER, fault=Poke(), deadline_s=600)
    driver = bench.start(waits, Scenario(pod=POD, until=running("app")), busy=1)
    assert Kind.REACHED in _kinds(driver.timeline("k1"))


@pytest.mark.usefixtures("brief_silence")
def test_a_scenario_whose_pod_has_not_come_up_does_not_wait_yet(bench: Bench) -> None:
    waits = Scenario(pod=POD, steady=NEVER, fault=Poke(), deadline_s=1)
    driver = bench.start(waits, Scenario(pod=POD, until=running("app")), busy=1)
    driver.timeline("k1")
    first, second = (load(bench.folder / "evidence" / f"s{n}.jsonl") for n in (0, 1))
    assert second.start_ns >= first.end_ns


def test_a_watch_that_tells_everything_is_not_doubted(bench: Bench) -> None:
    timeline = bench.play(Scenario(pod=POD, until=running("app")))
    assert not timeline.gaps
