"""`podvow mutants run`: the unchanged kubelet first, then what nobody may notice, then mutant by mutant."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from podvow import run as runs
from podvow.claims import Register, load_register
from podvow.errors import PodvowError
from podvow.faults.base import Isolation
from podvow.mutants import trial, worker
from podvow.mutants.build import Built, Kubelet, build
from podvow.mutants.definition import Definition
from podvow.mutants.score import (
    Fate,
    Kill,
    Result,
    Score,
    Trial,
    as_expected,
    claims_of,
    fate_of,
    kill_of,
    score_of,
)
from podvow.mutants.worker import Worker
from podvow.paths import SUITES
from podvow.redact import watch_logs
from podvow.selection import Collected, collect
from podvow.session import Session
from podvow.verdict import Judged

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What is to be run.

    Attributes:
        mutants: the mutants and controls, in the order in which they are run.
        loaded: all mutants of the folder: a control is judged by the scenarios of all.
        everything: run all suites on each, without stopping early.
        related_only: leave out the scenarios of claims that a mutant's definition does not name.
    """

    mutants: Sequence[Definition]
    loaded: Sequence[Definition]
    everything: bool = False
    related_only: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        node: the node.
        version: of its kubelet.
        kubelets: SHA-256 of the kubelets that were tried.
        baseline: verdicts on the unchanged kubelet, by scenario.
        odd: the scenarios that did not come out as expected there, and so were of no use.
        results: what became of each.
        score: of all.
        wall_s: how long it took, in seconds.
        leaks: what could not be removed.
    """

    node: str
    version: str
    kubelets: tuple[str, ...]
    baseline: tuple[Judged, ...]
    odd: tuple[str, ...]
    results: tuple[Result, ...]
    score: Score
    wall_s: float
    leaks: tuple[str, ...] = ()


@dataclass
class Stand:
    """What is known so far."""

    seen: dict[str, Judged] = field(default_factory=dict)
    green: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


def run(session: Session, wish: Wish, say: Say, keep: Callable[[Outcome], object]) -> Outcome:
    """Run mutants on the disturbed worker of a cluster.

    Args:
        session: the run; its folder takes journal and results, its parts get folders beside it.
        wish: which mutants, and how thoroughly.
        say: is told what goes on.
        keep: is given what is known after each mutant: a campaign that is interrupted is not lost.

    Raises:
        PodvowError: something stands in the way that was found before a node was touched, or the node's own kubelet
            could not be put back.
    """
    began = time.monotonic()
    watch_logs()
    register = load_register(SUITES / "claims.yaml")
    for definition in wish.mutants:
        definition.related(register)
        for claim in definition.holds:
            register.claim(claim)
    collected = collect(profile=session.profile)
    runs.check_fixtures()
    runs.prepare(session, collected)
    node = worker.find(session)
    # All of the folder, whatever is asked for: so the kubelet is the cached one.
    built = build(wish.loaded, node.kubelet_version)
    order = {definition.id: number for number, definition in enumerate(wish.mutants)}

    def known(stand: Stand) -> Outcome:
        results = tuple(sorted(stand.results, key=lambda result: order[result.id]))
        return Outcome(
            node=node.name,
            version=node.kubelet_version,
            kubelets=tuple(kubelet.digest for kubelet in built.kubelets),
            baseline=tuple(stand.seen.values()),
            odd=tuple(stand.odd),
            results=results,
            score=score_of(results, stand.seen.values(), register),
            wall_s=round(time.monotonic() - began, 1),
            leaks=tuple(dict.fromkeys(stand.leaks)),
        )

    def told(stand: Stand) -> None:
        keep(known(stand))

    campaign = _Campaign(session, wish, built, register=register, collected=collected, say=say, told=told)
    campaign.leave_out(node.kubelet_version)
    if any(definition.id in kubelet.mutants for kubelet in built.kubelets for definition in wish.mutants):
        with worker.borrowed(session, node.name) as borrowed:
            campaign.run(borrowed)
    return known(campaign.stand)


class _Campaign:
    """Runs trials on a node, one after the other."""

    def __init__(
        self,
        session: Session,
        wish: Wish,
        built: Built,
        *,
        register: Register,
        collected: Collected,
        say: Say,
        told: Callable[[Stand], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._wish = wish
        self._built = built
        self._register = register
        self._items = collected.items
        self._gating = frozenset(claim.id for claim in register.claims if claim.gating)
        self._say = say
        self._told = told
        self._number = 0
        self.stand = Stand()

    def leave_out(self, version: str) -> None:
        """Note the mutants that are in no kubelet."""
        for definition in self._wish.mutants:
            if definition.id in self._built.broken:
                self._keep(definition, Fate.NOT_BUILT, self._built.broken[definition.id])
            elif definition.id in self._built.elsewhere:
                self._keep(definition, Fate.ELSEWHERE, f"it is for {definition.versions}, not for {version}")

    def run(self, node: Worker) -> None:
        """Try all kubelets, and on each what is in it: first none, then the controls, then the mutants."""
        for kubelet in self._built.kubelets:
            held = [d for d in self._wish.mutants if d.id in kubelet.mutants]
            if not held:
                continue
            self._baseline(node, kubelet, self._all if self._wish.everything else self._named(held))
            for definition in sorted(held, key=lambda d: not d.control):
                self._one(node, kubelet, definition)

    @property
    def _all(self) -> set[str]:
        return {item.id for item in self._items}

    def _named(self, definitions: Iterable[Definition]) -> set[str]:
        """Return the tests of the claims that definitions name; for a control those of all mutants."""
        claims: set[str] = set()
        for definition in definitions:
            widened = self._wish.loaded if definition.control else ()
            claims.update(*(d.related(self._register) | set(d.holds) for d in (definition, *widened)))
        return {item.id for item in self._items if not claims.isdisjoint(c.id for c in item.claims)}

    def _baseline(self, node: Worker, kubelet: Kubelet, wanted: Collection[str]) -> bool:
        """Find out which scenarios can tell: those that come out as expected without a mutant.

        Returns:
            Whether any had to be run.
        """
        fresh = set(wanted) - self.stand.seen.keys() - set(self.stand.odd)
        if not fresh:
            return False
        self._say(f"no mutant: {len(fresh)} scenarios on {node.name}")
        ready_s = node.choose(kubelet)
        done = self._trial(node, fresh)
        for judged in done.judged:
            self.stand.seen[judged.scenario] = judged
            if as_expected(judged, self._register):
                self.stand.green.add(judged.scenario)
            else:
                self.stand.odd.append(judged.scenario)
                self._say(f"  not as expected: {judged.scenario}: {judged.verdict} {judged.reason}")
        missing = sorted(fresh - self.stand.seen.keys())
        self.stand.odd += missing
        odd = [name for name in self.stand.odd if name in fresh]
        green = f"NOT GREEN: {', '.join(odd[:3])}" if odd else "green"
        self._say(
            f"no mutant: {green}, {done.wall_s:.0f} s (node ready after {ready_s:.0f} s) {done.error}".rstrip()
        )
        return True

    def _one(self, node: Worker, kubelet: Kubelet, definition: Definition) -> None:
        """Try a mutant."""
        began = time.monotonic()
        trials: list[Trial] = []
        panics = 0
        try:
            node.choose(kubelet, definition.id)
            trials += self._by_claim(node, definition)
            panics = node.panics()
            if not (definition.control or self._noticed(trials) or panics or self._wish.related_only):
                if self._baseline(node, kubelet, self._all):
                    node.choose(kubelet, definition.id)
                trials += self._by_others(node, definition)
                panics = node.panics()
        except PodvowError as error:
            fate = Fate.INCONCLUSIVE if trials else Fate.CRASHED
            self._keep(definition, fate, error.message, trials=trials, wall_s=time.monotonic() - began)
            return
        fate, reason, kill = fate_of(
            definition, trials, register=self._register, green=self.stand.green, panics=panics
        )
        if fate is Fate.SURVIVED and definition.equivalent:
            fate, reason = Fate.EQUIVALENT, definition.equivalent
        self._keep(definition, fate, reason, kill, trials=trials, wall_s=time.monotonic() - began)

    def _by_claim(self, node: Worker, definition: Definition) -> list[Trial]:
        """Run the scenarios of the claims that must notice it; where everything is asked for, all of them."""
        if self._wish.everything:
            return [self._trial(node, self.stand.green)]
        named = self._named([definition]) & self.stand.green
        # To its end: a control must stay green, and a claim that is to turn to holds must be judged.
        until = frozenset() if definition.control or definition.holds else definition.related(self._register)
        return self._in_turn(node, named, until)

    def _by_others(self, node: Worker, definition: Definition) -> list[Trial]:
        return self._in_turn(node, self.stand.green - self._named([definition]), self._gating)

    def _in_turn(self, node: Worker, wanted: Collection[str], until: frozenset[str]) -> list[Trial]:
        """Run scenarios that disturb only their own Pod first: the others wait for each other."""
        alone = {i.id for i in self._items if i.planned.scenario.isolation is not Isolation.POD}
        parts = (set(wanted) - alone, set(wanted) & alone) if until else (set(wanted),)
        done: list[Trial] = []
        for part in parts:
            if part and not self._noticed(done):
                done.append(self._trial(node, part, until))
        return done

    def _noticed(self, trials: Sequence[Trial]) -> bool:
        return kill_of(trials, self._gating, self.stand.green) is not None

    def _trial(self, node: Worker, wanted: Collection[str], until: Collection[str] = ()) -> Trial:
        self._number += 1
        done = trial.run(self._session, self._number, wanted, node=node.name, until=until)
        self.stand.leaks += done.leaks
        return done

    def _keep(
        self,
        definition: Definition,
        fate: Fate,
        reason: str,
        kill: Kill | None = None,
        *,
        trials: Sequence[Trial] = (),
        wall_s: float = 0.0,
    ) -> None:
        judged = [each for done in trials for each in done.judged]
        result = Result(
            definition.id,
            definition.title,
            definition.control,
            fate,
            reason,
            kill,
            claims_of(judged),
            len(judged),
            round(wall_s, 1),
            tuple(done.run for done in trials),
        )
        self.stand.results.append(result)
        self._told(self.stand)
        told = f" by {kill.scenario}: {kill.expectation}" if kill else ""
        self._say(f"{result.id}: {fate}{told}{f' ({reason})' if reason else ''}, {wall_s:.0f} s")
