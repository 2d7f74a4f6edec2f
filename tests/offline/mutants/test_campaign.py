"""The order of a campaign: what is run with which program, when it stops, and what a broken one costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from podvow.claims import load_register
from podvow.errors import InjectionError
from podvow.mutants import trial
from podvow.mutants.build import Built, Program
from podvow.mutants.campaign import Campaign, Stand, Wish
from podvow.mutants.definition import DEFINITIONS, Target, load
from podvow.mutants.score import Fate, Trial
from podvow.mutants.weave import SEPARATOR
from podvow.paths import SUITES
from podvow.selection import Collected, collect
from podvow.session import Session
from podvow.verdict import Judged, Judgement, Outcome, Verdict

REGISTER = load_register(SUITES / "claims.yaml")
OURS = {definition.id: definition for definition in load(DEFINITIONS)}
CONTROLS = ["control-log-text", "control-slow-pleg"]
BROKEN = (Judgement("a fact", Outcome.VIOLATED),)


@pytest.fixture(scope="module")
def collected() -> Collected:
    return collect()


@dataclass
class Stage:
    """A node and its trials, made up.

    Attributes:
        violates: the claim that a mutant violates.
        unclear: how often a claim comes to no verdict with a mutant before it comes to one.
    """

    collected: Collected
    violates: dict[str, str]
    unclear: dict[tuple[str, str], int] = field(default_factory=dict)
    active: str = "real"
    calls: list[tuple[str, frozenset[str], frozenset[str]]] = field(default_factory=list)
    patience: list[dict[str, float]] = field(default_factory=list)
    refuses: str = ""
    name: str = "worker"
    pods: str = "worker"

    def choose(self, _: Program, *mutants: str) -> float:
        if self.refuses and self.refuses in mutants:
            raise InjectionError("the node is not ready with it")
        self.active = SEPARATOR.join(mutants)
        return 1.0

    def panics(self) -> int:
        return 0

    def restore(self) -> str:
        self.active = "real"
        return "its own"

    def run(
        self,
        _: Session,
        number: int,
        only: Collection[str],
        *,
        node: str,
        until: Collection[str] = (),
        patience: Mapping[str, float],
    ) -> Trial:
        assert node == self.pods
        self.patience.append(dict(patience))
        self.calls.append((self.active, frozenset(only), frozenset(until)))
        judged = []
        for item in self.collected.items:
            if item.id in only:
                claims = tuple(claim.id for claim in item.claims)
                seed = all(not claim.gating for claim in item.claims)
                bad = any(self.violates.get(each) in claims for each in self.active.split(SEPARATOR))
                verdict = Verdict.VIOLATED if bad is not seed else Verdict.HOLDS
                if any(self.unclear.get((self.active, claim)) for claim in claims):
                    verdict = Verdict.INCONCLUSIVE
                facts = BROKEN if verdict is Verdict.VIOLATED else ()
                judged.append(Judged(item.id, "test", claims, verdict, facts, wall_s=20.0))
        for active, claim in self.unclear:
            if active == self.active and any(claim in each.claims for each in judged):
                self.unclear[active, claim] -= 1
        return Trial(f"r-{number}", tuple(judged), 1.0)


Play = Callable[..., tuple[Stage, dict[str, Fate]]]


@pytest.fixture
def play(collected: Collected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    def played(
        names: list[str],
        violates: dict[str, str],
        *,
        unclear: dict[tuple[str, str], int] | None = None,
        refuses: str = "",
        related_only: bool = True,
        everything: bool = False,
        target: Target = Target.KUBELET,
        peers: list[str] | None = None,
    ) -> tuple[Stage, dict[str, Fate]]:
        pods = "worker" if target is Target.KUBELET else ""
        stage = Stage(collected, violates, unclear or {}, refuses=refuses, pods=pods)
        monkeypatch.setattr(trial, "run", stage.run)
        built = Built((Program(tmp_path, "v1.37.2", tuple(names), "ab", target),), {}, ())
        mutants = [OURS[name] for name in names]
        beside = [OURS[name] for name in names if peers is None] + [OURS[name] for name in peers or ()]
        wish = Wish(mutants, mutants, beside, everything=everything, related_only=related_only)
        made = Campaign(
            Session("r", tmp_path),
            wish,
            built,
            target=target,
            register=REGISTER,
            collected=collected,
            say=lambda _: None,
            stand=Stand(),
        )
        made.run(stage)
        return stage, {result.id: result.fate for result in made.stand.results}

    return played


def test_no_mutant_comes_first_then_the_controls_then_the_mutants(play: Play) -> None:
    stage, fates = play(["parallel-inits", "control-slow-pleg"], {"parallel-inits": "ordering.inits.one-at-a-time"})
    assert [active for active, _, _ in stage.calls] == ["", "control-slow-pleg", "parallel-inits"]
    assert fates == {"control-slow-pleg": Fate.GREEN, "parallel-inits": Fate.KILLED}
    (_, baseline, stop), (_, control, _), (_, mutant, until) = stage.calls
    assert baseline == control, "a control is judged by the scenarios of all mutants"
    assert mutant < baseline or mutant == baseline
    assert not stop
    assert until == OURS["parallel-inits"].related(REGISTER)


def test_controls_are_tried_together(play: Play) -> None:
    stage, fates = play(["parallel-inits", *CONTROLS], {"parallel-inits": "ordering.inits.one-at-a-time"})
    assert [active for active, _, _ in stage.calls] == ["", SEPARATOR.join(CONTROLS), "parallel-inits"]
    assert stage.calls[1][1] == stage.calls[0][1]
    assert fates == dict.fromkeys(CONTROLS, Fate.GREEN) | {"parallel-inits": Fate.KILLED}


def test_controls_that_are_noticed_together_are_red_and_not_asked_again(play: Play) -> None:
    violates = {"control-slow-pleg": "ordering.inits.one-at-a-time"}
    stage, fates = play(["parallel-inits", *CONTROLS], violates)
    assert [active for active, _, _ in stage.calls][:3] == ["", SEPARATOR.join(CONTROLS), "parallel-inits"]
    assert [fates[each] for each in CONTROLS] == [Fate.RED, Fate.RED]


def test_controls_with_which_the_node_is_not_ready_are_tried_alone(play: Play) -> None:
    _, fates = play(["parallel-inits", *CONTROLS], {}, refuses="control-slow-pleg")
    assert fates["control-log-text"] is Fate.GREEN
    assert fates["control-slow-pleg"] is Fate.CRASHED


def test_where_everything_is_asked_for_each_control_is_tried_alone(play: Play) -> None:
    stage, _ = play(CONTROLS, {}, everything=True, peers=["parallel-inits"])
    assert [active for active, _, _ in stage.calls] == ["", *CONTROLS]


def test_with_a_mutant_a_step_is_waited_for_little_longer_than_the_scenario_takes_without(play: Play) -> None:
    stage, _ = play(["parallel-inits", "control-slow-pleg"], {"parallel-inits": "ordering.inits.one-at-a-time"})
    baseline, control, mutant = stage.patience
    assert not baseline
    assert not control
    assert mutant == dict.fromkeys(stage.calls[2][1], 50.0)


def test_scenarios_with_node_faults_are_run_only_when_the_others_saw_nothing(play: Play) -> None:
    name = "rerun-on-lost-record"
    stage, fates = play([name], {name: "rerun.records.lost-while-running"})
    assert [active for active, _, _ in stage.calls] == ["", name]
    assert fates[name] is Fate.KILLED
    stage, fates = play([name], {})
    assert [active for active, _, _ in stage.calls] == ["", name, name]
    assert fates[name] is Fate.SURVIVED
    (_, first, _), (_, second, _) = stage.calls[1:]
    assert not first & second


def test_a_survivor_meets_all_others_once_it_is_known_how_they_are_without_it(play: Play) -> None:
    name = "initialized-lies"
    stage, fates = play([name], {name: "updates.generation.follows-each-change"}, related_only=False)
    assert [active for active, _, _ in stage.calls] == ["", name, "", name]
    assert fates[name] is Fate.NOTICED
    related, others = stage.calls[0][1], stage.calls[2][1]
    assert not related & others
    assert len(related | others) == len(stage.collected.items)


def test_a_bug_that_makes_the_seed_right_is_judged_to_the_end(play: Play) -> None:
    name = "seed-literal"
    stage, fates = play([name], {name: "updates.init-image.running-pod-unaffected"})
    assert stage.calls[-1][2] == frozenset(), "no early stop"
    assert fates[name] is Fate.INCONCLUSIVE, "noticed, but the seed's sentence did not become true"


def test_a_kubelet_with_which_the_node_is_not_ready_is_no_kill_and_stops_nothing(play: Play) -> None:
    names = ["parallel-inits", "app-does-not-wait"]
    violates = {"app-does-not-wait": "ordering.apps.wait-for-all-inits"}
    _, fates = play(names, violates, refuses="parallel-inits")
    assert fates == {"parallel-inits": Fate.CRASHED, "app-does-not-wait": Fate.KILLED}


def test_what_is_not_green_without_a_mutant_is_not_used(play: Play) -> None:
    name = "parallel-inits"
    claim = "ordering.inits.one-at-a-time"
    stage, fates = play([name], {"": claim, name: claim})
    used = stage.calls[1][1]
    assert used
    assert not {i.id for i in stage.collected.items if claim in {c.id for c in i.claims}} & used
    assert fates[name] is Fate.SURVIVED


@pytest.mark.parametrize(("times", "fate"), [(1, Fate.KILLED), (9, Fate.INCONCLUSIVE)])
@pytest.mark.parametrize("active", ["", "parallel-inits"], ids=["baseline", "mutant"])
def test_what_came_to_no_verdict_is_run_once_more(play: Play, active: str, times: int, fate: Fate) -> None:
    name, claim = "parallel-inits", "ordering.inits.one-at-a-time"
    stage, fates = play([name], {name: claim}, unclear={(active, claim): times})
    judging = {i.id for i in stage.collected.items if claim in {c.id for c in i.claims}}
    looks = [scenarios for program, scenarios, _ in stage.calls if program == active and judging <= scenarios]
    assert len(looks) == 2, "once, not until it is right"
    assert looks[1] == judging, "by themselves"
    if active or fate is Fate.KILLED:
        assert fates[name] is fate
    else:
        assert not judging & stage.calls[-1][1], "what says nothing without a bug gives none away"


def test_a_verdict_is_never_asked_for_twice(play: Play) -> None:
    name, claim = "parallel-inits", "ordering.inits.zero-exit-required"
    stage, fates = play([name], {}, unclear={(name, claim): 1})
    assert fates[name] is Fate.SURVIVED
    seen = [scenario for program, scenarios, _ in stage.calls if program == name for scenario in scenarios]
    twice = [i for i in stage.collected.items if seen.count(i.id) > 1]
    assert all(claim in {c.id for c in item.claims} for item in twice)


def test_mutants_of_the_control_plane_are_judged_by_the_whole_cluster(play: Play) -> None:
    names = ["init-probe-accepted", "control-slow-creation"]
    violates = {"init-probe-accepted": "validation.regular-init.forbids-probes-and-lifecycle"}
    stage, fates = play(names, violates, target=Target.API_SERVER)
    assert [active for active, _, _ in stage.calls] == ["", "control-slow-creation", "init-probe-accepted"]
    assert fates == {"control-slow-creation": Fate.GREEN, "init-probe-accepted": Fate.KILLED}


def test_mutants_of_another_program_are_left_alone(play: Play) -> None:
    stage, fates = play(["init-probe-accepted", "parallel-inits"], {}, target=Target.API_SERVER)
    assert list(fates) == ["init-probe-accepted"]
    assert {active for active, _, _ in stage.calls} == {"", "init-probe-accepted"}


def test_a_control_is_judged_by_the_scenarios_of_its_peers_and_of_its_own_program(play: Play) -> None:
    peers = ["init-probe-accepted", "parallel-inits"]
    stage, _ = play(["control-slow-creation"], {}, target=Target.API_SERVER, peers=peers)
    used = {claim.id for item in stage.collected.items if item.id in stage.calls[0][1] for claim in item.claims}
    assert "validation.regular-init.forbids-probes-and-lifecycle" in used
    assert "ordering.inits.one-at-a-time" not in used
