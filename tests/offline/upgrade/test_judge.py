"""What became of survivors, fate by fate: what is allowed, what is not, and what nobody can know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from podvow.upgrade.fate import Kind, fates, left_behind, nothing_changed
from podvow.upgrade.judge import Outcome
from podvow.upgrade.snapshot import PodSeen
from tests.offline.upgrade.build import NEW, OLD, container, node, pod, survivors, taken

UPGRADED = (node(kubelet=NEW),)


def one(before: PodSeen, *after: PodSeen, nodes: Any = UPGRADED) -> tuple[Outcome, str]:
    """Judge one survivor of a node that was upgraded in place."""
    found = survivors(taken(before), taken(*after, nodes=nodes, server=NEW))
    assert len(found) == 1, "every survivor is accounted for, once"
    return found[0].outcome, " | ".join(found[0].because)


def with_container(seen: PodSeen, new: Any) -> PodSeen:
    return replace(seen, containers=tuple(new if c.name == new.name else c for c in seen.containers))


def test_a_kubelet_that_is_replaced_in_place_leaves_a_survivor_as_it_was() -> None:
    assert one(pod(), pod()) == (Outcome.INTACT, "")


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("init-2", "init", "init-2 ran again"),
        ("app", "app", "app was restarted"),
        ("app", "sidecar", "app was restarted"),
    ],
)
def test_nothing_may_be_restarted_by_it(name: str, kind: str, words: str) -> None:
    old = with_container(pod(), container(name, kind))
    outcome, because = one(old, with_container(old, container(name, kind, 2)))
    assert outcome is Outcome.VIOLATED
    assert f"{words}: container {name}-1" in because
    assert "run 2 after run 1" in because
    assert "its kubelet went from v1.36.3 to v1.37.2" in because
    assert "restarts nothing that runs" in because, "what was promised is quoted"


def test_a_trace_with_one_run_more_tells_what_a_lost_record_hides() -> None:
    hidden = replace(container("app"), runs=2)
    assert one(pod(), with_container(pod(), hidden))[0] is Outcome.VIOLATED


def test_a_container_that_was_never_started_is_not_taken_for_one_that_was_restarted() -> None:
    waiting = replace(container("app"), id="", runs=None, state="waiting")
    started = one(with_container(pod(), waiting), pod())
    assert started == (Outcome.INTACT, "")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ip": "10.244.1.9"}, "its address is 10.244.1.9, it was 10.244.1.5"),
        ({"unsettled": "x is Failed, not ready"}, "x is Failed, not ready"),
    ],
)
def test_nor_may_a_pod_lose_its_address_or_its_state(changed: dict[str, Any], words: str) -> None:
    outcome, because = one(pod(), pod(**changed))
    assert outcome is Outcome.VIOLATED
    assert words in because


def test_nor_stand_still_nor_get_another_image() -> None:
    silent = replace(container("app"), silence_s=75.0)
    assert "app wrote nothing for 75 s" in one(pod(), with_container(pod(), silent))[1]
    assert one(with_container(pod(), silent), with_container(pod(), silent))[0] is Outcome.INTACT, "that was before"
    other = replace(container("init-1", "init"), image="podvow/busybox:green")
    assert "the image of init-1 is podvow/busybox:green" in one(pod(), with_container(pod(), other))[1]


def test_a_crash_loop_goes_on_but_its_init_containers_do_not_run_again() -> None:
    old = pod("crash-looping-1", "crash-looping")
    restarted = with_container(old, container("app", number=4))
    outcome, because = one(old, restarted)
    assert outcome is Outcome.AS_ALLOWED
    assert because.endswith("(crash-loop-goes-on)")
    again = with_container(restarted, container("init-1", "init", 2))
    assert one(old, again)[0] is Outcome.VIOLATED


def test_drained_pods_are_gone_or_replaced_by_their_controllers() -> None:
    alone, owned = pod(), pod("web-a", "web", owner="ReplicaSet")
    stays = pod("agent", "daemonset", owner="DaemonSet")
    heir = pod("web-b", "web", owner="ReplicaSet", node="other")
    nodes = (node(kubelet=NEW), node("other"))
    found = survivors(
        taken(alone, owned, stays, nodes=(node(), node("other"))), taken(heir, stays, nodes=nodes, server=NEW)
    )
    assert [(s.name, s.outcome, s.rules) for s in found] == [
        ("three-inits-1", Outcome.AS_ALLOWED, ("drained-alone-is-gone",)),
        ("web-a", Outcome.AS_ALLOWED, ("drained-is-replaced",)),
        ("agent", Outcome.INTACT, ()),
    ]
    assert "replaced by web-b on other" in found[1].because[0]


def test_a_pod_that_goes_without_a_drain_is_a_violation_as_is_one_of_a_daemonset_that_goes_with_it() -> None:
    stays, goes = pod(), pod("no-init-1", "no-init")
    found = survivors(taken(stays, goes), taken(stays, nodes=UPGRADED, server=NEW))
    assert [s.outcome for s in found] == [Outcome.INTACT, Outcome.VIOLATED]
    assert found[1].because[0] == "it is gone"
    agent = pod("agent", "daemonset", owner="DaemonSet")
    drained = survivors(taken(goes, agent), taken(nodes=UPGRADED, server=NEW))
    assert [s.outcome for s in drained] == [Outcome.AS_ALLOWED, Outcome.VIOLATED]
    assert "neither those of DaemonSets nor static ones" in drained[1].because[1]


def test_the_init_containers_of_a_replacement_run_once_in_order() -> None:
    alone, owned = pod(), pod("web-a", "web", owner="ReplicaSet")
    twice = with_container(pod("web-b", "web", owner="ReplicaSet"), container("init-2", "init", 2))
    found = survivors(taken(alone, owned), taken(twice, nodes=UPGRADED, server=NEW))[1]
    assert found.outcome is Outcome.VIOLATED
    assert "init-2 of web-b ran 2 times, not once" in found.because[0]
    early = replace(container("init-3", "init"), begun_s=1.0)
    found = survivors(
        taken(alone, owned),
        taken(with_container(pod("web-b", "web", owner="ReplicaSet"), early), nodes=UPGRADED, server=NEW),
    )[1]
    assert found.because[0] == "init-3 of web-b began before init-2 had ended"


def test_an_app_that_begins_before_its_init_containers_have_ended_is_out_of_order() -> None:
    alone, owned = pod(), pod("web-a", "web", owner="ReplicaSet")
    heir = with_container(pod("web-b", "web", owner="ReplicaSet"), replace(container("app"), begun_s=1.0))
    found = survivors(taken(alone, owned), taken(heir, nodes=UPGRADED, server=NEW))[1]
    assert "app of web-b began before init-3 had ended" in found.because


def test_pods_of_statefulsets_are_replaced_by_name_and_those_of_daemonsets_by_node() -> None:
    alone = pod()
    db = pod("db-0", "db", owner="StatefulSet")
    stranger = pod("db-1", "db", owner="StatefulSet")
    found = survivors(taken(alone, db), taken(stranger, nodes=UPGRADED, server=NEW))
    assert found[1].because[0] == "it is gone, and nothing replaced it"
    same = replace(db, uid="another")
    assert survivors(taken(alone, db), taken(same, nodes=UPGRADED, server=NEW))[1].outcome is Outcome.AS_ALLOWED
    gone = (node("other"),)
    agent = pod("agent-a", "daemonset", owner="DaemonSet")
    elsewhere = pod("agent-b", "daemonset", owner="DaemonSet", node="other")
    assert survivors(taken(agent), taken(elsewhere, nodes=gone, server=NEW))[0].outcome is Outcome.VIOLATED


def test_a_reboot_initialises_again_once_and_in_order() -> None:
    booted = (node(boot_id="boot-2"),)
    outcome, because = one(pod(), pod(number=2, ip="10.244.1.9"), nodes=booted)
    assert outcome is Outcome.AS_ALLOWED
    assert because.count("reboot-initialises-again") == 5
    thrice = with_container(pod(number=2), container("init-1", "init", 3))
    outcome, because = one(pod(), thrice, nodes=booted)
    assert outcome is Outcome.VIOLATED
    assert "init-1 ran 2 times again, not once" in because
    skipped = with_container(pod(number=2), container("init-2", "init"))
    assert "init-2 ran 0 times again" in one(pod(), skipped, nodes=booted)[1]


def test_a_kubelet_from_before_1_31_may_restart_what_runs_and_no_init_container() -> None:
    old = (node(kubelet="v1.30.14"),)
    new = (node(kubelet="v1.31.14"),)
    restarted = with_container(pod(), container("app", number=2))
    found = survivors(taken(pod(), nodes=old), taken(restarted, nodes=new, server="v1.31.14"))
    assert (found[0].outcome, found[0].rules) == (Outcome.AS_ALLOWED, ("hash-of-1.31",))
    again = with_container(restarted, container("init-1", "init", 2))
    assert (
        survivors(taken(pod(), nodes=old), taken(again, nodes=new, server="v1.31.14"))[0].outcome
        is Outcome.VIOLATED
    )


def test_a_kubelet_of_another_minor_version_may_replace_a_static_pod_and_no_other() -> None:
    old = pod("static-a-worker", "static", owner="Node")
    new = replace(old, uid="another")
    stays = pod()
    found = survivors(taken(old, stays), taken(new, stays, nodes=UPGRADED, server=NEW))
    assert (found[0].outcome, found[0].rules) == (Outcome.AS_ALLOWED, ("static-pod-of-another-minor",))
    patch = (node(kubelet="v1.36.4"),)
    found = survivors(taken(old, stays), taken(new, stays, nodes=patch, server="v1.36.4"))
    assert found[0].outcome is Outcome.VIOLATED
    twice = with_container(new, container("init-2", "init", 2))
    found = survivors(taken(old, stays), taken(twice, stays, nodes=UPGRADED, server=NEW))
    assert found[0].outcome is Outcome.VIOLATED
    # what counts is its trace, where there is one: a status may count runs of the static Pod before it
    counted = with_container(new, replace(container("init-2", "init", 1), restarts=1))
    found = survivors(taken(old, stays), taken(counted, stays, nodes=UPGRADED, server=NEW))
    assert found[0].outcome is Outcome.AS_ALLOWED
    untold = with_container(new, replace(container("init-2", "init", 1), restarts=1, runs=None))
    found = survivors(taken(old, stays), taken(untold, stays, nodes=UPGRADED, server=NEW))
    assert "init-2 of static-a-worker ran 2 times, not once" in found[0].because
    owned = pod("web-a", "web", owner="ReplicaSet")
    found = survivors(taken(owned, stays), taken(replace(owned, uid="b"), stays, nodes=UPGRADED, server=NEW))
    assert found[0].outcome is Outcome.VIOLATED


def test_only_a_pod_that_has_ended_may_lose_its_address_to_a_kubelet_that_starts_anew() -> None:
    ended = pod("succeeded-1", "succeeded", phase="Succeeded")
    found = survivors(taken(ended), taken(replace(ended, ip=""), nodes=UPGRADED, server=NEW))
    assert (found[0].outcome, found[0].rules) == (Outcome.AS_ALLOWED, ("address-of-the-ended",))
    assert one(pod(), pod(ip=""))[0] is Outcome.VIOLATED
    # podvow restarts kubelets too, when it judges claims half-way: nobody sees that of a node
    assert survivors(taken(ended), taken(replace(ended, ip="")))[0].outcome is Outcome.AS_ALLOWED


def test_what_goes_with_a_machine_that_was_replaced() -> None:
    other = (node(uid="u2", machine_id="m2", kubelet=NEW),)
    agent = pod("agent", "daemonset", owner="DaemonSet")
    found = survivors(taken(pod(), agent), taken(replace(agent, uid="u2"), nodes=other, server=NEW))
    assert [s.rules for s in found] == [("lost-with-its-machine",), ("replaced-with-its-machine",)]


@pytest.mark.parametrize(
    ("after", "nodes", "words"),
    [
        ([pod(leaving=True)], UPGRADED, "it is being deleted, and not gone yet"),
        ([pod()], (node(kubelet=NEW, ready=False),), "node worker is not ready"),
    ],
)
def test_what_nobody_can_know_is_unaccounted(after: list[PodSeen], nodes: Any, words: str) -> None:
    outcome, because = one(pod(), *after, nodes=nodes)
    assert outcome is Outcome.UNACCOUNTED
    assert words in because


def test_a_replacement_that_is_not_ready_yet_is_unaccounted() -> None:
    owned = pod("web-a", "web", owner="ReplicaSet")
    heir = pod("web-b", "web", owner="ReplicaSet", unsettled="web-b is Pending, not ready")
    found = survivors(taken(pod(), owned), taken(heir, nodes=UPGRADED, server=NEW))[1]
    assert (found.outcome, found.because) == (
        Outcome.UNACCOUNTED,
        ("it was replaced, but web-b is Pending, not ready",),
    )


def test_the_fates_of_nodes() -> None:
    nodes = (node("a"), node("b"), node("c"), node("d"), node("e"))
    pods = tuple(pod(f"p-{name}", node=name) for name in "abcde")
    later = (
        node("a"),
        node("b", NEW, runtime="containerd://3"),
        node("c", NEW, boot_id="boot-2"),
        node("d", uid="u", machine_id="m"),
    )
    found = fates(taken(*pods, nodes=nodes), taken(*pods[:2], nodes=later, server=NEW))
    assert {name: fate.kinds for name, fate in found.items()} == {
        "a": (Kind.NONE,),
        "b": (Kind.KUBELET, Kind.RUNTIME),
        "c": (Kind.KUBELET, Kind.DRAINED, Kind.REBOOTED),
        "d": (Kind.MACHINE,),
        "e": (Kind.MACHINE,),
    }
    assert found["c"].words == "its kubelet went from v1.36.3 to v1.37.2, it was drained, it was rebooted"


def test_a_node_without_a_pod_that_a_drain_takes_is_not_known_to_be_drained() -> None:
    agent = pod("agent", "daemonset", owner="DaemonSet")
    assert fates(taken(agent), taken(agent, nodes=UPGRADED, server=NEW))["worker"].kinds == (Kind.KUBELET,)


def test_nodes_that_were_left_behind_are_named() -> None:
    before = taken(nodes=(node("a"), node("b")))
    after = taken(nodes=(node("a", NEW), node("b")), server=NEW)
    assert left_behind(before, after) == [
        "node b was left behind: its kubelet is v1.36.3, the API server is v1.37.2"
    ]
    assert left_behind(before, before) == []
    assert nothing_changed(before, before)
    assert not nothing_changed(before, after)
    assert not nothing_changed(before, taken(nodes=(node("a", NEW), node("b")), server=OLD))
