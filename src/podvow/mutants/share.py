"""Which place takes which mutants: a worker, or a cluster. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from podvow.mutants.campaign import Wish
from podvow.mutants.definition import Target, of_target

Tests = Mapping[str, Collection[str]]
"""By mutant the tests that are to notice it."""

_SCENARIO_S = 5.0
"""What one more scenario adds to a place's baseline, and again to its controls, in seconds (measured: three places
on two cores)."""
_MUTANT_S = 55.0
"""What a mutant takes, in seconds (measured, at the median)."""


@dataclass(frozen=True)
class Share:
    """What one place is to do, as data for its process.

    Attributes:
        definitions: folder that the mutants are from.
        mutants: ids of the mutants and controls.
        peers: ids of the mutants by whose scenarios its controls are judged.
        everything: run all suites on each.
        related_only: leave out the scenarios of claims that a mutant's definition does not name.
    """

    definitions: str
    mutants: tuple[str, ...]
    peers: tuple[str, ...]
    everything: bool = False
    related_only: bool = False


@dataclass(frozen=True)
class Place:
    """Where mutants can be tried while others are tried elsewhere.

    Attributes:
        cluster: name of podvow's kind cluster.
        node: the worker whose kubelet is swapped; empty to leave it to the cluster.
    """

    cluster: str
    node: str = ""

    @property
    def label(self) -> str:
        """What tells it from the others, for people: a node of a kind cluster has the cluster's name in its own."""
        return self.node or self.cluster


@dataclass
class _Load:
    """What a place has been given so far.

    Attributes:
        mutants: ids of the mutants and controls that it tries.
        peers: ids of the mutants by whose scenarios its controls are judged.
        runs: the tests that it runs without a bug: program, which time (once more with the controls), and test.
    """

    mutants: list[str] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    runs: set[tuple[Target, int, str]] = field(default_factory=set)

    def seconds(self, runs: Collection[tuple[Target, int, str]], mutants: Collection[str]) -> float:
        """Return how long the place would take, about, with some more tests and mutants."""
        return _SCENARIO_S * len(self.runs.union(runs)) + _MUTANT_S * (len(self.mutants) + len(mutants))


def rounds(wish: Wish, definitions: str, places: Sequence[Place], tests: Tests) -> list[list[tuple[Place, Share]]]:
    """Deal mutants out to places, in rounds that follow each other.

    Kubelets are tried on every worker at a time. A component of the control plane is the whole cluster's, so it is
    tried once no kubelet of the cluster is, in one place per cluster.

    Args:
        wish: what is to be run.
        definitions: folder that the mutants are from.
        places: where; several of one cluster are workers of it.
        tests: by mutant the tests that are to notice it.

    Returns:
        By round the places that have something to do, with it.
    """
    if not any(place.node for place in places):
        parts = [(wish, list(places))]  # each has a cluster of its own: no round has to wait for another place
    else:
        clusters = list(dict.fromkeys(place.cluster for place in places))
        kubelets = frozenset({Target.KUBELET})
        others = frozenset(Target) - kubelets
        parts = [(_of(wish, kubelets), list(places)), (_of(wish, others), [Place(each) for each in clusters])]
    shares = [zip(where, dealt(part, definitions, len(where), tests), strict=True) for part, where in parts]
    return [given for part in shares if (given := [(place, share) for place, share in part if share.mutants])]


def _of(wish: Wish, targets: frozenset[Target]) -> Wish:
    """Return what of a wish is about some programs."""
    return replace(
        wish,
        mutants=[definition for definition in wish.mutants if definition.target in targets],
        peers=[definition for definition in wish.peers if definition.target in targets],
    )


def dealt(wish: Wish, definitions: str, lanes: int, tests: Tests) -> list[Share]:
    """Deal mutants out to places, program by program, so that all take about the same time.

    Controls go to every place, each judged there by the scenarios of that place's mutants: together they are
    judged by as much as in one place, and none needs to know how all scenarios come out without a bug.

    Args:
        wish: what is to be run.
        definitions: folder that the mutants are from.
        lanes: how many places there are.
        tests: by mutant the tests that are to notice it.

    Returns:
        A share for each; one may be empty.
    """
    loads = [_Load() for _ in range(lanes)]
    wanted = {definition.id for definition in wish.mutants}
    for target in Target:
        controls = [d for d in of_target(wish.mutants, target) if d.control]
        turns = 1 + (len(controls) if wish.everything else bool(controls))
        bugs = [d.id for d in of_target(wish.mutants, target) if not d.control]
        # Where a control is run, what the bugs that are not would need is run for it.
        beside = [d.id for d in of_target(wish.peers, target) if controls and not d.control and d.id not in wanted]
        # Those with many tests first: small ones then make even what is uneven.
        for mutant in sorted([*bugs, *beside], key=lambda each: -len(tests[each])):
            runs = {(target, turn, test) for turn in range(turns) for test in tests[mutant]}
            tried = [mutant] if mutant in wanted else []
            least = min(loads, key=lambda load: load.seconds(runs, tried))
            least.peers.append(mutant)
            least.mutants += tried
            least.runs |= runs
        here = {d.id for d in of_target(wish.peers, target)}
        for load in loads:
            judged = not here.isdisjoint(load.peers)
            load.mutants += [control.id for control in controls if judged or control.claims]
    order = {definition.id: number for number, definition in enumerate(wish.mutants)}
    return [
        Share(
            definitions,
            tuple(sorted(load.mutants, key=order.__getitem__)),
            tuple(sorted(load.peers)),
            everything=wish.everything,
            related_only=wish.related_only,
        )
        for load in loads
    ]
