"""`podvow mutants run` on one cluster: what is needed is found and built, then program by program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from podvow import run as runs
from podvow.claims import Register, load_register
from podvow.mutants import host
from podvow.mutants.build import build
from podvow.mutants.campaign import Campaign, Say, Stand, Wish
from podvow.mutants.definition import Definition, Target, of_target
from podvow.mutants.score import Result, Score, score_of
from podvow.paths import SUITES
from podvow.redact import watch_logs
from podvow.selection import collect
from podvow.session import Session
from podvow.verdict import Judged


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        nodes: the nodes whose programs were swapped.
        versions: of Kubernetes there.
        programs: SHA-256 of the programs that were tried.
        baseline: verdicts on programs without an active mutant, by scenario.
        odd: the scenarios that did not come out as expected there, and so were of no use.
        results: what became of each.
        score: of all.
        wall_s: how long it took, in seconds.
        leaks: what could not be removed.
    """

    nodes: tuple[str, ...]
    versions: tuple[str, ...]
    programs: tuple[str, ...]
    baseline: tuple[Judged, ...]
    odd: tuple[str, ...]
    results: tuple[Result, ...]
    score: Score
    wall_s: float
    leaks: tuple[str, ...] = ()


def run(session: Session, wish: Wish, say: Say, keep: Callable[[Outcome], object]) -> Outcome:
    """Run mutants on a cluster, program by program: the kubelet of its disturbed worker, its control plane.

    Args:
        session: the run; its folder takes journal and results, its parts get folders beside it.
        wish: which mutants, and how thoroughly.
        say: is told what goes on.
        keep: is given what is known after each mutant: a campaign that is interrupted is not lost.

    Raises:
        PodvowError: something stands in the way that was found before a node was touched, or a node's own program
            could not be put back.
    """
    began = time.monotonic()
    watch_logs()
    register = load_register(SUITES / "claims.yaml")
    check_names(wish.mutants, register)
    collected = collect(profile=session.profile)
    runs.check_fixtures()
    runs.prepare(session, collected)
    wanted = frozenset(definition.target for definition in wish.mutants)
    targets = [target for target in Target if target in wanted]  # a control plane is upset for a while afterwards
    found = host.find(session, wanted)
    # All of the folder, whatever is asked for: so the program is the cached one.
    built = {t: build(of_target(wish.loaded, t), found.versions[t]) for t in targets}
    order = {definition.id: number for number, definition in enumerate(wish.mutants)}
    stand = Stand()

    def known() -> Outcome:
        results = tuple(sorted(stand.results, key=lambda result: order[result.id]))
        return Outcome(
            nodes=tuple(dict.fromkeys(found.nodes.values())),
            versions=tuple(dict.fromkeys(found.versions.values())),
            programs=tuple(program.digest for each in built.values() for program in each.programs),
            baseline=tuple(stand.baseline),
            odd=tuple(stand.odd),
            results=results,
            score=score_of(results, stand.baseline, register),
            wall_s=round(time.monotonic() - began, 1),
            leaks=tuple(dict.fromkeys(stand.leaks)),
        )

    common: dict[str, Any] = {"register": register, "collected": collected, "say": say, "stand": stand}
    campaigns = [Campaign(session, wish, built[target], target=target, **common) for target in targets]
    for campaign in campaigns:
        campaign.told = lambda: keep(known())
        campaign.leave_out(found.versions[campaign.target])
    able = [campaign for campaign in campaigns if campaign.held]
    if able:
        with host.entered(session) as cluster:
            for campaign in able:
                with cluster.borrow(campaign.target, found.nodes[campaign.target]) as seat:
                    campaign.run(seat)
    return known()


def check_names(mutants: Iterable[Definition], register: Register) -> None:
    """Make sure that all claims that mutants name are in the register.

    Raises:
        UsageError: one is not.
    """
    for definition in mutants:
        definition.related(register)
        for claim in definition.holds:
            register.claim(claim)
