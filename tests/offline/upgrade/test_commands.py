"""What is done when: before, half-way and after, with real objects as survivors and claims that are made up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podvow.cluster.profile import NodeProfile
from podvow.errors import ClusterUnusableError, ExitCode, IdentityError, UsageError
from podvow.selection import collect
from podvow.session import Session
from podvow.upgrade import commands, judging, planting
from podvow.upgrade.baseline import BEFORE_FILE, Baseline, Folder, RunTold
from podvow.upgrade.judge import Outcome
from podvow.upgrade.judging import Wanted
from podvow.upgrade.planting import namespace_of
from podvow.upgrade.report import Report
from tests.offline.upgrade.build import NEW, OLD
from tests.offline.upgrade.field import World


class Scene:
    """A cluster, the folder of an upgrade, and what was done in which order."""

    def __init__(self, tmp_path: Path) -> None:
        self.world = World(nodes=False)
        self.folder = Folder(tmp_path / "up")
        self.session = Session("s", tmp_path)
        self.uid = "one"
        self.log: list[str] = []
        self.stop = False

    def entered(self) -> tuple[Any, Any]:
        api = SimpleNamespace(close=lambda: None)
        return api, SimpleNamespace(identity=SimpleNamespace(to_json=lambda: {"uid": self.uid}))

    def able(self) -> list[NodeProfile]:
        nodes = [raw for key, raw in self.world.api.objects.items() if key[0] == "nodes"]
        return [
            NodeProfile(n["metadata"]["name"], n["status"]["nodeInfo"]["kubeletVersion"], ready=True) for n in nodes
        ]

    def judged(self, folder: Folder, baseline: Baseline, _: Session, wanted: Wanted) -> Baseline:
        planted = namespace_of(baseline.id) in {key[2] for key in self.world.api.objects}
        self.log.append(f"claims {wanted.words}{' with survivors' if planted else ''}")
        told = RunTold(wanted.stage, f"{wanted.stage}/{len(baseline.runs)}", wanted.node, wanted.kubelet)
        baseline = replace(baseline, runs=(*baseline.runs, told))
        folder.save(baseline)
        return baseline

    def compare(self, befores: list[Path], afters: list[Path]) -> Any:
        self.log.append(f"compared {[p.name for p in befores]} with {[p.name for p in afters]}")
        return SimpleNamespace(stop=self.stop)

    def write(self, _: Any, folder: Path) -> None:
        (folder / "comparison.md").write_text("# What changed\n", encoding="utf-8")

    def upgrade(self, *nodes: str) -> None:
        self.world.api.version = NEW
        for node in nodes:
            self.world.api.node(node, NEW)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(tmp_path)

    @contextmanager
    def entered(_: Session, known: Baseline | None = None) -> Iterator[Any]:
        if known is not None and known.identity["uid"] != made.uid:
            raise IdentityError("another cluster")
        yield made.world.field, made.able(), {"uid": made.uid}

    monkeypatch.setattr(commands, "_entered", entered)
    monkeypatch.setattr(commands, "_SETTLED_S", 0.05)
    monkeypatch.setattr(planting, "_POLL_S", 0.01)
    monkeypatch.setattr(judging, "judged", made.judged)
    monkeypatch.setattr(commands, "compare", SimpleNamespace(compare=made.compare, write=made.write))
    return made


def before(scene: Scene, *, claims: bool = True, per_node: bool = False, nodes: tuple[str, ...] = ()) -> Baseline:
    return commands.before(
        scene.folder, scene.session, nodes=nodes, claims=claims, per_node=per_node, say=lambda _: None
    )


def after(scene: Scene, *, claims: bool = True, partial: bool = False) -> Report:
    return commands.after(
        scene.folder, scene.session, claims=claims, partial=partial, per_node=False, say=lambda _: None
    )


def test_claims_are_judged_before_survivors_are_there_and_survivors_before_claims(scene: Scene) -> None:
    baseline = before(scene)
    assert (baseline.planted, baseline.nodes) == (True, ("worker", "worker2"))
    assert scene.folder.load() == baseline
    scene.upgrade("worker", "worker2")
    report = after(scene)
    assert scene.log == [
        "claims before the upgrade",
        "claims after the upgrade with survivors",
        "compared ['0'] with ['1']",
    ]
    assert report.counts[Outcome.INTACT] == len(report.survivors) > 20
    assert (report.exit_code, report.comparison) == (ExitCode.OK, "comparison.html")
    page = (scene.folder.path / "report.md").read_text(encoding="utf-8")
    assert page.startswith(f"# Upgrade {baseline.id}")
    assert page.endswith("## What changed\n")


def test_half_way_claims_are_judged_on_each_node_by_its_own_kubelet(scene: Scene) -> None:
    before(scene, claims=False)
    scene.upgrade("worker")
    report = commands.during(scene.folder, scene.session, claims=True, say=lambda _: None)
    assert scene.log == [
        f"claims during the upgrade on worker ({NEW}) with survivors",
        f"claims during the upgrade on worker2 ({OLD}) with survivors",
    ]
    assert [run.kubelet for run in report.runs] == [NEW, OLD]
    assert report.exit_code is ExitCode.OK, "nodes are still to come"
    assert (scene.folder.path / "report-during.md").exists()


def test_half_way_only_what_leaves_survivors_alone_is_judged() -> None:
    collected = collect()
    only = set(judging.sparing(collected))
    left = [item for item in collected.items if item.id not in only]
    assert any(
        "lost-and-all-apps-dead" in claim.id for item in collected.items if item.id in only for claim in item.claims
    )
    names = {fault.name for item in left for fault in item.planned.scenario.faults}
    assert {"containerd_restart", "reboot"} <= names or any("reboot" in name for name in names), names


def test_a_node_that_was_left_behind_is_named(scene: Scene) -> None:
    before(scene, claims=False)
    scene.upgrade("worker")
    report = after(scene, claims=False)
    assert report.left_behind == (f"node worker2 was left behind: its kubelet is {OLD}, the API server is {NEW}",)
    assert report.exit_code is ExitCode.VIOLATED
    assert after(scene, claims=False, partial=True).exit_code is ExitCode.OK


def test_a_survivor_whose_init_container_ran_again_is_named(scene: Scene) -> None:
    known = before(scene, claims=False)
    scene.upgrade("worker", "worker2")
    raw = scene.world.api.objects["pods", namespace_of(known.id), "three-inits-1"]
    statuses = [dict(each) for each in raw["status"]["initContainerStatuses"]]
    statuses[0]["containerID"] = "containerd://another"
    scene.world.api.show(raw, initContainerStatuses=statuses)
    report = after(scene, claims=False)
    (bad,) = [s for s in report.survivors if s.outcome is Outcome.VIOLATED]
    assert (bad.name, report.exit_code) == ("three-inits-1", ExitCode.VIOLATED)
    assert "init-1 ran again" in bad.because[0]


def test_a_regression_of_claims_stops_an_upgrade(scene: Scene) -> None:
    before(scene)
    scene.upgrade("worker", "worker2")
    scene.stop = True
    assert after(scene).exit_code is ExitCode.VIOLATED


def test_another_runner_takes_the_snapshot_from_the_cluster(scene: Scene) -> None:
    before(scene, claims=False)
    (scene.folder.path / BEFORE_FILE).unlink()
    scene.upgrade("worker", "worker2")
    assert after(scene, claims=False).exit_code is ExitCode.OK
    known = scene.folder.load()
    del scene.world.api.objects["configmaps", namespace_of(known.id), "survivors"]
    with pytest.raises(ClusterUnusableError, match="no snapshot of the survivors"):
        after(scene, claims=False)


def test_another_cluster_is_refused(scene: Scene) -> None:
    before(scene, claims=False)
    scene.uid = "two"
    with pytest.raises(IdentityError):
        after(scene, claims=False)


def test_samples_are_kept_and_summed_up(scene: Scene) -> None:
    before(scene, claims=False)
    scene.world.api.logs["sampler-0", "sampler", ""] = (
        "clock 1.0 100\nsample 2.0 new fail 1 10\nsample 3.0 new ok 1 5\n"
    )
    report = after(scene, claims=False)
    assert [(s.connection, s.longest_s) for s in report.sampled] == [("new", 1.0), ("reused", 0.0)]
    assert (scene.folder.path / "samples" / "worker.log").read_text(encoding="utf-8").startswith("clock 1.0 100")
    assert report.unchanged, "no version has changed"


def test_nodes_can_be_chosen_and_those_that_take_no_pods_are_refused(scene: Scene) -> None:
    with pytest.raises(UsageError, match="no Pods can be planted on nowhere"):
        before(scene, nodes=("nowhere",))
    assert not scene.folder.path.exists(), "nothing was begun"
    known = before(scene, nodes=("worker2",), per_node=True)
    assert known.nodes == ("worker2",)
    assert scene.log == [f"claims before the upgrade on worker2 ({OLD})"]


def test_removing_takes_every_cohort_of_a_cluster_or_only_one(scene: Scene) -> None:
    first = before(scene, claims=False)
    shutil.rmtree(scene.folder.path)
    second = before(scene, claims=False)
    assert commands.remove(scene.session, [first.id], lambda _: None) == []
    assert scene.world.field.cohorts() == [second.id]
    assert commands.remove(scene.session, [], lambda _: None) == []
    assert scene.world.field.cohorts() == []


def test_the_cluster_may_be_reached_in_another_way_from_elsewhere(scene: Scene, tmp_path: Path) -> None:
    known = replace(before(scene, claims=False), provider="existing", kubeconfig="old", context="c")
    session = commands.session_of(known, tmp_path, kubeconfig="new", context="")
    assert (session.provider, session.kubeconfig, session.context) == ("existing", "new", "c")
