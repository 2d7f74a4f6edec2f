"""Dead runs in a made-up cluster: found, taken back, audited; and the recovery killed at each of its steps."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.cluster.lifecycle import NoClusterError
from podvow.errors import ClusterUnusableError, ExitCode
from podvow.faults import upkeep
from podvow.journal import faultpoint, found, mirror
from podvow.journal.act import Site
from podvow.journal.log import Journal
from podvow.journal.reach import Target
from podvow.journal.reading import is_closed, read
from podvow.journal.recover import Wanted, recover
from podvow.journal.report import ALIVE, BROKEN, GONE, RECOVERED, UNREACHABLE, Report
from podvow.journal.undo import DeleteNamespace
from podvow.labels import MANAGED_LABEL, RUN_LABEL
from tests.offline.journal.cluster import World
from tests.offline.journal.nodes import breaks

HERE = Target("kind", "podvow")


class Killed(BaseException):
    """The harness dies."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(upkeep, "_POLL_S", 0.01)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    threads = set(threading.enumerate())
    yield World(tmp_path)
    assert set(threading.enumerate()) <= threads


def again(world: World, wanted: Wanted | None = None, *, patience_s: float = 5.0) -> Report:
    """Recover, with whatever the run's folder and the cluster say."""

    def reach(target: Target) -> Site:
        assert target == HERE
        return world.site

    return recover(
        wanted or Wanted(targets=(HERE,), optional=frozenset({HERE})),
        folder=world.runs,
        reach=reach,
        patience_s=patience_s,
    )


def test_everything_that_a_run_can_leave_is_taken_back_newest_first(world: World) -> None:
    before = world.state()
    world.die()
    assert world.state() != before
    report = again(world)
    assert report.exit_code is ExitCode.OK, list(report.lines())
    assert world.state() == before
    (told,) = report.runs
    assert told.state == RECOVERED
    assert [words.split()[0] for words in told.undone] == ["removed", "node", "removed", *["namespace"] * 3]
    assert told.undone[-1] == "namespace podvow-r1-journal deleted", "what another machine needs goes last"
    assert is_closed(world.runs / "r1" / "journal.jsonl")
    assert world.api.closed
    quiet = again(world)
    assert (quiet.exit_code, quiet.runs, quiet.leaks) == (ExitCode.OK, [], [])
    assert list(quiet.lines()) == ["nothing of podvow is left on kind cluster podvow"]


def test_another_machine_recovers_from_the_mirror_alone(world: World) -> None:
    before = world.state()
    world.die()
    (world.runs / "r1" / "journal.jsonl").unlink()
    report = again(world, Wanted("r1", (HERE,), only_targets=True))
    assert report.exit_code is ExitCode.OK, list(report.lines())
    assert world.state() == before


@pytest.mark.parametrize("local", [True, False], ids=["this-machine", "another-machine"])
def test_a_recovery_that_is_killed_at_any_step_is_finished_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, local: bool
) -> None:
    monkeypatch.setattr(found, "YOUNG_S", -1.0)
    killed = 0
    for number in range(1, 8):
        for moment in ("undoing", "undone"):
            world = World(tmp_path / f"{number}-{moment}")
            before = world.state()
            world.die()
            if not local:
                (world.runs / "r1" / "journal.jsonl").unlink()

            def hit(step: int, at: str, number: int = number, moment: str = moment) -> None:
                if (step, at) == (number, moment):
                    raise Killed

            wanted = Wanted("r1", (HERE,), only_targets=True)
            with monkeypatch.context() as patch:
                patch.setattr(faultpoint, "hit", hit)
                try:
                    again(world, wanted)
                except Killed:
                    killed += 1
            report = again(world, wanted)
            assert report.exit_code is ExitCode.OK, list(report.lines())
            assert world.state() == before, (number, moment)
    assert killed == 2 * 6, "six undos, each killed before and after"


def test_the_run_that_is_alive_is_left_alone_with_its_nodes(world: World) -> None:
    world.die("r2")
    alive = world.journal("r1")
    name = world.namespace("r1", "k1")
    world.nodes.write("worker", "/etc/kubernetes/manifests/podvow-r1-k1.json")
    report = again(world)
    assert {told.run: told.state for told in report.runs} == {"r1": ALIVE, "r2": RECOVERED}
    assert ("namespaces", "", name) in world.api.objects
    assert (report.leaks, report.exit_code) == ([], ExitCode.OK)
    assert world.nodes.path("worker", "/etc/kubernetes/manifests/podvow-r1-k1.json").exists()
    assert list(report.lines())[-1] == "nothing else of podvow is left on kind cluster podvow"
    alive.close()


def _leased(world: World, run: str, renewed: str) -> str:
    world.namespace(run, "journal")
    lease = {"kind": "Lease", "metadata": {"name": "journal"}, "spec": {"renewTime": renewed}}
    path = f"/apis/coordination.k8s.io/v1/namespaces/podvow-{run}-journal/leases"
    world.api.post(path, lease)
    return f"{path}/journal"


def test_a_run_of_another_machine_whose_lease_is_renewed_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror.beating, "__kwdefaults__", {"within_s": 0.2, "wait": None})
    path = _leased(world, "r9", datetime.now(UTC).isoformat())
    _leased(world, "r8", datetime.now(UTC).isoformat())
    _leased(world, "r7", "2026-01-01T00:00:00Z")
    real, asked = world.api.get, [0]

    def get(where: str, **more: Any) -> Any:
        if where == path:
            asked[0] += 1
            world.api.patch(path, {"spec": {"renewTime": f"beat {asked[0]}"}})
        return real(where, **more)

    monkeypatch.setattr(world.api, "get", get)
    report = again(world)
    assert {told.run: told.state for told in report.runs} == {"r7": RECOVERED, "r8": RECOVERED, "r9": ALIVE}
    assert report.runs[0].notes == ["its lease is being renewed"]
    assert ("namespaces", "", "podvow-r9-journal") in world.api.objects


def test_a_run_without_a_lease_counts_as_alive_while_it_is_young_unless_somebody_insists(world: World) -> None:
    name = world.namespace("r1", "k1")
    metadata = world.api.objects["namespaces", "", name]["metadata"]
    metadata["creationTimestamp"] = datetime.now(UTC).isoformat()
    report = again(world)
    assert [told.state for told in report.runs] == [ALIVE]
    assert "--run r1 insists" in report.runs[0].notes[0]
    assert ("namespaces", "", name) in world.api.objects
    assert again(world, Wanted("r1", (HERE,))).exit_code is ExitCode.OK
    assert ("namespaces", "", name) not in world.api.objects


def test_a_run_that_begins_while_another_one_is_recovered_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.die("r1")
    real = world.nodes.exec
    begun: list[bool] = []

    def exec_(node: str, argv: Any, **more: Any) -> Any:
        if "is-active" in argv[-1] and not begun:  # the audit's own look at the node
            begun.append(True)
            world.die("r2")
        return real(node, argv, **more)

    monkeypatch.setattr(world.nodes, "exec", exec_)
    report = again(world, Wanted("r1", (HERE,)))
    assert begun
    assert (report.exit_code, report.swept, report.leaks) == (ExitCode.OK, [], [])
    assert world.nodes.path("worker", "/units/kubelet").read_text() == "inactive\n", "r2 is just at that"
    assert ("namespaces", "", "podvow-r2-k1") in world.api.objects


@pytest.mark.parametrize("local", [True, False], ids=["this-machine", "another-machine"])
def test_all_parts_of_a_run_that_was_resumed_are_recovered_as_one(world: World, *, local: bool) -> None:
    before = world.state()
    world.die("r1")
    world.die("r1-r2", of="r1")
    path = world.runs / "r1" / "journal.jsonl"
    if not local:
        path.unlink()
    report = again(world, Wanted("r1-r2", (HERE,)))
    assert report.exit_code is ExitCode.OK, list(report.lines())
    assert world.state() == before
    assert [told.run for told in report.runs] == ["r1"]
    assert not local or is_closed(path)


def test_the_later_part_of_a_run_that_is_alive_is_left_alone(world: World) -> None:
    world.die("r1")
    alive = world.journal("r1")
    world.die("r1-r2", of="r9")
    (world.runs / "r9" / "journal.jsonl").unlink()
    report = again(world)
    assert [(told.run, told.state) for told in report.runs] == [("r1", ALIVE)]
    assert ("namespaces", "", "podvow-r1-r2-k1") in world.api.objects
    assert world.nodes.path("worker", "/etc/kubernetes/manifests/podvow-r1-r2-k2.json").exists()
    assert report.leaks == []
    alive.close()


def test_only_the_run_that_was_asked_for_is_touched(world: World) -> None:
    world.die("r1")
    other = world.namespace("r2", "k1")
    report = again(world, Wanted("r1", (HERE,)))
    assert report.exit_code is ExitCode.OK, list(report.lines())
    assert ("namespaces", "", other) in world.api.objects


def test_a_namespace_of_that_name_that_is_not_ours_is_left_alone(world: World) -> None:
    world.die()
    del world.api.objects["namespaces", "", "podvow-r1-k1"]["metadata"]["labels"][MANAGED_LABEL]
    report = again(world)
    assert report.exit_code is ExitCode.OK
    assert report.runs[0].notes == ["namespace podvow-r1-k1 left alone: it does not carry the labels of this run"]
    assert ("namespaces", "", "podvow-r1-k1") in world.api.objects


def test_a_foreign_finalizer_stays_and_is_named(world: World) -> None:
    world.die()
    world.api.objects["pods", "podvow-r1-k1", "web"]["metadata"]["finalizers"].append("example.com/mine")
    world.api.keep |= {"pods", "namespaces"}
    report = again(world, patience_s=0.0)
    assert report.exit_code is ExitCode.LEAK
    pod = world.api.objects["pods", "podvow-r1-k1", "web"]
    assert pod["metadata"]["finalizers"] == ["example.com/mine"]
    assert any("pod web: finalizer example.com/mine" in note for note in report.runs[0].notes)
    assert not is_closed(world.runs / "r1" / "journal.jsonl")
    assert ("namespaces", "", "podvow-r1-journal") in world.api.objects, "the mirror stays for who comes next"
    world.api.keep.clear()
    assert again(world).exit_code is ExitCode.OK


def test_a_node_that_does_not_come_back_is_a_leak_and_the_rest_is_taken_back(world: World) -> None:
    world.die()
    status = world.api.objects["nodes", "", "worker"]["status"]
    status["conditions"][0]["status"] = "False"
    report = again(world)
    assert report.exit_code is ExitCode.LEAK
    assert any("worker was not ready within" in note for note in report.runs[0].notes)
    assert ("namespaces", "", "podvow-r1-k1") not in world.api.objects
    assert [e.undo.op for e in read(world.runs / "r1" / "journal.jsonl").open_entries][-1] == "heal-node"
    status["conditions"][0]["status"] = "True"
    assert again(world).exit_code is ExitCode.OK


def test_a_node_that_is_gone_needs_no_healing(world: World) -> None:
    world.die()
    del world.api.objects["nodes", "", "worker"]
    report = again(world)
    assert report.exit_code is ExitCode.OK
    assert "node worker is not there any more" in report.runs[0].undone


def test_what_no_journal_knows_of_is_swept_by_its_name(world: World) -> None:
    before = world.state()
    for do in breaks(world.nodes, "worker").values():
        do()
    world.nodes.write("worker", "/etc/kubernetes/manifests/podvow-r0-k1.json")
    report = again(world)
    assert report.exit_code is ExitCode.OK, list(report.lines())
    assert report.swept
    assert world.state() == before


def test_units_of_a_cluster_that_is_not_ours_are_named_and_not_started(world: World) -> None:
    world.nodes.write("worker", "/units/kubelet", "inactive\n")
    theirs = Target("existing", "", "file", "context")
    wanted = Wanted(targets=(theirs,), only_targets=True)
    report = recover(wanted, folder=world.runs, reach=lambda _: world.site)
    assert report.leaks == ["node worker: kubelet is inactive"]
    assert report.exit_code is ExitCode.LEAK
    assert world.nodes.path("worker", "/units/kubelet").read_text() == "inactive\n"


def test_objects_of_ours_outside_our_namespaces_are_named(world: World) -> None:
    labels = {MANAGED_LABEL: "true", RUN_LABEL: "r0"}
    metadata = {"name": "stray", "namespace": "default", "labels": labels}
    world.api.post("/api/v1/namespaces/default/configmaps", {"kind": "ConfigMap", "metadata": metadata})
    report = again(world)
    assert report.leaks == ["configmaps default/stray: of run r0"]
    assert list(report.lines()) == ["LEAK: configmaps default/stray: of run r0"]


def test_journals_of_clusters_that_are_gone_are_closed_with_a_note(world: World) -> None:
    world.die()

    def reach(target: Target) -> Site:
        raise NoClusterError(f"there is no {target}")

    report = recover(Wanted(), folder=world.runs, reach=reach)
    assert [told.state for told in report.runs] == [GONE]
    assert report.exit_code is ExitCode.OK
    assert is_closed(world.runs / "r1" / "journal.jsonl")


def test_another_cluster_of_the_same_name_is_not_touched_for_an_old_journal(world: World) -> None:
    world.die()
    world.api.objects["namespaces", "", "kube-system"]["metadata"]["uid"] = "another"
    for name in ("k1", "k2", "journal"):
        world.api.delete(f"/api/v1/namespaces/podvow-r1-{name}")
    world.api.node("worker")
    writes = {verb: count for verb, count in world.api.requests.items() if verb != "GET"}
    report = recover(Wanted(), folder=world.runs, reach=lambda _: Site(cast("Any", world.api), None))
    assert [told.state for told in report.runs] == [GONE]
    assert {verb: count for verb, count in world.api.requests.items() if verb != "GET"} == writes
    assert not world.nodes.calls
    assert is_closed(world.runs / "r1" / "journal.jsonl")


def test_a_context_that_leads_elsewhere_now_keeps_its_journal_open(world: World) -> None:
    about = {"provider": "existing", "kubeconfig": "k", "context": "c", "identity": {"uid": "of the one before"}}
    path = world.runs / "r9" / "journal.jsonl"
    journal = Journal(path, run="r9", cluster=about)
    journal.open("namespace", DeleteNamespace("podvow-r9-k1", "r9"))
    journal.close()
    writes = {verb: count for verb, count in world.api.requests.items() if verb != "GET"}
    report = recover(Wanted(), folder=world.runs, reach=lambda _: Site(cast("Any", world.api), None))
    assert [(told.run, told.state) for told in report.runs] == [("r9", UNREACHABLE)]
    assert "leads to another cluster now" in report.runs[0].notes[0]
    assert report.exit_code is ExitCode.CLUSTER
    assert not is_closed(path)
    assert {verb: count for verb, count in world.api.requests.items() if verb != "GET"} == writes


def test_a_cluster_that_does_not_answer_keeps_its_journal_open(world: World) -> None:
    world.die()

    def reach(target: Target) -> Site:
        raise ClusterUnusableError(f"{target} does not answer", hint="podvow up")

    report = recover(Wanted(), folder=world.runs, reach=reach)
    assert [told.state for told in report.runs] == [UNREACHABLE]
    assert report.exit_code is ExitCode.CLUSTER
    asked = recover(Wanted(targets=(HERE,)), folder=world.runs, reach=reach)
    assert asked.unreachable
    assert not is_closed(world.runs / "r1" / "journal.jsonl")
    world.api.go_down()
    assert again(world).exit_code is ExitCode.CLUSTER


def test_a_broken_journal_is_named_and_the_cluster_recovered_without_it(world: World) -> None:
    before = world.state()
    world.die()
    path = world.runs / "r1" / "journal.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "rubbish", *lines[2:]]) + "\n")
    kept = path.read_bytes()
    report = again(world, Wanted("r1", (HERE,), only_targets=True))
    assert [told.state for told in report.runs] == [BROKEN, RECOVERED]
    assert "line 2" in report.runs[0].notes[0]
    assert report.exit_code is ExitCode.USAGE
    assert world.state() == before
    assert path.read_bytes() == kept


def test_old_and_empty_and_closed_journals_are_no_news(world: World) -> None:
    for run, text in (("a", ""), ("b", '{"undo": "delete namespace podvow-x", "what": "namespace"}\n')):
        (world.runs / run).mkdir(parents=True)
        (world.runs / run / "journal.jsonl").write_text(text)
    world.journal("c").close()
    assert recover(Wanted(), folder=world.runs, reach=lambda _: world.site).runs == []


def test_the_report_is_there_for_machines(world: World) -> None:
    world.die()
    told = json.loads(json.dumps(again(world).json()))
    assert (told["schema"], told["exit_code"], told["leaks"]) == (1, 0, [])
    assert (told["runs"][0]["run"], told["runs"][0]["state"]) == ("r1", "recovered")
