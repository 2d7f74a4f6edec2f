"""Which cluster takes which mutants. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from podvow.mutants.campaign import Wish
from podvow.mutants.definition import Target, of_target


@dataclass(frozen=True)
class Share:
    """What one cluster is to do, as data for its process.

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


def dealt(wish: Wish, definitions: str, lanes: int) -> list[Share]:
    """Deal mutants out to clusters, one after the other, program by program.

    Controls go to every cluster, each judged there by the scenarios of that cluster's mutants: together they are
    judged by as much as on one cluster, and none needs to know how all scenarios come out without a bug.

    Args:
        wish: what is to be run.
        definitions: folder that the mutants are from.
        lanes: how many clusters there are.

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
