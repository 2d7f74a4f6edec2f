"""Scenarios that share node faults: one injection, everybody's begin before it, one undo after the last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.errors import InjectionError
from podvow.faults.base import FaultContext, Isolation, NodeLostError
from podvow.faults.lifeline import Lifeline
from podvow.scenario import together
from podvow.scenario.together import LateError, Party
from podvow.timeline import Timeline
from podvow.timeline.timeline import FaultMark
from tests.offline.safety.guarded import guarded
from tests.offline.scenario.fake_api import FakeApi

CONTEXT = cast("FaultContext", None)


@dataclass(frozen=True)
class Shake:
    """A node fault that writes down what is done with it."""

    log: list[str] = field(compare=False)
    do: Callable[[], Mapping[str, Any]] = lambda: {"shaken": True}
    heal: Callable[[], None] = lambda: None
    name: str = "shake"
    target: str = "the node"
    isolation: Isolation = Isolation.NODE
    needs: frozenset[str] = frozenset()

    def inject(self, context: FaultContext) -> Mapping[str, Any]:
        assert context is CONTEXT
        self.log.append(f"inject {self.name}")
        return self.do()

    def observed(self, timeline: Timeline, mark: FaultMark) -> bool:
        raise NotImplementedError

    def undo(self, context: FaultContext) -> None:
        assert context is CONTEXT
        self.log.append(f"undo {self.name}")
        self.heal()


class Line:
    """Something that would heal the node; writes down what is done with it."""

    def __init__(self, log: list[str], *, refuses: bool = False, fired: bool = False) -> None:
        self.log = log
        self.refuses = refuses
        self.fired = fired

    def before(self, node: str, fault: Shake, *, held: bool) -> None:
        assert node == "worker"
        if self.refuses:
            raise InjectionError("cannot be armed")
        self.log.append(f"arm again for {fault.name}" if held else f"arm for {fault.name}")

    def after(self, node: str, fault: Shake) -> None:
        assert node == "worker"
        self.log.append(f"after {fault.name}")

    def release(self, node: str) -> bool:
        assert node == "worker"
        self.log.append("disarm")
        return not self.fired


class Members:
    """Threads that go through a party."""

    def __init__(self, folder: Path) -> None:
        self.api = FakeApi()
        self.guard = guarded(folder, self.api)
        self.log: list[str] = []
        self.stop = threading.Event()
        self.results: dict[str, object] = {}
        self.threads: list[threading.Thread] = []
        self.calm = threading.Event()

    def party(
        self,
        *keys: str,
        length: int = 1,
        before: Party | None = None,
        patience_s: float = 20.0,
        lifeline: Line | None = None,
    ) -> Party:
        return Party(
            "worker",
            keys,
            length,
            before=before,
            stop=self.stop,
            calm=self.calm.set,
            guard=self.guard,
            lifeline=cast("Lifeline | None", lifeline),
            patience_s=patience_s,
        )

    def go(self, party: Party, key: str, *faults: Shake, first: Callable[[], object] = lambda: None) -> None:
        party.join(key)

        def run() -> None:
            try:
                first()
                self.results[key] = [
                    party.meet(key, n, lambda: self.log.append(f"begin {key}"), fault, CONTEXT)
                    for n, fault in enumerate(faults)
                ]
            except (LateError, InjectionError) as error:
                self.results[key] = error
            finally:
                party.leave(key, CONTEXT)
                self.log.append(f"left {key}")

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive(), f"hangs; so far {self.log}"


@pytest.fixture
def members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Members]:
    monkeypatch.setattr(together, "repair", lambda _: "repaired")
    made = Members(tmp_path)
    yield made
    made.stop.set()


def test_one_injection_for_all_after_everybody_has_been_told_and_one_undo_after_the_last(members: Members) -> None:
    party = members.party("a", "b", "c", length=2)
    stop, start = Shake(members.log, name="stop"), Shake(members.log, name="start")
    for key in "abc":
        members.go(party, key, stop, start)
    members.end()
    order = [line for line in members.log if not line.startswith("left")]
    assert sorted(order[:3]) == ["begin a", "begin b", "begin c"]
    assert order[3] == "inject stop"
    assert sorted(order[4:7]) == ["begin a", "begin b", "begin c"]
    assert order[7:] == ["inject start", "undo start", "undo stop"]
    assert members.log[-3:] == sorted(members.log[-3:], key=members.log.index), "nobody leaves before the undo"
    assert party.over
    assert party.undone == ["start", "stop"]
    assert all(result == [{"shaken": True}] * 2 for result in members.results.values())
    assert party.exclusive_s > 0


def test_who_ends_early_is_not_waited_for_but_sees_the_node_healed(members: Members) -> None:
    party = members.party("a", "b")
    members.go(party, "a")
    members.go(party, "b", Shake(members.log))
    members.end()
    assert members.results["b"] == [{"shaken": True}]
    assert members.log.index("undo shake") < members.log.index("left a")


def test_who_is_far_behind_is_late_and_does_not_block_the_others(members: Members) -> None:
    party = members.party("a", "b", patience_s=0.0)
    done = threading.Event()

    def shake_and_tell() -> Mapping[str, Any]:
        done.set()
        return {"shaken": True}

    shake = Shake(members.log, do=shake_and_tell)
    members.go(party, "a", shake)
    members.go(party, "b", shake, first=lambda: done.wait(20))
    members.end()
    assert members.results["a"] == [{"shaken": True}]
    assert isinstance(members.results["b"], LateError)
    assert members.log.count("undo shake") == 1


@pytest.mark.parametrize("error", [InjectionError("no"), NodeLostError("worker was not ready")])
def test_an_injection_that_fails_fails_for_all(members: Members, error: Exception) -> None:
    def fail() -> Mapping[str, Any]:
        raise error

    party = members.party("a", "b")
    for key in "ab":
        members.go(party, key, Shake(members.log, do=fail))
    members.end()
    assert list(members.results.values()) == [error] * 2
    assert members.log.count("undo shake") == 1, "what failed half-way is undone too"
    assert party.lost == ("worker was not ready; repaired" if isinstance(error, NodeLostError) else "")


def test_a_node_that_the_undo_does_not_bring_back_is_repaired_and_lost_for_the_evidence(members: Members) -> None:
    def fail() -> None:
        raise NodeLostError("worker stays away")

    party = members.party("a")
    members.go(party, "a", Shake(members.log, heal=fail))
    members.end()
    assert party.lost == "worker stays away; repaired"
    assert party.undone == []


def test_the_next_party_gets_ready_but_waits_with_its_fault_until_the_node_is_free(members: Members) -> None:
    first = members.party("a")
    second = members.party("b", before=first)
    go_on = threading.Event()
    members.go(second, "b", Shake(members.log, name="second"))
    members.go(first, "a", Shake(members.log, name="first"), first=lambda: go_on.wait(20))
    assert not members.results
    go_on.set()
    members.end()
    assert members.log.index("undo first") < members.log.index("begin b")
    assert members.calm.is_set()


def test_a_stopped_run_undoes_what_was_injected_though_not_all_members_have_begun(members: Members) -> None:
    party = members.party("a", "never-begun", length=2, patience_s=0.0)
    shaken = threading.Event()

    def shake() -> Mapping[str, Any]:
        shaken.set()
        return {}

    members.go(party, "a", Shake(members.log, name="first", do=shake), Shake(members.log, name="second"))
    assert shaken.wait(20)
    members.stop.set()
    members.end()
    assert "undo first" in members.log


def test_what_would_heal_the_node_is_armed_before_each_fault_and_disarmed_after_the_last_undo(
    members: Members,
) -> None:
    party = members.party("a", length=2, lifeline=Line(members.log))
    members.go(party, "a", Shake(members.log, name="first"), Shake(members.log, name="second"))
    members.end()
    assert members.log == [
        *("arm for first", "begin a", "inject first", "after first"),
        *("arm again for second", "begin a", "inject second", "after second"),
        *("undo second", "undo first", "disarm", "left a"),
    ]


def test_what_cannot_be_armed_is_not_injected_and_every_member_is_told(members: Members) -> None:
    party = members.party("a", "b", lifeline=Line(members.log, refuses=True))
    for key in "ab":
        members.go(party, key, Shake(members.log))
    members.end()
    assert [str(error) for error in members.results.values()] == ["cannot be armed"] * 2
    assert sorted(members.log) == ["begin a", "begin b", "left a", "left b"]


def test_a_node_that_could_not_be_healed_keeps_its_timer(members: Members) -> None:
    def fail() -> None:
        raise NodeLostError("worker stays away")

    party = members.party("a", lifeline=Line(members.log))
    members.go(party, "a", Shake(members.log, heal=fail))
    members.end()
    assert "disarm" not in members.log
    assert members.log.count("undo shake") == 2, "once more after the repair"


def test_a_node_that_healed_itself_in_the_middle_is_lost_for_the_evidence(members: Members) -> None:
    party = members.party("a", lifeline=Line(members.log, fired=True))
    members.go(party, "a", Shake(members.log))
    members.end()
    assert party.lost == "the dead-man timer of worker healed it in the middle"
