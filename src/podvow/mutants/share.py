"""Which place takes which mutants: a worker, or a cluster. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from podvow.mutants.campaign import Wish
from podvow.mutants.definition import Target, of_target


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


def rounds(wish: Wish, definitions: str, places: Sequence[Place]) -> list[list[tuple[Place, Share]]]:
    """Deal mutants out to places, in rounds that follow each other.

    Kubelets are tried on every worker at a time. A component of the control plane is the whole cluster's, so it is
    tried once no kubelet of the cluster is, in one place per cluster.

    Args:
        wish: what is to be run.
        definitions: folder that the mutants are from.
        places: where; several of one cluster are workers of it.

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
    shares = [zip(where, dealt(part, definitions, len(where)), strict=True) for part, where in parts]
    return [given for part in shares if (given := [(place, share) for place, share in part if share.mutants])]


def _of(wish: Wish, targets: frozenset[Target]) -> Wish:
    """Return what of a wish is about some programs."""
    return replace(
        wish,
        mutants=[definition for definition in wish.mutants if definition.target in targets],
        peers=[definition for definition in wish.peers if definition.target in targets],
    )


def dealt(wish: Wish, definitions: str, lanes: int) -> list[Share]:
    """Deal mutants out to places, one after the other, program by program.

    Controls go to every place, each judged there by the scenarios of that place's mutants: together they are
    judged by as much as in one place, and none needs to know how all scenarios come out without a bug.

    Args:
        wish: what is to be run.
        definitions: folder that the mutants are from.
        lanes: how many places there are.

    Returns:
        A share for each; one may be empty.
    """
    mutants: list[list[str]] = [[] for _ in range(lanes)]
    peers: list[list[str]] = [[] for _ in range(lanes)]
    wanted = {definition.id for definition in wish.mutants}
    turn = others = 0
    for target in Target:
        for definition in of_target([d for d in wish.mutants if not d.control], target):
            mutants[turn % lanes].append(definition.id)
            peers[turn % lanes].append(definition.id)
            turn += 1
        rest = [d for d in of_target(wish.peers, target) if not d.control and d.id not in wanted]
        for definition in rest:
            peers[others % lanes].append(definition.id)
            others += 1
        here = {d.id for d in of_target(wish.peers, target)}
        for control in of_target([d for d in wish.mutants if d.control], target):
            for lane in range(lanes):
                if not here.isdisjoint(peers[lane]) or control.claims:
                    mutants[lane].append(control.id)
    order = {definition.id: number for number, definition in enumerate(wish.mutants)}
    return [
        Share(
            definitions,
            tuple(sorted(ids, key=order.__getitem__)),
            tuple(sorted(beside)),
            everything=wish.everything,
            related_only=wish.related_only,
        )
        for ids, beside in zip(mutants, peers, strict=True)
    ]
