"""The mutants of one program: none of them first, then what nobody may notice, then mutant by mutant."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from podvow.claims import Register
from podvow.errors import PodvowError
from podvow.faults.base import Isolation
from podvow.mutants import trial
from podvow.mutants.build import Built, Program
from podvow.mutants.definition import Definition, Target, of_target
from podvow.mutants.score import (
    Fate,
    Kill,
    Result,
    Trial,
    as_expected,
    claims_of,
    fate_of,
    kill_of,
    last_of,
)
from podvow.mutants.seat import Seat
from podvow.scenario.placing import Item
from podvow.selection import Collected
from podvow.session import Session
from podvow.verdict import UNDECIDED, Judged

Say = Callable[[str], None]

_MARGIN_S = 30.0
"""How much longer than the whole scenario took without a mutant one of its steps is waited for with one."""


@dataclass(frozen=True)
class Wish:
    """What is to be run.

    Attributes:
        mutants: the mutants and controls, in the order in which they are run.
        loaded: all mutants of the folder: they are built together.
        peers: the mutants by whose scenarios a control is judged, as far as they are in the same program.
        everything: run all suites on each, without stopping early.
        related_only: leave out the scenarios of claims that a mutant's definition does not name.
    """

    mutants: Sequence[Definition]
    loaded: Sequence[Definition]
    peers: Sequence[Definition]
    everything: bool = False
    related_only: bool = False


@dataclass
class Stand:
    """What is known so far, of all programs."""

    baseline: list[Judged] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    trials: int = 0


def tests_of(definitions: Iterable[Definition], register: Register, items: Iterable[Item]) -> set[str]:
    """Return the tests of the claims that mutants name.

    Args:
        definitions: the mutants.
        register: the claims.
        items: all tests.
    """
    claims = {claim for each in definitions for claim in each.related(register) | set(each.holds)}
    return {item.id for item in items if not claims.isdisjoint(claim.id for claim in item.claims)}


class Campaign:
    """Runs trials with one program, one after the other.

    Args:
        session: the run.
        wish: what is to be run; mutants of other programs are left alone.
        built: the programs with the mutants in them.
        target: which program it is.
        register: the claims.
        collected: the tests.
        say: is told what goes on.
        stand: takes what is found out.

    Attributes:
        told: is called after each mutant.
    """

    def __init__(
        self,
        session: Session,
        wish: Wish,
        built: Built,
        *,
        target: Target,
        register: Register,
        collected: Collected,
        say: Say,
        stand: Stand,
    ) -> None:
        self._session = session
        self._wish = wish
        self._mutants = of_target(wish.mutants, target)
        self._peers = of_target(wish.peers, target)
        self._built = built
        self._register = register
        self._items = collected.items
        self._gating = frozenset(claim.id for claim in register.claims if claim.gating)
        self._say = say
        self._seen: set[str] = set()
        # what comes out as expected without a mutant, and how long it took then, in seconds
        self._green: dict[str, float] = {}
        self.told: Callable[[], object] = lambda: None
        self.target = target
        self.stand = stand

    def leave_out(self, version: str) -> None:
        """Note the mutants that are in no program.

        Args:
            version: of Kubernetes, for the reason.
        """
        for definition in self._mutants:
            if definition.id in self._built.broken:
                self._keep(definition, Fate.NOT_BUILT, self._built.broken[definition.id])
            elif definition.id in self._built.elsewhere:
                self._keep(definition, Fate.ELSEWHERE, f"it is for {definition.versions}, not for {version}")

    @property
    def held(self) -> list[tuple[Program, list[Definition]]]:
        """The programs with those of their mutants that are to be run; controls come first."""
        pairs = [(p, [d for d in self._mutants if d.id in p.mutants]) for p in self._built.programs]
        return [(program, sorted(held, key=lambda d: not d.control)) for program, held in pairs if held]

    def run(self, seat: Seat) -> None:
        """Try all programs, and in each what is in it: first none, then the controls, then the mutants.

        Args:
            seat: where they run.
        """
        for program, held in self.held:
            self._baseline(seat, program, self._all if self._wish.everything else self._named(held))
            judged = self._controls_together(seat, program, [each for each in held if each.control])
            for definition in held:
                if not (judged and definition.control):
                    self._one(seat, program, definition)

    @property
    def _all(self) -> set[str]:
        return {item.id for item in self._items}

    @property
    def _scenarios(self) -> dict[str, set[str]]:
        """The tests of each claim that can tell."""
        tests: defaultdict[str, set[str]] = defaultdict(set)
        for item in self._items:
            for claim in item.claims if item.id in self._green else ():
                tests[claim.id].add(item.id)
        return tests

    def _named(self, definitions: Iterable[Definition]) -> set[str]:
        """Return the tests of the claims that definitions name; for a control those of its peers."""
        every = [d for one in definitions for d in (one, *(self._peers if one.control else ()))]
        return tests_of(every, self._register, self._items)

    def _baseline(self, seat: Seat, program: Program, wanted: Collection[str]) -> bool:
        """Find out which scenarios can tell: those that come out as expected without a mutant.

        Returns:
            Whether any had to be run.
        """
        fresh = set(wanted) - self._seen
        if not fresh:
            return False
        self._say(f"no mutant: {len(fresh)} scenarios with {self.target} of {seat.name}")
        ready_s = seat.choose(program)
        done = [self._trial(seat, fresh)]
        done += self._again(seat, done)
        self._seen |= fresh
        told = last_of(done)
        self.stand.baseline += told
        odd = sorted(fresh - {judged.scenario for judged in told})
        for judged in told:
            if as_expected(judged, self._register):
                self._green[judged.scenario] = judged.wall_s
            else:
                odd.append(judged.scenario)
                self._say(f"  not as expected: {judged.scenario}: {judged.verdict} {judged.reason}")
        self.stand.odd += odd
        green = f"NOT GREEN: {', '.join(odd[:3])}" if odd else "green"
        took, error = sum(each.wall_s for each in done), " ".join(each.error for each in done)
        self._say(f"no mutant: {green}, {took:.0f} s (at work after {ready_s:.0f} s) {error}".rstrip())
        return True

    def _controls_together(self, seat: Seat, program: Program, controls: Sequence[Definition]) -> bool:
        """Try all controls at once: what is green with all of them active is green with each.

        A violation is one of all that were active, and none is asked again by itself. Where they came
        to no verdict, and where everything is asked for, each is tried alone.

        Returns:
            Whether they were judged; nothing is known of any of them where they were not.
        """
        if not controls[1:] or self._wish.everything:
            return False
        began = time.monotonic()
        try:
            seat.choose(program, *(each.id for each in controls))
            trials = [self._trial(seat, self._named(controls) & self._green.keys())]
            trials += self._again(seat, trials)
            panics = seat.panics()
        except PodvowError as error:
            self._say(f"controls together: {error.message}; each alone")
            return False
        # What becomes of a control hangs on its trials only, and they are those of all.
        fate, reason, kill = fate_of(controls[0], trials, register=self._register, green=self._green, panics=panics)
        if fate not in {Fate.GREEN, Fate.RED}:
            self._say(f"controls together: {fate} ({reason}); each alone")
            return False
        wall_s = time.monotonic() - began
        for each in controls:
            others = ", ".join(other.id for other in controls if other is not each)
            self._keep(each, fate, f"{reason}, beside {others}", kill, trials=trials, wall_s=wall_s)
        return True

    def _one(self, seat: Seat, program: Program, definition: Definition) -> None:
        """Try a mutant."""
        began = time.monotonic()
        trials: list[Trial] = []
        panics = 0
        try:
            seat.choose(program, definition.id)
            trials += self._by_claim(seat, definition)
            if not self._noticed(trials):
                trials += self._again(seat, trials, mutant=not definition.control)
            panics = seat.panics()
            if not (definition.control or self._noticed(trials) or panics or self._wish.related_only):
                if self._baseline(seat, program, self._all):
                    seat.choose(program, definition.id)
                trials += self._by_others(seat, definition)
                panics = seat.panics()
        except PodvowError as error:
            fate = Fate.INCONCLUSIVE if trials else Fate.CRASHED
            self._keep(definition, fate, error.message, trials=trials, wall_s=time.monotonic() - began)
            return
        fate, reason, kill = fate_of(definition, trials, register=self._register, green=self._green, panics=panics)
        if fate is Fate.SURVIVED and definition.equivalent:
            fate, reason = Fate.EQUIVALENT, definition.equivalent
        self._keep(definition, fate, reason, kill, trials=trials, wall_s=time.monotonic() - began)

    def _by_claim(self, seat: Seat, definition: Definition) -> list[Trial]:
        """Run the scenarios of the claims that must notice it; where everything is asked for, all of them."""
        if self._wish.everything:
            return [self._trial(seat, self._green, mutant=not definition.control)]
        named = self._named([definition]) & self._green.keys()
        # To its end: a control must stay green, and a claim that is to turn to holds must be judged.
        until = frozenset() if definition.control or definition.holds else definition.related(self._register)
        return self._in_turn(seat, named, until, mutant=not definition.control)

    def _by_others(self, seat: Seat, definition: Definition) -> list[Trial]:
        return self._in_turn(seat, self._green.keys() - self._named([definition]), self._gating, mutant=True)

    def _in_turn(self, seat: Seat, wanted: Collection[str], until: frozenset[str], *, mutant: bool) -> list[Trial]:
        """Run scenarios that disturb only their own Pod first: the others wait for each other."""
        alone = {i.id for i in self._items if i.planned.scenario.isolation is not Isolation.POD}
        parts = (set(wanted) - alone, set(wanted) & alone) if until else (set(wanted),)
        done: list[Trial] = []
        for part in parts:
            if part and not self._noticed(done):
                done.append(self._trial(seat, part, until, mutant=mutant))
        return done

    def _noticed(self, trials: Sequence[Trial]) -> bool:
        return kill_of(trials, self._gating, self._green) is not None

    def _again(self, seat: Seat, trials: Sequence[Trial], *, mutant: bool = False) -> list[Trial]:
        """Run once more, one after the other, the scenarios that came to no verdict.

        A crowd may have been the reason. A verdict is never asked for twice.
        """
        open_ = {each.scenario for each in last_of(trials) if each.verdict in UNDECIDED}
        if not open_ or any(trial.error for trial in trials):
            return []
        self._say(f"  no verdict, once more: {', '.join(sorted(open_))}")
        return [self._trial(seat, open_, mutant=mutant, alone=True)]

    def _trial(
        self,
        seat: Seat,
        wanted: Collection[str],
        until: Collection[str] = (),
        *,
        mutant: bool = False,
        alone: bool = False,
    ) -> Trial:
        """Run scenarios; with a mutant what does not come is waited for only as long as it may take without.

        Args:
            seat: where they run.
            wanted: the tests.
            until: claims whose violation ends it early.
            mutant: whether a bug is active: its few scenarios need not go easy on the machine for others' sake.
            alone: whether they are to start one after the other.
        """
        self.stand.trials += 1
        patience = {each: self._green[each] + _MARGIN_S for each in wanted} if mutant else {}
        busy = 1 if alone else 0 if mutant else self._session.busy
        base = replace(self._session, busy=busy)
        done = trial.run(base, self.stand.trials, wanted, node=seat.pods, until=until, patience=patience)
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
        judged = last_of(trials)
        result = Result(
            definition.id,
            definition.title,
            definition.control,
            fate,
            reason,
            kill,
            claims_of(judged, self._scenarios),
            len(judged),
            round(wall_s, 1),
            tuple(done.run for done in trials),
            definition.target.value,
        )
        self.stand.results.append(result)
        self.told()
        told = f" by {kill.scenario}: {kill.expectation}" if kill else ""
        self._say(f"{result.id}: {fate}{told}{f' ({reason})' if reason else ''}, {wall_s:.0f} s")
